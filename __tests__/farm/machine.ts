import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freeze, killCgroups, makeCgroup } from './cgroups.ts'
import type { Cgroup } from './cgroups.ts'
import { engineAnswers, startBuildkitd, startEngine, stopEngine } from './engine.ts'
import type { Shell } from './engine.ts'
import { run, tryRun, waitFor } from './exec.ts'
import type { ExecResult } from './exec.ts'
import { childOf, runInside, spawnFront, spawnInside, spawnMachine } from './namespaces.ts'
import { flushNeighbours, connectMachine, disconnectMachine } from './network.ts'
import type { Ip } from './network.ts'
import { linkName } from './paths.ts'
import { addUser, knownHostsLines, makeKey, writeMachineFiles, sshPorts } from './ssh.ts'
import type { KeyExchange, User } from './ssh.ts'
import type { Tools } from './tools.ts'

export interface MachineOptions {
  id: number
  name: string
  address: string
  gateway: string
  dir: string
  logs: string
  tools: Tools
  ip: Ip
  publicKey: string
  registryPorts: number[]
  /** Also start a rootful buildkitd at /run/buildkit/buildkitd.sock. */
  buildkitd: boolean
  diskMiB: number
  keyExchange: KeyExchange
}

/** One machine of the farm in its supervisor. Its disk survives a power cut. */
export class Machine {
  readonly name: string
  readonly options: MachineOptions
  private readonly disk: string
  private readonly seed: string
  private cgroup: Cgroup | undefined
  private outer: ChildProcess | undefined
  private front: ChildProcess | undefined
  private pid = 0
  private rttMs = 0
  private connections = 0

  constructor(options: MachineOptions) {
    this.options = options
    this.name = options.name
    this.disk = join(options.dir, 'disk')
    this.seed = join(options.dir, 'seed')
  }

  async create(): Promise<void> {
    const { dir, name, address, publicKey, keyExchange } = this.options
    for (const sub of ['disk', 'root', 'share', 'seed']) await mkdir(join(dir, sub), { recursive: true })
    await writeMachineFiles({ dir: this.seed, node: name, address, publicKey, keyExchange })
    await copyFile(join(this.seed, 'etc/ssh/host_key'), join(dir, 'first_host_key'))
    await copyFile(join(this.seed, 'etc/ssh/host_key.pub'), join(dir, 'first_host_key.pub'))
    await this.mountDisk()
    await this.boot()
  }

  /** Kills everything on it, as a power cut does. */
  async kill(): Promise<void> {
    const { id, name, ip } = this.options
    this.front?.kill('SIGKILL')
    if (this.cgroup) await freeze(this.cgroup.freezer, false).catch(() => undefined)
    await this.thawEngine()
    try {
      if (this.pid) process.kill(this.pid, 'SIGKILL')
    } catch {
      /* it has ended */
    }
    const { outer } = this
    if (outer?.exitCode === null && outer.signalCode === null)
      await new Promise((resolve) => outer.once('exit', resolve))
    await killCgroups(id, name)
    await disconnectMachine(ip, id, name)
    this.pid = 0
  }

  async revive(): Promise<void> {
    if (this.pid) await this.kill()
    await this.boot()
  }

  async freeze(): Promise<void> {
    if (this.cgroup) await freeze(this.cgroup.freezer, true)
  }
  async thaw(): Promise<void> {
    if (this.cgroup) await freeze(this.cgroup.freezer, false)
  }
  async cut(): Promise<void> {
    await this.link('down')
  }
  async mend(): Promise<void> {
    await this.link('up')
    await flushNeighbours(this.options.ip, this.options.id)
  }

