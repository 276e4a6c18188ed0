// node run.mjs <script> <function>: runs one exported function of a script, or serves the calls of a test when it has none.
import { startListening } from './host.mjs'

const [script, name] = process.argv.slice(2)
const hostIsGone = startListening()
const scenario = (await import(new URL(script, import.meta.url)))[name]
if (!scenario) throw new Error(`${script} exports no function ${name}`)

hostIsGone.then(() => process.exit(3))
await scenario()
process.exit(0)
