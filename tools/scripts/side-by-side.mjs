// node tools/scripts/side-by-side.mjs 'command' 'command' …: runs commands in parallel and prints the output of each at
// its end. Fails if one of them fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const codes = await Promise.all(process.argv.slice(2).map(async command => {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => output.push(chunk))
  const [code] = await once(child, 'close')
  process.stdout.write(Buffer.concat(output))
  if (code !== 0) console.error(`${command}: exit code ${code}`)
  return code
}))
process.exitCode = codes.every(code => code === 0) ? 0 : 1
