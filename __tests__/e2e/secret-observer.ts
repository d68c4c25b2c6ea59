import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { tryRead } from './harness.ts'
import type { Job } from './runner.ts'

/** Secrets by their kind, as they are planted. */
export type Planted = Readonly<Record<string, string>>

const forms = (secret: string) => [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')]

/** The kinds of secrets in a text. Logins are encoded with their user. */
export function kindsIn(planted: Planted, text: string): readonly string[] {
  const logins = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([part]) => Buffer.from(part, 'base64').toString())
  const all = [text, ...logins].join('\n')
  return Object.entries(planted).flatMap(([kind, secret]) =>
    forms(secret).some((form) => all.includes(form)) ? [kind] : [],
  )
}

export function filesBelow(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Looks for secrets in all processes of a job and in its temporary directory, until `end`. */
export class SecretObserver {
  readonly argvs = new Set<string>()
  /** `kind: program`, of the environments of processes. */
  readonly environments = new Set<string>()
  /** Kind → the last file that had it, in the run directory `/mab`. */
  readonly files = new Map<string, string>()
  readonly #seen = new Set<string>()
  readonly #job: Job
  readonly #planted: Planted
  readonly #over = new AbortController()
  readonly #observing: Promise<void>

  constructor(job: Job, planted: Planted) {
    this.#job = job
    this.#planted = planted
    this.#observing = this.#observe()
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#observing
  }

  async #observe(): Promise<void> {
    while (!this.#over.signal.aborted) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) this.#observeProcess(pid)
      this.#observeFiles()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  #observeFiles(): void {
    const { temp } = this.#job
    try {
      for (const path of filesBelow(temp))
        for (const kind of kindsIn(this.#planted, tryRead(path)))
          this.files.set(kind, path.slice(temp.length).replace(/mab-\w+/, 'mab'))
    } catch {
      // A directory was removed in the meantime.
    }
  }

  #observeProcess(pid: string): void {
    const [argv, environment] = [tryRead(`/proc/${pid}/cmdline`), tryRead(`/proc/${pid}/environ`)]
    // Between fork and exec, a child process shows its parent's.
    if (!environment.includes(`HOME=${this.#job.home}\0`) || argv !== tryRead(`/proc/${pid}/cmdline`)) return
    if (this.#seen.has(argv + environment)) return
    this.#seen.add(argv + environment)
    this.argvs.add(argv)
    const [program = '', script = ''] = argv.split('\0')
    // The action's process gets its inputs that way.
    if (/dist\/(main|post)\/index\.js$/.test(script)) return
    for (const kind of kindsIn(this.#planted, environment))
      this.environments.add(`${kind}: ${program.split('/').at(-1) ?? ''}`)
  }
}