  /** Shrinks the disk to its used size: fills it at once without using memory. */
  async fill(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const { blocks, bfree, bsize } = await statfs(this.disk)
      const used = Math.max((blocks - bfree) * bsize, 4096)
      const { code, stderr } = await tryRun('mount', ['-o', `remount,size=${used}`, this.disk])
      if (code === 0) return
      if (tries > 20) throw new Error(`cannot fill the disk of ${this.name}: ${stderr}`)
    }
  }

  async unfill(): Promise<void> {
    await run('mount', ['-o', `remount,size=${this.options.diskMiB}m`, this.disk])
  }

  /** Reverts every fault; boots the machine if it is off, starts the engine if it is stopped. */
  async heal(): Promise<void> {
    await this.thaw().catch(() => undefined)
    await this.thawEngine()
    await this.unfill()
    this.setDelay(0)
    if (!this.pid || this.outer?.exitCode !== null || this.outer.signalCode !== null) {
      await this.boot()
      return
    }
    await this.mend()
    if (!(await engineAnswers(join(this.options.dir, 'share')))) {
      await this.stopEngine()
      await this.startEngine()
    }
  }

  /** Removes all images, containers, volumes and caches; keeps host key and users. */
  async wipe(): Promise<void> {
    await this.kill()
    await run('umount', ['-l', this.disk])
    await this.mountDisk()
    await this.boot()
  }

  /** The engine accepts connections and does not respond. */
  async freezeEngine(): Promise<void> {
    await this.inside('kill -STOP "$(cat /run/docker.pid)"')
  }

  /** Processes that entered the machine stop with it, and would keep the machine from ending. */
  async thawEngine(): Promise<void> {
    const lists = await Promise.all(
      (this.cgroup?.procs ?? []).map(async (file) => await readFile(file, 'utf8').catch(() => '')),
    )
    for (const pid of new Set(lists.join('\n').split('\n').filter(Boolean).map(Number))) {
      try {
        process.kill(pid, 'SIGCONT')
      } catch {
        /* it has ended */
      }
    }
  }

  async stopEngine(): Promise<void> {
    await stopEngine(this.shell())
  }
  async startEngine(): Promise<void> {
    await startEngine(this.shell())
  }

  async changeHostKey(): Promise<string> {
    await makeKey(join(this.seed, 'etc/ssh/host_key'), this.name)
    return await this.useHostKey()
  }

  async restoreHostKey(): Promise<string> {
    for (const suffix of ['', '.pub'])
      await copyFile(join(this.options.dir, `first_host_key${suffix}`), join(this.seed, `etc/ssh/host_key${suffix}`))
    return await this.useHostKey()
  }

  async addUser(user: User): Promise<void> {
    await addUser(this.seed, user)
    if (this.pid) await addUser(`/proc/${this.pid}/root`, user)
  }

  setDelay(rttMs: number): void {
    this.rttMs = rttMs
    this.front?.stdin?.write(`${JSON.stringify({ rttMs })}\n`)
  }

  sshConnections(): number {
    return this.connections
  }
  resetCounters(): void {
    this.connections = 0
  }
  running(): boolean {
    return this.pid !== 0
  }
  knownHosts(): Promise<string> {
    return knownHostsLines(this.options.address, join(this.seed, 'etc/ssh/host_key'))
  }

  /** Runs a shell command as root on the machine. */
  async exec(command: string): Promise<ExecResult> {
    return await this.inside(command)
  }

  private async mountDisk(): Promise<void> {
    await run('mount', ['-t', 'tmpfs', '-o', `mode=755,size=${this.options.diskMiB}m`, 'tmpfs', this.disk])
  }

  private async boot(): Promise<void> {
    const { id, name, address, gateway, dir, logs, tools, ip, registryPorts, buildkitd } = this.options
    this.cgroup = await makeCgroup(id, name)
    await run('sh', ['-c', 'rm -rf "$1"/* && chmod 755 "$1"', 'sh', join(dir, 'share')])
    const outer = spawnMachine(
      this.cgroup,
      [join(dir, 'root'), tools.rootfs, this.disk, join(dir, 'share'), this.seed, join(tools.buildkitd, '..'), name],
      join(logs, `${name}.log`),
    )
    this.outer = outer
    const failed = new Promise<never>((_, reject) =>
      outer.once('exit', (code) =>
        reject(new Error(`machine ${name} ended while booting (${code}); see ${logs}/${name}.log`)),
      ),
    )
    failed.catch(() => undefined)
    await Promise.race([
      failed,
      waitFor(`machine ${name}`, async () => (this.pid = await childOf(outer.pid ?? 0)) !== 0, 30_000, 5),
    ])
    await connectMachine(ip, { id, node: name, address, pid: this.pid })
    const ready = this.startFront(JSON.stringify({ address, gateway, sshPorts, registryPorts }))
    await Promise.race([
      failed,
      waitFor(`machine ${name} to boot`, () => existsSync(`/proc/${this.pid}/root/run/booted`), 30_000, 5),
    ])
    this.shell().spawn('sshd', ['/usr/sbin/sshd', '-D', '-e', '-f', '/etc/ssh/sshd_config'])
    await Promise.all([this.startEngine(), ready, buildkitd && this.startBuildkitd()])
  }

  private async startFront(setup: string): Promise<void> {
    const { name, logs, tools } = this.options
    const front = spawnFront(this.pid, this.cgroup, join(logs, `${name}-front.log`), [tools.front, setup])
    this.front = front
    front.on('error', () => undefined)
    front.stdin?.on('error', () => undefined)
    await new Promise<void>((resolve, reject) => {
      front.once('exit', () => reject(new Error(`the network front of ${name} ended; see its log`)))
      if (front.stdout)
        createInterface(front.stdout).on('line', (line) => {
          const { ready, connection } = JSON.parse(line) as { ready?: boolean; connection?: number }
          if (connection !== undefined) this.connections++
          if (ready) resolve()
        })
    })
    if (this.rttMs) this.setDelay(this.rttMs)
  }

  /** Starts a rootful buildkitd next to the engine; it starts again with the machine. */
  async startBuildkitd(): Promise<void> {
    this.options.buildkitd = true
    await startBuildkitd(this.shell())
  }

  private async link(state: 'up' | 'down'): Promise<void> {
    await this.options.ip([`link set ${linkName(this.options.id, this.name)} ${state}`])
  }

  private async useHostKey(): Promise<string> {
    if (this.pid) {
      const root = `/proc/${this.pid}/root/etc/ssh`
      await writeFile(join(root, 'host_key'), await readFile(join(this.seed, 'etc/ssh/host_key')))
      await chmod(join(root, 'host_key'), 0o600)
      await this.inside('kill -HUP "$(cat /run/sshd.pid)"')
      // sshd restarts on a HUP and is unavailable for a moment.
      const key = (await this.knownHosts()).split(' ')[2]?.split('\n')[0] ?? ''
      await waitFor(
        `sshd of ${this.name}`,
        async () => (await this.inside('ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null')).stdout.includes(key),
        5000,
        50,
      )
    }
    return await this.knownHosts()
  }

  private shell(): Shell {
    const { name, dir, logs } = this.options
    return {
      name,
      share: join(dir, 'share'),
      run: (command) => this.inside(command),
      spawn: (log, command) => spawnInside(this.pid, this.cgroup, join(logs, `${name}-${log}.log`), command),
    }
  }

  private async inside(command: string): Promise<ExecResult> {
    if (!this.pid) return { code: 1, stdout: '', stderr: `${this.name} is off` }
    return await runInside(this.pid, command)
  }
}
