import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cgroup } from './cgroups.ts'
import { daemon, tryRun } from './exec.ts'
import type { ExecResult } from './exec.ts'
import { farmSources } from './paths.ts'

const all = ['-m', '-u', '-i', '-n', '-p', '-C']
const cleanEnvironment = ['env', '-i', 'HOME=/root', 'PATH=/opt/farm:/usr/sbin:/usr/bin']

/** Enters the control group first, so that everything can be frozen and the cgroup namespace starts there. */
const enter = (cgroup: Cgroup | undefined): string =>
  (cgroup?.procs ?? []).map((file) => `echo $$ > ${file};`).join(' ')

/** The process that owns a machine's namespaces; everything in them ends with it. */
export function spawnMachine(cgroup: Cgroup, initArgs: string[], log: string): ChildProcess {
  const options = '--mount --propagation private --pid --fork --kill-child=KILL --uts --ipc --net --cgroup'
  const script = `${enter(cgroup)} exec unshare ${options} -- sh "$@"`
  return daemon('sh', ['-c', script, 'sh', join(farmSources, 'machine-init.sh'), ...initArgs], log)
}

/** A daemon on the machine. */
export function spawnInside(pid: number, cgroup: Cgroup | undefined, log: string, command: string[]): void {
  daemon(
    'sh',
    [
      '-c',
      `${enter(cgroup)} exec nsenter -t ${pid} ${all.join(' ')} -- ${cleanEnvironment.join(' ')} "$@"`,
      'sh',
      ...command,
    ],
    log,
  )
}

/** The machine's network front: a program of the host in the machine's network. */
export function spawnFront(pid: number, cgroup: Cgroup | undefined, log: string, command: string[]): ChildProcess {
  return daemon('sh', ['-c', `${enter(cgroup)} exec nsenter -t ${pid} -n -- "$@"`, 'sh', ...command], log, {
    pipes: true,
  })
}

export async function runInside(pid: number, command: string): Promise<ExecResult> {
  return await tryRun('nsenter', ['-t', String(pid), ...all, '--', ...cleanEnvironment, 'sh', '-c', command])
}

export async function childOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return Number(text.trim().split(' ')[0] ?? 0)
}
