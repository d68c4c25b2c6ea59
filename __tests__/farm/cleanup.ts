import { existsSync, readFileSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { registeredEmulators, unregisterEmulators } from './binfmt.ts'
import { farmCgroups, killCgroups } from './cgroups.ts'
import { tryRun } from './exec.ts'
import { bridgeName, cgroupName, dirPrefix, farmDir, farmsRoot } from './paths.ts'
import { staleFarms, isRunning, runningFarms, readState } from './state.ts'
import { locked } from './tools.ts'

/** Removes all there is of a farm, from whatever state it is in; doing it twice does no harm. */
export async function removeFarm(id: number): Promise<void> {
  const state = readState(id)
  if (state && isRunning(state) && state.pid !== process.pid) process.kill(state.pid, 'SIGKILL')
  for (const pid of await processesOf(id))
    if (pid !== process.pid)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        /* gone meanwhile */
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
  const dead = new Set(await staleFarms())
  const alive = new Set((await runningFarms()).map((farm) => farm.id))
  // A farm whose directory is gone may still have left groups behind.
  for (const dir of await farmCgroups()) {
    const id = Number(/(\d+)$/.exec(dir)?.[1])
    if (!alive.has(id) && !existsSync(farmDir(id))) dead.add(id)
  }
  for (const id of dead) await removeFarm(id)
  return [...dead]
}

/** What is on this host of farms that are not running: must be empty after stop and down. */
export async function leftovers(): Promise<string[]> {
  const alive = new Set((await runningFarms()).map((farm) => farm.id))
  const found: string[] = []
  const isStale = (id: number): boolean => !alive.has(id)
  for (const name of await readdir(farmsRoot))
    if (name.startsWith(dirPrefix) && isStale(Number(name.slice(dirPrefix.length))))
      found.push(`directory ${join(farmsRoot, name)}`)
  for (const name of await readdir('/sys/class/net')) {
    const id = /^mab(\d+)(?:-|$)/.exec(name)?.[1]
    if (id && isStale(Number(id))) found.push(`network link ${name}`)
  }
  for (const dir of await farmCgroups())
    if (isStale(Number(/(\d+)$/.exec(dir)?.[1]))) found.push(`control group ${dir}`)
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n'))
    if (line.includes(`/${dirPrefix}`)) found.push(`mount ${line.split(' ')[1]}`)
  if (alive.size === 0) for (const name of await registeredEmulators()) found.push(`binfmt entry ${name}`)
  for (const { pid, id, what } of await farmProcesses())
    if (isStale(id) && pid !== process.pid) found.push(`process ${pid}: ${what}`)
  return found
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
      /* ended while we looked */
    }
  }
  return found
}

/** The shell that waits for a supervisor is left alone: it is what may be running this. */
async function processesOf(id: number): Promise<number[]> {
  return (await farmProcesses()).filter((p) => p.id === id && !p.what.startsWith('sh ')).map((p) => p.pid)
}

async function linksOf(id: number): Promise<string[]> {
  return (await readdir('/sys/class/net')).filter(
    (name) => name === bridgeName(id) || name.startsWith(`${bridgeName(id)}-`),
  )
}
