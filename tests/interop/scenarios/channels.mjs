import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { barrier, connect, Member, member, unique } from '../members.mjs'

export async function Join_that_the_policies_refuse_is_a_channel_error_with_the_reason() {
  const topic = unique('interop:open')
  const anonymous = new Member(await connect(), topic, { private: true }, 'anonymous').subscribe()

  const { text } = await anonymous.until('CHANNEL_ERROR')

  assert.equal(text, `Unauthorized: You do not have permissions to read from this Channel topic: ${topic}`)
}

export async function Refused_join_succeeds_by_itself_once_the_token_allows_it() {
  const client = await connect()
  const late = new Member(client, unique('interop:open'), { private: true, broadcast: { self: true } }, 'late').subscribe()
  await late.until('CHANNEL_ERROR')

  await client.realtime.setAuth(await host.agentToken())

  await late.until('SUBSCRIBED')
  await barrier(late, late)
}

export async function Refused_join_leaves_the_other_channels_of_the_client_alone() {
  const client = await connect()
  const open = await member(client, unique('interop:open'), { broadcast: { self: true } }, 'open')

  await new Member(client, unique('interop:open'), { private: true }, 'refused').subscribe().until('CHANNEL_ERROR')

  await barrier(open, open)
  assert.deepEqual(open.statuses.unread, [])
}

export async function Publishable_and_secret_keys_are_taken_for_their_roles() {
  const { publishableKey, secretKey } = await host.project()
  const topic = unique('interop:open')
  const visitor = await connect({ key: publishableKey })
  const server = await connect({ key: secretKey })

  const inside = await member(server, topic, { private: true }, 'secret')
  await member(visitor, topic, {}, 'publishable')
  await new Member(visitor, unique('interop:open'), { private: true }, 'publishable').subscribe().until('CHANNEL_ERROR')

  await server.channel(topic).httpSend('by rest', { n: 1 })
  assert.equal((await inside.broadcasts.next()).event, 'by rest')
}

export async function Removed_channel_hears_nothing_and_may_be_joined_anew() {
  const topic = unique('interop:open')
  const client = await connect()
  const leaver = await member(client, topic, {}, 'leaver')
  const other = await member(client, unique('interop:open'), { broadcast: { self: true } }, 'other')
  const sender = await member(await connect(), topic, { broadcast: { ack: true, self: true } }, 'sender')

  await leaver.leave()
  await barrier(other, other)
  assert.equal(await sender.send('unheard', {}), 'ok')
  await barrier(other, other)
  assert.deepEqual(leaver.broadcasts.unread, [])

  const again = await member(client, topic, {}, 'again')
  await sender.send('heard', {})
  assert.equal((await again.broadcasts.next()).event, 'heard')
  assert.deepEqual(leaver.broadcasts.unread, [])
}

export async function Removing_all_channels_disconnects_and_the_next_join_connects_again() {
  const client = await connect()
  const members = [await member(client, unique('interop:open')), await member(client, unique('interop:open'))]

  await client.removeAllChannels()
  for (const left of members) await left.until('CLOSED')
  assert.equal(client.realtime.isConnected(), false)

  const again = await member(client, unique('interop:open'), { broadcast: { self: true } }, 'again')
  await barrier(again, again)
}

export async function Many_channels_share_one_client() {
  const client = await connect()
  const members = await Promise.all(Array.from({ length: 20 }, () => member(client, unique('interop:open'), { broadcast: { self: true } })))

  await Promise.all(members.map((one) => barrier(one, one)))

  assert.ok(members.every((one) => one.broadcasts.unread.length === 0))
}

export async function Postgres_changes_are_refused_with_a_word_and_broadcasts_go_on() {
  const changes = new Member(await connect(), unique('interop:open'), { broadcast: { self: true } }, 'changes')
  changes.channel.on('postgres_changes', { event: '*', schema: 'public', table: 'messages' }, () => assert.fail('nothing is served'))

  await changes.join()

  const { status, extension } = await changes.system.next()
  assert.deepEqual([status, extension], ['error', 'postgres_changes'])
  await barrier(changes, changes)
}
