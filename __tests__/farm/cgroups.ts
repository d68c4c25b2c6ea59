import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cgroupName } from './paths.ts'

const mount = '/sys/fs/cgroup'
const unified = existsSync(join(mount, 'cgroup.controllers'))

/** Control groups in which a machine's processes are put, one per hierarchy, and the one that can freeze them. */
export interface Cgroup {
  procs: string[]
  freezer: string
}

/** On version 1 the groups are created below the current one, so that its limits apply to the farm too. */
function hierarchies(): string[] {
  if (unified) return [mount]
  const lines = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((l) => l.split(':'))
  return lines
    .flatMap(([, controllers, path]) =>
      controllers && path && !controllers.startsWith('name=') ? [join(mount, controllers, path)] : [],
    )
    .filter(existsSync)
}

export async function makeCgroup(id: number, node: string): Promise<Cgroup> {
  const procs: string[] = []
  for (const hierarchy of hierarchies()) {
    const own = join(hierarchy, cgroupName(id))
    const leaf = join(own, node)
    await mkdir(leaf, { recursive: true })
    if (unified) {
      for (const dir of [hierarchy, own, leaf]) await enable(dir)
      // A group that hands controllers to its children may hold no processes itself.
      await mkdir(join(leaf, 'init'), { recursive: true })
      procs.push(join(leaf, 'init/cgroup.procs'))
      continue
    }
    for (const dir of [own, leaf]) await inheritCpuset(dir)
    procs.push(join(leaf, 'cgroup.procs'))
  }
  const freezer = procs.map((file) => join(file, '..')).find((dir) => existsSync(join(dir, 'freezer.state')))
  if (!unified && !freezer) throw new Error('this host has no freezer control group')
  return { procs, freezer: freezer ?? join(mount, cgroupName(id), node) }
}

async function enable(dir: string): Promise<void> {
  for (const controller of (await readFile(join(dir, 'cgroup.controllers'), 'utf8')).trim().split(' ')) {
    await writeFile(join(dir, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined)
  }
}

/** On version 1 a new cpuset is empty and accepts no process until it has the values of its parent. */
async function inheritCpuset(dir: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (existsSync(join(dir, file))) await writeFile(join(dir, file), await readFile(join(dir, '..', file), 'utf8'))
  }
}

export async function freeze(cgroup: string, frozen: boolean): Promise<void> {
  if (unified) await writeFile(join(cgroup, 'cgroup.freeze'), frozen ? '1' : '0')
  else await writeFile(join(cgroup, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED')
}

/** Kills every process in the groups of a farm, or of one of its nodes, by id and removes the groups. */
export async function killCgroups(id: number, node = ''): Promise<void> {
  const tops = (await farmCgroups())
    .filter((dir) => basename(dir) === cgroupName(id))
    .map((dir) => join(dir, node))
    .filter(existsSync)
  for (let round = 0; round < 100; round++) {
    let running = 0
    for (const top of tops) {
      for (const dir of await tree(top)) {
        // A frozen process on version 1 dies only once it is thawed.
        if (existsSync(join(dir, 'freezer.state'))) await freeze(dir, false).catch(() => undefined)
        for (const pid of await pidsIn(dir)) {
          running++
          try {
            process.kill(pid, 'SIGKILL')
          } catch {
            /* it has ended */
          }
        }
      }
      if (unified) await freeze(top, false).catch(() => undefined)
    }
    if (running === 0) break
    await sleep(20)
  }
  for (const top of tops) for (const dir of (await tree(top)).reverse()) await rmdir(dir).catch(() => undefined)
}

/** All groups of farms on this host. */
export async function farmCgroups(): Promise<string[]> {
  return (await tree(mount)).filter((dir) => /^mab-farm-\d+$/.test(basename(dir)))
}

async function tree(dir: string): Promise<string[]> {
  const below = await readdir(dir, { withFileTypes: true }).catch(() => [])
  const lists = await Promise.all(below.filter((e) => e.isDirectory()).map((e) => tree(join(dir, e.name))))
  return [dir, ...lists.flat()]
}

async function pidsIn(dir: string): Promise<number[]> {
  const text = await readFile(join(dir, 'cgroup.procs'), 'utf8').catch(() => '')
  return text.split('\n').filter(Boolean).map(Number)
}
