import { randomBytes } from 'node:crypto'
import { accessSync, constants, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { contains } from '../lib/files.ts'

// A Unix socket's path ends at about 104 characters, and ssh adds 17 of its own while it creates a control socket.
const longestParent = 50

/** Paths that ssh accepts unquoted: it splits at spaces, expands `%` and divides forwards at `:`. */
const plainPath = /^\/[\w.+@/-]*$/

const runDirName = /^mab-[0-9a-f]{10}$/

/** Files and sockets of one node's SSH connection. */
interface ConnectionPaths {
  readonly config: string
  /** Messages of ssh. */
  readonly log: string
  readonly control: string
  /** Forwarded by the connection. */
  readonly socket: string
  /** Forwarded to an engine that does not listen at the usual path. */
  readonly engineSocket: string
  /** Connected through exec sessions, for servers that forbid forwarding. */
  readonly sessionSocket: string
  /** Messages of ssh about these sessions. */
  readonly sessionLog: string
}

/** The paths of the connection that the ssh_config `config` describes. */
export function connectionPaths(config: string): ConnectionPaths {
  const base = config.replace(/\.ssh$/, '')
  return {
    config,
    log: `${config}.log`,
    control: `${base}.ctl`,
    socket: `${base}.sock`,
    engineSocket: `${base}-e.sock`,
    sessionSocket: `${base}-r.sock`,
    sessionLog: `${base}-r.log`,
  }
}

/** The messages of ssh about a socket; undefined if it is not connected through exec sessions. */
export function sessionLogOf(socket: string): string | undefined {
  return socket.endsWith('-r.sock') ? socket.replace(/sock$/, 'log') : undefined
}

/**
 * The private directory of a run and every path in it. Everything that a run keeps on this machine is in it: keys,
 * logins, sockets, buildx's configuration. Constructing it touches nothing; `create` creates the directory.
 */
export class RunDir {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /**
   * Chooses a new path. It is saved before the directory is created, so that the post step knows it whenever main is
   * killed. Sockets live in it too, so the runner's temporary directory is used only if its path is short and plain.
   *
   * @param used directories that builds read or write, which therefore must not contain it
   */
  static choose(runnerTemp: string | undefined, used: readonly string[] = []): RunDir {
    const isOutside = (path: string) => !used.some((directory) => contains(directory, path))
    const isUsable = (path: string) =>
      path.length <= longestParent && plainPath.test(path) && isOutside(path) && isWritable(path)
    const parent = [runnerTemp, tmpdir()].find((path) => path && isUsable(path)) ?? '/tmp'
    return new RunDir(join(parent, `mab-${randomBytes(5).toString('hex')}`))
  }

  /** Whether a file name is that of a run directory. */
  static isName(name: string): boolean {
    return runDirName.test(name)
  }

  /** Creates the directory for this user alone. Throws if the path exists. */
  create(): void {
    mkdirSync(this.path, { mode: 0o700 })
  }

  /** The directory's name, unique to this run: part of its builder's name and of its ownership annotation. */
  get key(): string {
    return basename(this.path)
  }

  /** Directories in which runs on this machine may have created theirs. */
  get parents(): readonly string[] {
    return [...new Set([dirname(this.path), tmpdir(), '/tmp'])]
  }

  /** Which run owns the directory; long-lived helper processes end when this file is removed. */
  get owner(): string {
    return join(this.path, 'owner')
  }

  get journal(): string {
    return join(this.path, 'journal')
  }

  get agentSocket(): string {
    return join(this.path, 'agent.sock')
  }

  get knownHosts(): string {
    return join(this.path, 'known_hosts')
  }

  /** @param node short name of the node, since socket paths are limited */
  connection(node: string): ConnectionPaths {
    return connectionPaths(join(this.path, `${node}.ssh`))
  }

  /** The socket of the BuildKit that is built into the node's Docker Engine. */
  builtInSocket(node: string): string {
    return join(this.path, `${node}-k.sock`)
  }

  /** The socket of a node's BuildKit for later steps of the job. */
  buildkitSocket(node: number): string {
    return join(this.path, `b${node}.sock`)
  }

  /** Removes the sockets of connections, but for those of BuildKits if later steps use them. */
  removeSockets(keepBuildkits: boolean): void {
    const kept = keepBuildkits ? /^b\d+\.sock$/ : /^$/
    const names = readdirSync(this.path).filter((name) => /\.(?:sock|ctl)$/.test(name) && !kept.test(name))
    names.forEach((name) => rmSync(join(this.path, name), { force: true }))
  }

  /** A directory of TLS certificates and keys of nodes. */
  get tlsKeys(): string {
    return join(this.path, 'tls')
  }

  /** A TLS file of a node: `cacert`, `cert` or `key`. */
  pem(node: string, option: string): string {
    return join(this.tlsKeys, `${node}-${option}.pem`)
  }

  /** What buildx and the Docker client read in place of the user's own configuration. */
  get env(): { readonly BUILDX_CONFIG: string; readonly DOCKER_CONFIG: string } {
    return { BUILDX_CONFIG: this.buildxConfig, DOCKER_CONFIG: dirname(this.dockerConfig) }
  }

  /** Git's configuration for buildx. */
  get gitConfig(): string {
    return join(this.path, 'gitconfig')
  }

  get buildxConfig(): string {
    return join(this.path, 'buildx')
  }

  /** A directory of programs that buildx finds before those of the runner. */
  get programs(): string {
    return join(this.path, 'bin')
  }

  /** The id of buildx as a client of BuildKit; a random one, unless the file exists (docker/buildx, util/confutil). */
  get nodeId(): string {
    return join(this.buildxConfig, '.buildNodeID')
  }

  /** The directory of buildx's builder instances. */
  get instances(): string {
    return join(this.buildxConfig, 'instances')
  }

  instance(name: string): string {
    return join(this.instances, name)
  }

  /** A buildx configuration of its own, in which the instance of this name is removed. */
  removalConfig(name: string): string {
    return join(this.path, `remove-${name}`)
  }

  get dockerConfig(): string {
    return join(this.path, 'docker', 'config.json')
  }

  /** The Docker configuration that later steps use with `login: job`: a directory. */
  get jobDockerConfig(): string {
    return join(this.path, 'job-docker')
  }

  /** Where buildx looks for logins for parts of a registry (docker/buildx, util/dockerconfig). */
  get scopedConfigs(): string {
    return join(this.buildxConfig, 'config')
  }

  /** The settings of `registries`, for the post step. */
  get registries(): string {
    return join(this.path, 'registries.json')
  }

  /** A directory of CA certificates. */
  get certificates(): string {
    return join(this.path, 'certs')
  }

  /** A directory of build secrets, removed when nothing is built any more. */
  get secrets(): string {
    return join(this.path, 'secrets')
  }

  secret(number: number): string {
    return join(this.secrets, String(number))
  }

  /** The metadata file of one `buildx bake`. */
  metadata(name: string): string {
    return join(this.path, `${name}.metadata.json`)
  }

  /** A directory of what cosign reads, removed with the logins. */
  get signing(): string {
    return join(this.path, 'sign')
  }

  /** The bake definition of a dry run. */
  get dryRun(): string {
    return join(this.path, 'dry-run.json')
  }

  /** A buildx that cannot be installed anywhere else. */
  get tools(): string {
    return join(this.path, 'tools')
  }

  /** A buildx restored from the job's cache service. */
  get restored(): string {
    return join(this.path, 'restored')
  }

  /** kubectl's cache, which is otherwise in the user's home directory. */
  get kubectlCache(): string {
    return join(this.path, 'kubectl')
  }
}

/** In a container whose user is not the runner's, the directory may exist and not be writable. */
function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
