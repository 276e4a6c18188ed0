import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { barrier, connect, Member, member, unique } from '../members.mjs'

async function pair(config = {}, token) {
  const topic = unique('interop:open')
  const sender = await member(await connect({ token }), topic, config, 'sender')
  const receiver = await member(await connect({ token }), topic, config, 'receiver')
  return { topic, sender, receiver }
}

async function privatePair(broadcast) {
  return await pair({ private: true, broadcast }, await host.agentToken())
}

export async function Json_payloads_of_every_kind_arrive_unchanged() {
  const { sender, receiver } = await pair()
  const payloads = [
    'plain text', 'é 😀 \u0000 "quoted" \\ \n', '', 0, -1.5e300, true, [], [1, 'two', null], {},
    { nested: { deep: [{ a: null }] }, 'key with "quotes"': 1 }, { long: 'x'.repeat(100_000) },
  ]

  for (const payload of payloads) assert.equal(await sender.send('any', payload), 'ok')

  const received = await receiver.broadcasts.take(payloads.length)
  assert.deepEqual(received.map((message) => message.payload), payloads)
  assert.ok(received.every((message) => message.type === 'broadcast' && message.event === 'any'))
}

export async function Binary_payload_arrives_as_the_same_bytes() {
  const { sender, receiver } = await privatePair()
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)

  await sender.send('bytes', bytes.buffer)
  await sender.send('none', new ArrayBuffer(0))

  const [full, empty] = await receiver.broadcasts.take(2)
  assert.equal(full.event, 'bytes')
  assert.deepEqual(new Uint8Array(full.payload), bytes)
  assert.equal(empty.payload.byteLength, 0)
}

export async function Messages_of_one_sender_arrive_in_order() {
  const { sender, receiver } = await pair()

  for (let n = 0; n < 60; n++) await sender.send('count', { n })

  const received = await receiver.broadcasts.take(60)
  assert.deepEqual(received.map((message) => message.payload.n), [...Array(60).keys()])
}

export async function Topics_and_events_with_reserved_characters_arrive() {
  const topic = `interop:open:Zo%C3%AB/a b?c#d&e+f:${crypto.randomUUID()}`
  const sender = await member(await connect(), topic, {}, 'sender')
  const receiver = await member(await connect(), topic, {}, 'receiver')

  await sender.send('cursor/move?x=1', { n: 1 })
  await sender.channel.httpSend('cursor/move?x=1', { n: 2 })

  const received = await receiver.broadcasts.take(2)
  assert.deepEqual(received.map((message) => [message.event, message.payload.n]), [['cursor/move?x=1', 1], ['cursor/move?x=1', 2]])
}

export async function Self_decides_whether_a_sender_hears_itself() {
  const deaf = await pair({ broadcast: { self: false } })
  await deaf.sender.send('said', { n: 1 })
  await deaf.receiver.broadcasts.next()
  await barrier(deaf.receiver, deaf.sender)
  assert.deepEqual(deaf.sender.broadcasts.unread, [])

  const hearing = await pair({ broadcast: { self: true } })
  await hearing.sender.send('said', { n: 1 })
  assert.deepEqual((await hearing.sender.broadcasts.next()).payload, { n: 1 })
}

export async function Ack_is_the_servers_word_on_each_message() {
  const { sender, receiver } = await privatePair({ ack: true })

  assert.equal(await sender.send('small', { n: 1 }), 'ok')
  assert.equal(await sender.send('large', { text: 'x'.repeat(3_100_000) }), 'error')
  assert.equal(await sender.send('bytes', new ArrayBuffer(5)), 'ok')

  const received = await receiver.broadcasts.take(2)
  assert.deepEqual(received.map((message) => message.event), ['small', 'bytes'])
}

export async function Ack_stays_out_when_the_policy_lets_nobody_write() {
  const topic = unique('interop:readonly')
  const token = await host.agentToken()
  const config = { private: true, broadcast: { ack: true } }
  const sender = await member(await connect({ token }), topic, config, 'sender')
  const receiver = await member(await connect({ token }), topic, config, 'receiver')

  assert.equal(await sender.send('forged', {}, { timeout: 1500 }), 'timed out')

  await host.sql("select realtime.send('{}', 'true', $1)", topic)
  assert.equal((await receiver.broadcasts.next()).event, 'true')
}

