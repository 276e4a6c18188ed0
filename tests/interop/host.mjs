// The test that started this process. Either side calls the other with lines of JSON: {id, call, args} is answered by
// {id, result} or {id, error}. Standard output carries nothing else; what a person shall read goes to standard error.
import { createInterface } from 'node:readline'

const pending = new Map()
let handlers = {}
let lastId = 0

console.log = console.info = console.warn = console.error

function send(message) {
  process.stdout.write(JSON.stringify(message) + '\n')
}

async function answer({ id, call, args }) {
  try {
    if (!handlers[call]) throw new Error(`this script has no '${call}'`)
    send({ id, result: (await handlers[call](args)) ?? null })
  } catch (error) {
    send({ id, error: String(error?.stack ?? error) })
  }
}

export function startListening() {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const message = JSON.parse(line)
    if (message.call) {
      answer(message)
      return
    }
    const { resolve, reject } = pending.get(message.id)
    pending.delete(message.id)
    if (message.error) reject(new Error(message.error))
    else resolve(message.result)
  })
  return new Promise((resolve) => lines.on('close', resolve))
}

export function serve(table) {
  handlers = table
}

export const host = {
  call(call, args = {}) {
    const id = ++lastId
    const answered = new Promise((resolve, reject) => pending.set(id, { resolve, reject }))
    send({ id, call, args })
    return answered
  },
  project: () => host.call('project'),
  desk: () => host.call('desk'),
  agentToken: (userId, seconds) => host.call('agentToken', { userId, seconds }),
  // Runs SQL as the project's owner; each value is text, and the first column of each row comes back as text.
  sql: (text, ...values) => host.call('sql', { text, values }),
  dropConnections: (refuseForSeconds = 0) => host.call('dropConnections', { refuseForSeconds }),
  halfOpen: () => host.call('halfOpen'),
  restartRealtime: () => host.call('restartRealtime'),
  refuseJoins: (reason, count) => host.call('refuseJoins', { reason, count }),
  closeChannel: (topic) => host.call('closeChannel', { topic }),
  // Puts the emulator's clock forward, which is how a token expires without waiting.
  advance: (seconds) => host.call('advance', { seconds }),
}
