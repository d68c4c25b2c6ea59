import { existsSync, readFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { registeredEmulators, unregisterEmulators } from './binfmt.ts'
import { farmCgroups, killCgroups } from './cgroups.ts'
import { tryRun } from './exec.ts'
import { bridgeName, cgroupName, dirPrefix, farmDir, farmsRoot } from './paths.ts'
import { staleFarms, isRunning, runningFarms, readState } from './state.ts'
import { locked } from './tools.ts'

/** Removes everything of a farm in any state. Idempotent. */
export async function removeFarm(id: number): Promise<void> {
  const state = readState(id)
  if (state && isRunning(state) && state.pid !== process.pid) process.kill(state.pid, 'SIGKILL')
  for (const pid of await processesOf(id))
    if (pid !== process.pid)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        /* it has ended */
      }
  await killCgroups(id)
  for (const link of await linksOf(id)) await tryRun('ip', ['link', 'del', link])
  await locked(async () => {
    const others = (await runningFarms()).filter((farm) => farm.id !== id)
    if (others.length === 0) await unregisterEmulators()
  })
  await rm(farmDir(id), { recursive: true, force: true, maxRetries: 5 })
}

export async function removeStaleFarms(): Promise<number[]> {
  const stale = new Set(await staleFarms())
  const running = new Set((await runningFarms()).map((farm) => farm.id))
  // A farm without a directory may have left groups behind.
  for (const dir of await farmCgroups()) {
    const id = Number(/(\d+)$/.exec(dir)?.[1])
    if (!running.has(id) && !existsSync(farmDir(id))) stale.add(id)
  }
  for (const id of stale) await removeFarm(id)
  return [...stale]
}

/** Everything on this host that belongs to farms that are not running: must be empty after stop and down. */
export async function leftovers(): Promise<string[]> {
  const running = new Set((await runningFarms()).map((farm) => farm.id))
  const isStale = (id: string | undefined): boolean => id !== undefined && !running.has(Number(id))
  const directories = (await readdir(farmsRoot)).filter((name) => name.startsWith(dirPrefix))
  const links = await readdir('/sys/class/net')
  const cgroups = await farmCgroups()
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
  const emulators = running.size === 0 ? await registeredEmulators() : []
  const processes = (await farmProcesses()).filter(({ pid, id }) => isStale(String(id)) && pid !== process.pid)
  return [
    ...directories
      .filter((name) => isStale(name.slice(dirPrefix.length)))
      .map((name) => `directory ${join(farmsRoot, name)}`),
    ...links.filter((name) => isStale(/^mab(\d+)(?:-|$)/.exec(name)?.[1])).map((name) => `network link ${name}`),
    ...cgroups.filter((dir) => isStale(/(\d+)$/.exec(dir)?.[1])).map((dir) => `control group ${dir}`),
    ...mounts.filter((line) => line.includes(`/${dirPrefix}`)).map((line) => `mount ${line.split(' ')[1]}`),
    ...emulators.map((name) => `binfmt entry ${name}`),
    ...processes.map(({ pid, what }) => `process ${pid}: ${what}`),
  ]
}

interface FarmProcess {
  pid: number
  id: number
  what: string
}

async function farmProcesses(): Promise<FarmProcess[]> {
  const found: FarmProcess[] = []
  const pattern = new RegExp(`${farmsRoot}/${dirPrefix}(\\d+)/|/${cgroupName(0).slice(0, -1)}(\\d+)(?:/|$)`, 'm')
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const what = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      const daemons = /machine-init\.sh|bin\/front|supervisor\.ts|registry serve/.test(what) ? what : ''
      const match = pattern.exec(`${daemons}\n${readFileSync(`/proc/${name}/cgroup`, 'utf8')}`)
      const id = match?.[1] ?? match?.[2]
      if (id) found.push({ pid: Number(name), id: Number(id), what })
    } catch {
      /* it has ended */
    }
  }
  return found
}

/** Without the shell that waits for a supervisor, because it may be the one that runs this. */
async function processesOf(id: number): Promise<number[]> {
  return (await farmProcesses()).filter((p) => p.id === id && !p.what.startsWith('sh ')).map((p) => p.pid)
}

async function linksOf(id: number): Promise<string[]> {
  return (await readdir('/sys/class/net')).filter(
    (name) => name === bridgeName(id) || name.startsWith(`${bridgeName(id)}-`),
  )
}
