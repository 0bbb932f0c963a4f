import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import type { Test } from 'tap'
import { ROOT } from '../../config/root.ts'
import { until } from '../server-process.ts'

/** The reason to skip tests that need nginx, or false if it is installed. */
export const NO_NGINX = spawnSync('nginx', ['-v']).status === 0 ? false as const : 'nginx is not installed'

/** A port that was free at the time of the call. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Runs nginx with one of the project's configurations until the test ends.
 * @param file name of the configuration in `deploy/`
 * @param instances ports of the service that replace those in the file, in order
 * @param isOpen without the lines that close metrics and the description of the API, as a comment in the file says
 */
export async function startNginx (
  t: Test, file: string, instances: number[], isOpen = false
): Promise<{ url: string, errors (): string }> {
  const dir = t.testdir()
  const port = await freePort()
  let text = readFileSync(path.join(ROOT, 'deploy', file), 'utf8').replace(/listen \d+;/, `listen 127.0.0.1:${port};`)
  for (const [index, instance] of instances.entries()) {
    text = text.replace(`127.0.0.1:${5000 + index} `, `127.0.0.1:${instance} `)
  }
  if (isOpen) text = text.replace(/^ {2}# Metrics and the interactive[^]*?^ {2}\}\n/m, '')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  for (const name of temporary) mkdirSync(path.join(dir, name))
  const conf = path.join(dir, 'nginx.conf')
  writeFileSync(conf, `
    worker_processes 1;
    error_log ${path.join(dir, 'error.log')} warn;
    pid ${path.join(dir, 'nginx.pid')};
    events {}
    http {
      access_log off;
      ${temporary.map(name => `${name}_temp_path ${path.join(dir, name)};`).join('\n')}
      ${text}
    }`)
  const nginx = spawn('nginx', ['-p', dir, '-c', conf, '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  nginx.stderr.setEncoding('utf8').on('data', chunk => { output += chunk })
  const exited = once(nginx, 'exit')
  t.teardown(async () => {
    nginx.kill('SIGQUIT')
    setTimeout(() => nginx.kill('SIGKILL'), 2_000).unref()
    await exited
  })
  const url = `http://127.0.0.1:${port}`
  let reached = false
  const knock = setInterval(() => { fetch(`${url}/health/live`).then(() => { reached = true }, () => {}) }, 50)
  try {
    await until(() => reached || nginx.exitCode !== null, () => output)
  } finally {
    clearInterval(knock)
  }
  if (nginx.exitCode !== null) throw new Error(`nginx ended: ${output}`)
  return { url, errors: () => readFileSync(path.join(dir, 'error.log'), 'utf8') + output }
}
