import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { connect, member, unique } from '../members.mjs'

async function stored(topic, count) {
  await host.sql(
    "select realtime.send(jsonb_build_object('n', n), 'count', $1) from generate_series(1, $2::int) n", topic, String(count))
  // Times of one statement are equal: spread them, so that "the newest" has a meaning.
  await host.sql(
    "update realtime.messages set inserted_at = now() - interval '1 hour' + (payload ->> 'n')::int * interval '1 second' where topic = $1", topic)
}

async function replayed(topic, replay) {
  return await member(await connect({ token: await host.agentToken() }), topic, { private: true, broadcast: { replay } }, 'late')
}

const numbers = (messages) => messages.map((message) => message.payload.n)

export async function Newest_messages_come_oldest_first_and_marked() {
  const topic = unique('interop:readonly')
  await stored(topic, 5)

  const late = await replayed(topic, { since: Date.now() - 7_200_000, limit: 3 })

  const messages = await late.broadcasts.take(3)
  assert.deepEqual(numbers(messages), [3, 4, 5])
  assert.ok(messages.every((message) => message.meta.replayed === true && message.meta.id === message.payload.id))

  await host.sql("select realtime.send('{\"n\": 6}', 'count', $1)", topic)
  const live = await late.broadcasts.next()
  assert.deepEqual([live.payload.n, live.meta.replayed], [6, undefined])
}

export async function Replay_begins_at_the_given_time_and_has_at_most_25() {
  const topic = unique('interop:readonly')
  await stored(topic, 40)
  const [time] = await host.sql("select floor(extract(epoch from inserted_at at time zone 'UTC') * 1000)::bigint from realtime.messages where topic = $1 and payload ->> 'n' = '38'", topic)

  assert.deepEqual(numbers(await (await replayed(topic, { since: Number(time) })).broadcasts.take(3)), [38, 39, 40])
  const all = await replayed(topic, { since: 0 })
  assert.deepEqual(numbers(await all.broadcasts.take(25)), Array.from({ length: 25 }, (_, index) => index + 16))
}

export async function Bytes_are_replayed_as_bytes() {
  const topic = unique('interop:readonly')
  await host.sql("select realtime.send_binary('\\x0102', 'bytes', $1)", topic)

  const late = await replayed(topic, { since: Date.now() - 60_000 })

  const message = await late.broadcasts.next()
  assert.deepEqual([...new Uint8Array(message.payload)], [1, 2])
  assert.equal(message.meta.replayed, true)
}

export async function Replay_needs_a_private_channel() {
  const client = await connect()
  assert.throws(() => client.channel(unique('interop:open'), { config: { broadcast: { replay: { since: 0 } } } }), /private/)
}