export async function Public_and_private_channels_of_one_name_do_not_meet() {
  const token = await host.agentToken()
  const { topic, sender, receiver } = await pair({ private: true }, token)
  const outside = await member(await connect({ token }), topic, { broadcast: { self: true } }, 'outside')

  await sender.send('secret', {})
  assert.equal((await receiver.broadcasts.next()).event, 'secret')
  await barrier(outside, outside)
  assert.deepEqual(outside.broadcasts.unread, [])
  await barrier(sender, receiver)
  assert.deepEqual(receiver.broadcasts.unread, [])
}

export async function HttpSend_reaches_public_and_private_members() {
  for (const { sender, receiver } of [await pair(), await privatePair()]) {
    assert.deepEqual(await sender.channel.httpSend('json', { n: 1, text: 'é' }), { success: true })
    assert.deepEqual(await sender.channel.httpSend('bytes', new Uint8Array([0, 1, 255])), { success: true })

    const [json, bytes] = await receiver.broadcasts.take(2)
    assert.deepEqual([json.event, json.payload], ['json', { n: 1, text: 'é' }])
    assert.deepEqual([...new Uint8Array(bytes.payload)], [0, 1, 255])
  }
}

export async function HttpSend_needs_no_subscription() {
  const { topic, receiver } = await pair()
  const outside = (await connect()).channel(topic)

  await outside.httpSend('from outside', { n: 1 })

  assert.equal((await receiver.broadcasts.next()).event, 'from outside')
}

export async function HttpSend_says_why_it_was_refused() {
  const token = await host.agentToken()
  const readOnly = (await connect({ token })).channel(unique('interop:readonly'), { config: { private: true } })
  const nobody = (await connect({ token: token.slice(0, -6) + 'AAAAAA' })).channel(unique('interop:open'))
  const open = (await connect({ token })).channel(unique('interop:open'))

  await assert.rejects(readOnly.httpSend('x', {}), { message: 'Unauthorized' })
  await assert.rejects(nobody.httpSend('x', {}), { message: 'Unauthorized' })
  await assert.rejects(open.httpSend('x', { text: 'x'.repeat(3_100_000) }), /./)
}

export async function Send_before_the_join_goes_by_rest() {
  const { topic, receiver } = await pair()
  const outside = new Member(await connect(), topic, {}, 'outside')

  assert.equal(await outside.send('early', { n: 1 }), 'ok')

  const message = await receiver.broadcasts.next()
  assert.deepEqual([message.event, message.payload], ['early', { n: 1 }])
}

export async function Database_messages_carry_the_id_of_their_row() {
  const topic = unique('interop:readonly')
  const receiver = await member(await connect({ token: await host.agentToken() }), topic, { private: true }, 'receiver')

  await host.sql("select realtime.send('{\"n\": 1}', 'json', $1)", topic)
  await host.sql("select realtime.send_binary('\\x00ff', 'bytes', $1)", topic)
  const [jsonId, bytesId] = await host.sql('select id from realtime.messages where topic = $1 order by inserted_at', topic)

  const [json, bytes] = await receiver.broadcasts.take(2)
  assert.deepEqual(json.payload, { n: 1, id: jsonId })
  assert.deepEqual(json.meta, { id: jsonId })
  assert.deepEqual([...new Uint8Array(bytes.payload)], [0, 255])
  assert.deepEqual(bytes.meta, { id: bytesId })
}

export async function Version_1_client_speaks_with_a_version_2_client() {
  const topic = unique('interop:open')
  const token = await host.agentToken()
  const config = { private: true, broadcast: { ack: true }, presence: { key: 'old', enabled: true } }
  const old = await member(await connect({ token, realtime: { vsn: '1.0.0' } }), topic, config, 'version 1')
  const current = await member(await connect({ token }), topic, config, 'version 2')

  assert.equal(await old.send('from 1', { n: 1 }), 'ok')
  const message = await current.broadcasts.next()
  assert.deepEqual([message.event, message.payload], ['from 1', { n: 1 }])

  // Version 1 has no form for bytes: they are for others only.
  assert.equal(await current.send('bytes', new ArrayBuffer(3)), 'ok')
  assert.equal(await current.send('from 2', { n: 2 }), 'ok')
  await current.channel.httpSend('by rest', { n: 3 })
  await host.sql("select realtime.send('{\"n\": 4}', 'by database', $1)", topic)
  const received = await old.broadcasts.take(3)
  assert.deepEqual(received.map((seen) => [seen.event, seen.payload.n]), [['from 2', 2], ['by rest', 3], ['by database', 4]])

  assert.equal(await old.channel.track({ name: 'Vera' }), 'ok')
  await old.leave()
}
