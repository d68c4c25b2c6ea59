import { mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { oldestCosign } from '../../inputs/sign.ts'
import { UserError } from '../../lib/errors.ts'
import { exec, execTool, inheritedEnv, type ExecResult } from '../../lib/exec.ts'
import { isExecutable, writePrivate } from '../../lib/files.ts'
import type { Env } from '../../lib/lists.ts'
import { isOlder } from '../../lib/versions.ts'

const installHint =
  `Run \`sigstore/cosign-installer\` before this step, install cosign ${oldestCosign} or newer on the runner, or ` +
  'write `cosign-release: v3.1.3@sha256:…` with the digest of the binary, which downloads it.'

/** Milliseconds for one call; cosign's own limit is a little shorter. */
const deadline = 10 * 60_000

interface CosignOptions {
  readonly command: string
  /** A private directory. */
  readonly dir: string
  readonly signal: AbortSignal
  readonly log: (text: string) => void
}

/** Runs cosign with an environment in which only this action decides what it trusts and where it logs in. */
export class Cosign {
  readonly #options: CosignOptions

  constructor(options: CosignOptions) {
    this.#options = options
  }

  /** @param secrets variables for this process only */
  async run(args: readonly string[], secrets: Env): Promise<ExecResult> {
    const { command, dir, signal, log } = this.#options
    const env = { ...cosignEnv(), TUF_ROOT: join(dir, 'tuf'), COSIGN_PASSWORD: '', ...secrets }
    const result = await exec(command, [...args, '--timeout=9m30s'], { env, cwd: dir, deadline, signal })
    signal.throwIfAborted()
    log(`cosign ${args.join(' ')}: exit code ${result.code}\n${result.stderr}`)
    return result
  }

  /** Writes a file that cosign reads; it contains no secret. @returns its path */
  write(name: string, content: string): string {
    const path = this.path(name)
    writePrivate(path, content)
    return path
  }

  path(name: string): string {
    return join(this.#options.dir, name)
  }

  createDir(name: string): string {
    const path = this.path(name)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  }
}

/** The last lines of what cosign printed. */
export function outputOf({ stdout, stderr }: ExecResult): readonly string[] {
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').slice(-8)
}

/** Without the job's variables for cosign, which would change whom it trusts, and without other logins. */
function cosignEnv(): Env {
  const withheld = /^(?:COSIGN_|SIGSTORE_|TUF_|DOCKER_|REGISTRY_AUTH_FILE$|SOURCE_DATE_EPOCH$)/
  return Object.fromEntries(Object.entries(inheritedEnv()).filter(([name]) => !withheld.test(name)))
}

/** The path of the runner's cosign. @throws UserError if it has none that is new enough */
export async function findCosign({ PATH: path = '' }: Env): Promise<string> {
  // An empty entry of PATH means the workspace, which may have a file of this name.
  const files = path.split(delimiter).flatMap((dir) => (dir === '' ? [] : [join(dir, 'cosign')]))
  const unusable: string[] = []
  for (const command of files.filter(isExecutable)) {
    const { code, stdout } = await execTool(command, ['version'], { env: cosignEnv() })
    const version = code === 0 ? /^GitVersion:\s+v?(\d+\.\d+\.\d+)/m.exec(stdout)?.[1] : undefined
    if (version !== undefined && !isOlder(version, oldestCosign)) return command
    unusable.push(`${version ?? 'unknown version'}: ${command}`)
  }
  const message = unusable.length === 0 ? 'This runner has no cosign' : `cosign is older than ${oldestCosign}`
  throw new UserError({ code: 'runner', message: `\`sign\`: ${message}`, hint: installHint, details: unusable })
}
