// supabase-js as an application uses it, and queues that a scenario can await.
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'
import { host } from './host.mjs'

const DEADLINE_MS = 30_000

// What has arrived and was not taken yet.
export class Queue {
  #name
  #items = []
  #waiting = []

  constructor(name) {
    this.#name = name
  }

  get unread() {
    return [...this.#items]
  }

  add(item) {
    console.error(`${this.#name}: ${JSON.stringify(item).slice(0, 300)}`)
    const index = this.#waiting.findIndex((waiter) => waiter.fits(item))
    if (index < 0) this.#items.push(item)
    else this.#waiting.splice(index, 1)[0].resolve(item)
  }

  // Takes the first that fits, and leaves the others for later.
  next(fits = () => true) {
    const index = this.#items.findIndex(fits)
    if (index >= 0) return Promise.resolve(this.#items.splice(index, 1)[0])
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.#name}: nothing of ${fits} came. Unread: ${JSON.stringify(this.#items)}`)), DEADLINE_MS)
      this.#waiting.push({
        fits,
        resolve: (item) => {
          clearTimeout(timer)
          resolve(item)
        },
      })
    })
  }

  async take(count) {
    const items = []
    while (items.length < count) items.push(await this.next())
    return items
  }
}

let projectOnce

// A client of the project; with a token, the user's that the token names.
export async function connect({ token, accessToken, key, realtime = {} } = {}) {
  projectOnce ??= host.project()
  const project = await projectOnce
  const callback = accessToken ?? (token && (async () => token))
  const client = createClient(project.url, key ?? project.anonKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    // Its own deadline of 10 seconds would make a slow machine a failure.
    realtime: { timeout: DEADLINE_MS, ...(globalThis.WebSocket ? {} : { transport: ws }), ...realtime },
    ...(callback ? { accessToken: callback } : {}),
  })
  // As supabase-js recommends: before the first join, so that it carries the token.
  if (callback) await client.realtime.setAuth()
  return client
}

export class Member {
  constructor(client, topic, config = {}, name = 'member') {
    this.client = client
    this.statuses = new Queue(`${name} status`)
    this.broadcasts = new Queue(`${name} broadcast`)
    this.system = new Queue(`${name} system`)
    this.channel = client
      .channel(topic, { config })
      .on('broadcast', { event: '*' }, (message) => this.broadcasts.add(message))
      .on('system', {}, (message) => this.system.add(message))
  }

  // Asks to join; what becomes of it is told by statuses.
  subscribe() {
    this.channel.subscribe((status, error) => this.statuses.add({ status, text: error?.message }))
    return this
  }

  async join() {
    this.subscribe()
    await this.until('SUBSCRIBED')
    return this
  }

  until(status) {
    return this.statuses.next((seen) => seen.status === status)
  }

  send(event, payload, opts) {
    return this.channel.send({ type: 'broadcast', event, payload }, opts)
  }

  async leave() {
    await this.client.removeChannel(this.channel)
    await this.until('CLOSED')
  }
}

export async function member(client, topic, config, name) {
  return await new Member(client, topic, config, name).join()
}

export function unique(prefix) {
  return `${prefix}:${crypto.randomUUID()}`
}

// Fulfilled once what was sent to the member before has arrived: its own message has made the round and come back.
export async function barrier(sender, receiver) {
  const payload = { barrier: crypto.randomUUID() }
  await sender.send('barrier', payload)
  await receiver.broadcasts.next((message) => message.payload?.barrier === payload.barrier)
}
