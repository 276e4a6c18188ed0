import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { connect, Member, Queue, unique } from '../members.mjs'

class Guest extends Member {
  constructor(client, topic, key) {
    super(client, topic, { private: true, presence: { key } }, key)
    this.changes = new Queue(`${key} presence`)
    this.channel
      .on('presence', { event: 'sync' }, () => this.changes.add({ event: 'sync', who: this.who }))
      .on('presence', { event: 'join' }, ({ key: who, newPresences }) => this.changes.add({ event: 'join', who, status: newPresences.map((one) => one.status) }))
      .on('presence', { event: 'leave' }, ({ key: who, leftPresences }) => this.changes.add({ event: 'leave', who, status: leftPresences.map((one) => one.status) }))
  }

  // Everyone who is there, with the statuses of their connections.
  get who() {
    const state = this.channel.presenceState()
    return Object.fromEntries(Object.keys(state).sort().map((key) => [key, state[key].map((one) => one.status).sort()]))
  }

  change(event, who) {
    return this.changes.next((seen) => seen.event === event && seen.who === who)
  }

  synced(who) {
    const wanted = JSON.stringify(who)
    return this.changes.next((seen) => seen.event === 'sync' && JSON.stringify(seen.who) === wanted)
  }
}

async function guests(...keys) {
  const topic = unique('interop:open')
  const token = await host.agentToken()
  return await Promise.all(keys.map(async (key) => await new Guest(await connect({ token }), topic, key).join()))
}

export async function Everyone_sees_who_comes_and_goes() {
  const [ada, ben, eve] = await guests('ada', 'ben', 'eve')
  for (const guest of [ada, ben, eve]) await guest.synced({})

  assert.equal(await ada.channel.track({ status: 'online' }), 'ok')
  assert.equal(await ben.channel.track({ status: 'busy' }), 'ok')
  for (const guest of [ada, ben, eve]) {
    assert.deepEqual((await guest.change('join', 'ada')).status, ['online'])
    assert.deepEqual((await guest.change('join', 'ben')).status, ['busy'])
    await guest.synced({ ada: ['online'], ben: ['busy'] })
  }

  assert.equal(await ben.channel.untrack(), 'ok')
  for (const guest of [ada, ben, eve]) {
    assert.deepEqual((await guest.change('leave', 'ben')).status, ['busy'])
    await guest.synced({ ada: ['online'] })
  }

  await ada.leave()
  for (const guest of [ben, eve]) {
    await guest.change('leave', 'ada')
    await guest.synced({})
  }
}

async function latecomer(guest) {
  return await new Guest(await connect({ token: await host.agentToken() }), guest.channel.subTopic, 'late').join()
}

export async function Latecomer_is_told_who_is_there() {
  const [ada, ben] = await guests('ada', 'ben')
  await ada.channel.track({ status: 'online' })
  await ben.synced({ ada: ['online'] })

  await (await latecomer(ada)).synced({ ada: ['online'] })
}

// After a second join of one key, presenceState() of this supabase-js keeps what has left (supabase-js#2565, mended in
// versions that need a newer Node): the changes and a latecomer's first look tell what the server said.
export async function Changed_status_replaces_the_old_one() {
  const [ada, ben] = await guests('ada', 'ben')
  await ada.channel.track({ status: 'online' })
  await ben.change('join', 'ada')

  await ada.channel.track({ status: 'away' })

  assert.deepEqual((await ben.change('join', 'ada')).status, ['away'])
  assert.deepEqual((await ben.change('leave', 'ada')).status, ['online'])
  await (await latecomer(ada)).synced({ ada: ['away'] })
}

export async function Connections_of_one_key_are_counted_together() {
  const [first, second, watcher] = await guests('ada', 'ada', 'watcher')
  await first.channel.track({ status: 'phone' })
  await second.channel.track({ status: 'desktop' })
  await watcher.synced({ ada: ['desktop', 'phone'] })
  await (await latecomer(watcher)).synced({ ada: ['desktop', 'phone'] })

  await first.leave()

  assert.deepEqual((await watcher.change('leave', 'ada')).status, ['phone'])
  await (await latecomer(watcher)).synced({ ada: ['desktop'] })
}

export async function Lost_connection_is_a_leave_for_the_others() {
  const [ada, ben] = await guests('ada', 'ben')
  await ada.channel.track({ status: 'online' })
  await ben.synced({ ada: ['online'] })

  await ada.client.realtime.disconnect()

  await ben.change('leave', 'ada')
  await ben.synced({})
}

export async function Guest_without_a_key_is_given_one() {
  const [nameless, watcher] = await guests('', 'watcher')

  await nameless.channel.track({ status: 'online' })

  const { who } = await watcher.changes.next((seen) => seen.event === 'join')
  assert.match(who, /^[0-9a-f-]{36}$/)
}

export async function Track_is_refused_where_the_policies_let_nobody_write() {
  const topic = unique('interop:readonly')
  const guest = await new Guest(await connect({ token: await host.agentToken() }), topic, 'ada').join()

  assert.equal(await guest.channel.track({ status: 'online' }), 'error')
}
