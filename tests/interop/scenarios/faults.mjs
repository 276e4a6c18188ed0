import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { barrier, connect, Member, member, Queue, unique } from '../members.mjs'

export async function Dropped_channels_rejoin_by_themselves_and_messages_flow_again() {
  const token = await host.agentToken()
  const client = await connect({ token })
  const first = await member(client, unique('interop:open'), { private: true, broadcast: { self: true } }, 'first')
  const second = await member(client, unique('interop:open'), { broadcast: { self: true } }, 'second')

  await host.dropConnections()

  for (const dropped of [first, second]) {
    assert.match((await dropped.until('CHANNEL_ERROR')).text, /socket closed|transport/)
    await dropped.until('SUBSCRIBED')
    await barrier(dropped, dropped)
  }
}

export async function Client_goes_on_trying_while_connections_are_refused() {
  const staying = await member(await connect(), unique('interop:open'), { broadcast: { self: true } }, 'staying')

  await host.dropConnections(2)

  await staying.until('CHANNEL_ERROR')
  await staying.until('SUBSCRIBED')
  await barrier(staying, staying)
}

export async function Half_open_link_is_noticed_by_its_silent_heartbeat_and_replaced() {
  const topic = unique('interop:open')
  const client = await connect({ realtime: { heartbeatIntervalMs: 1000 } })
  const heartbeats = new Queue('heartbeats')
  client.realtime.onHeartbeat((status) => heartbeats.add(status))
  const stranded = await member(client, topic, { broadcast: { self: true } }, 'stranded')
  await barrier(stranded, stranded)

  await host.halfOpen()
  const others = await member(await connect(), topic, {}, 'others')
  await others.send('unheard', {})

  await heartbeats.next((status) => status === 'timeout')
  await stranded.until('CHANNEL_ERROR')
  await stranded.until('SUBSCRIBED')
  await others.send('heard', {})
  const heard = await stranded.broadcasts.next((message) => message.event !== 'barrier')
  assert.equal(heard.event, 'heard', 'what was sent into the silence is lost')
}

export async function Restart_of_realtime_is_told_and_channels_are_back_by_themselves() {
  const topic = unique('interop:open')
  const staying = await member(await connect({ token: await host.agentToken() }), topic, { private: true, broadcast: { self: true } }, 'staying')

  await host.restartRealtime()

  assert.equal((await staying.system.next((message) => message.message === 'Server requested disconnect')).status, 'ok')
  await staying.until('CHANNEL_ERROR')
  await staying.until('SUBSCRIBED')
  await barrier(staying, staying)
}

export async function Replay_brings_what_was_missed_in_order() {
  const topic = unique('interop:readonly')
  const replay = { since: Date.now() - 60_000, limit: 25 }
  const receiver = await member(await connect({ token: await host.agentToken() }), topic, { private: true, broadcast: { replay } }, 'receiver')
  const store = (n) => host.sql("select realtime.send(jsonb_build_object('n', $2::int), 'count', $1)", topic, String(n))

  await store(1)
  await receiver.broadcasts.next((message) => message.payload.n === 1)
  await host.dropConnections(3600)
  await receiver.until('CHANNEL_ERROR')
  for (let n = 2; n <= 6; n++) await store(n)
  // Lets connections in again, now that all of it was missed.
  await host.dropConnections()
  await receiver.until('SUBSCRIBED')
  await store(7)
  const last = await receiver.broadcasts.next((message) => message.payload.n === 7)

  // supabase-js asks from the same time again at each join, so what was heard before comes once more; its id tells.
  const missed = receiver.broadcasts.unread
  assert.deepEqual(missed.map((message) => message.payload.n), [1, 2, 3, 4, 5, 6])
  assert.ok(missed.every((message) => message.meta.replayed === true))
  assert.equal(new Set([...missed, last].map((message) => message.meta.id)).size, 7)
}

export async function Messages_sent_while_away_go_out_after_the_rejoin() {
  const topic = unique('interop:open')
  const receiver = await member(await connect(), topic, {}, 'receiver')
  const sender = await member(await connect(), topic, { broadcast: { ack: true } }, 'sender')

  await host.dropConnections()
  await receiver.until('CHANNEL_ERROR')
  await sender.until('CHANNEL_ERROR')
  await receiver.until('SUBSCRIBED')
  await sender.until('SUBSCRIBED')

  assert.equal(await sender.send('after', { n: 1 }), 'ok')
  assert.equal((await receiver.broadcasts.next()).event, 'after')
}

export async function Refused_joins_are_tried_again_until_one_succeeds() {
  const reason = 'InitializingProjectConnection: Realtime is initializing the project connection'
  await host.refuseJoins(reason, 2)
  const patient = new Member(await connect(), unique('interop:open'), { broadcast: { self: true } }, 'patient').subscribe()

  assert.equal((await patient.until('CHANNEL_ERROR')).text, reason)
  assert.equal((await patient.until('CHANNEL_ERROR')).text, reason)
  await patient.until('SUBSCRIBED')
  await barrier(patient, patient)
}

export async function Channel_that_the_server_closes_stays_closed_until_it_is_made_anew() {
  const client = await connect()
  const topic = unique('interop:open')
  const closing = await member(client, topic, {}, 'closing')
  const other = await member(client, unique('interop:open'), { broadcast: { self: true } }, 'other')

  await host.closeChannel(topic)
  await closing.until('CLOSED')
  await barrier(other, other)
  assert.deepEqual(client.getChannels().map((channel) => channel.subTopic), [other.channel.subTopic])

  const again = await member(client, topic, { broadcast: { self: true } }, 'again')
  await barrier(again, again)
}

export async function Presence_is_back_when_the_application_tracks_after_each_join() {
  const topic = unique('interop:open')
  const watcher = new Member(await connect(), topic, {}, 'watcher')
  const seen = new Queue('seen')
  watcher.channel.on('presence', { event: 'sync' }, () => seen.add(watcher.channel.presenceState()))
  await watcher.join()
  const tracker = (await connect()).channel(topic, { config: { presence: { key: 'ada', enabled: true } } })
  let joins = 0
  tracker.subscribe(async (status) => {
    if (status === 'SUBSCRIBED') await tracker.track({ joins: ++joins })
  })
  await seen.next((state) => state.ada?.[0].joins === 1)

  await host.dropConnections()

  await seen.next((state) => state.ada?.some((one) => one.joins === 2))
}
