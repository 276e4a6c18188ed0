// node run.mjs <script> <function>: runs one exported function of a script, which has succeeded when it returns.
import { startListening } from './host.mjs'

const [script, name] = process.argv.slice(2)
const scenario = (await import(new URL(script, import.meta.url)))[name]
if (!scenario) throw new Error(`${script} exports no function ${name}`)

const running = scenario()
// Not before the function could say what it serves.
startListening().then(() => process.exit(3))
await running
process.exit(0)
