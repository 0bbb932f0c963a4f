// node scripts/side-by-side.mjs 'command' 'command' …: runs them at the same time, shows what each has said when it has ended, and fails when one does.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const codes = await Promise.all(process.argv.slice(2).map(async command => {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => said.push(chunk))
  const [code] = await once(child, 'close')
  process.stdout.write(Buffer.concat(said))
  if (code !== 0) console.error(`${command}: exit code ${code}`)
  return code
}))
process.exitCode = codes.every(code => code === 0) ? 0 : 1
