// The emulator's clock stands still here but for host.advance, so a token lives exactly as long as a scenario wants.
import assert from 'node:assert/strict'
import { host } from '../host.mjs'
import { barrier, connect, Member, member, Queue, unique } from '../members.mjs'

const LIFETIME = 20

// A member with a token of its own that nobody refreshes: when it is closed, the time has come for the others as well.
async function doomed() {
  const client = await connect()
  await client.realtime.setAuth(await host.agentToken(undefined, LIFETIME))
  return await member(client, unique('interop:open'), { private: true }, 'doomed')
}

export async function Expired_token_closes_the_channel_and_says_so() {
  const closing = await doomed()

  await host.advance(LIFETIME + 3)

  const { status, extension, message, channel } = await closing.system.next()
  assert.deepEqual([status, extension, channel], ['error', 'system', closing.channel.subTopic])
  assert.match(message, /^Token has expired \d+ seconds ago$/)
  await closing.until('CLOSED')
  assert.equal(closing.client.realtime.isConnected(), true)
}

export async function Closed_channel_may_be_joined_again_with_a_new_token() {
  const closing = await doomed()
  await host.advance(LIFETIME + 3)
  await closing.until('CLOSED')

  await closing.client.realtime.setAuth(await host.agentToken())
  const again = await member(closing.client, closing.channel.subTopic, { private: true, broadcast: { self: true } }, 'again')

  await barrier(again, again)
}

export async function Refreshed_token_keeps_the_channel() {
  const client = await connect()
  await client.realtime.setAuth(await host.agentToken(undefined, LIFETIME))
  const staying = await member(client, unique('interop:open'), { private: true, broadcast: { self: true } }, 'staying')
  const closing = await doomed()

  await client.realtime.setAuth(await host.agentToken(undefined, 3600))
  await barrier(staying, staying)
  await host.advance(LIFETIME + 3)
  await closing.until('CLOSED')

  await barrier(staying, staying)
  assert.deepEqual([staying.statuses.unread, staying.system.unread], [[], []])
}

export async function Callback_is_asked_again_and_keeps_the_channel() {
  const tokens = [await host.agentToken(undefined, LIFETIME), await host.agentToken(undefined, 3600)]
  const asked = new Queue('asked')
  let isRefreshed = false
  const client = await connect({
    accessToken: async () => {
      asked.add({ isRefreshed })
      return tokens[isRefreshed ? 1 : 0]
    },
  })
  const staying = await member(client, unique('interop:open'), { private: true, broadcast: { self: true } }, 'staying')
  const closing = await doomed()

  // supabase-js asks at each heartbeat, every 25 seconds.
  isRefreshed = true
  await client.realtime.sendHeartbeat()
  await asked.next((seen) => seen.isRefreshed)
  // Its answer is taken and sent before anything else has its turn.
  await new Promise(setImmediate)
  await barrier(staying, staying)
  await host.advance(LIFETIME + 3)
  await closing.until('CLOSED')

  await barrier(staying, staying)
  assert.deepEqual([staying.statuses.unread, staying.system.unread], [[], []])
}

export async function Expired_token_is_refused_at_the_join() {
  const expired = new Member(await connect({ token: await host.agentToken(undefined, -60) }), unique('interop:open'), { private: true }, 'expired')

  expired.subscribe()

  assert.match((await expired.until('CHANNEL_ERROR')).text, /^InvalidJWTToken: Token has expired \d+ seconds ago$/)
}

export async function Expired_token_closes_what_is_joined_at_once() {
  const client = await connect()
  const open = await member(client, unique('interop:open'), {}, 'open')

  await client.realtime.setAuth(await host.agentToken(undefined, -60))

  assert.match((await open.system.next()).message, /^Token has expired \d+ seconds ago$/)
  await open.until('CLOSED')
}

export async function Token_without_the_right_to_read_closes_what_is_joined() {
  const desk = await host.desk()
  const topic = `bcast:org:${desk.organizationId}:conv:${desk.conversationId}`
  const client = await connect()
  await client.realtime.setAuth(desk.visitorToken)
  const visitor = await member(client, topic, { private: true }, 'visitor')

  await client.realtime.setAuth((await host.desk()).visitorToken)

  assert.match((await visitor.system.next()).message, /^You (no longer|do not) have permissions? to read from this Channel topic: /)
  await visitor.until('CLOSED')
}
