// Runs a command of this project, also in a fresh clone: installs the locked dependencies first if they are missing or
// outdated.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.lock-sha256')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`Node ${process.version} is too old: this project needs Node 20 or newer.`)
  process.exit(1)
}
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  console.error('Installing dependencies (npm ci) …')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) process.exit(status ?? 1)
  writeFileSync(stamp, wanted)
}

// The command receives Ctrl-C as well and may have to clean up: wait for it.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})

const [command, ...args] = process.argv.slice(2)
const env = { ...process.env, PATH: join(modules, '.bin') + delimiter + process.env.PATH }
const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
if (error) console.error(error.message)
if (signal) process.kill(process.pid, signal)
process.exit(status ?? 1)
