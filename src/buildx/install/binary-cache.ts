import { linkSync, lstatSync, copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import { errorMessage } from '../../lib/errors.ts'
import { cacheServiceEnv } from '../build-env.ts'
import { entryOf } from '../../lib/entry.ts'
import type { Log } from '../../lib/log.ts'
import { removeDir } from '../../lib/fs.ts'
import { inheritedEnv, run } from '../../lib/exec.ts'

/** A file for the job's cache service; the key names exactly what is in it. */
export interface CachedFile {
  readonly file: string
  readonly key: string
}

/**
 * @actions/cache has tar unpack whatever an archive holds, under names that may lead anywhere (`-P`), and whoever can
 * write a cache of the repository's default branch chooses them. GNU tar reads this variable: only plain names are
 * left.
 */
const onlyPlainNames = '--exclude=*/* --exclude=.. --exclude=.'
const deadline = 90_000

/** PURE: what main left for the post step; undefined where that was nothing. */
export function readCachedFile(state: string): CachedFile | undefined {
  const { file, key } = asRecord(tryParseJson(state))
  return typeof file === 'string' && typeof key === 'string' ? { file, key } : undefined
}

/**
 * The file that the cache service has under the key, in `dir`, which is made; undefined where it has none, or does not
 * answer. What is in it may be anybody's who could write there. Never throws.
 */
export async function restoreFile(key: string, dir: string, log: Pick<Log, 'debug'>): Promise<string | undefined> {
  const file = join(dir, 'buildx')
  return (await ask('restore', key, dir, log)) && (lstatSync(file, { throwIfNoEntry: false })?.isFile() ?? false)
    ? file
    : undefined
}

/**
 * Gives the file to the cache service, by way of `dir`, which is made, and gone afterwards. Never throws: without the
 * cache, the next job downloads again.
 */
export async function saveFile({ file, key }: CachedFile, dir: string, log: Pick<Log, 'debug'>): Promise<void> {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    put(file, join(dir, 'buildx'))
    await ask('save', key, dir, log)
  } catch (error) {
    log.debug(`The cache service was given nothing: ${errorMessage(error)}`)
  } finally {
    removeDir(dir)
  }
}

/** A link costs nothing, and two file systems have none between them. */
function put(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

/**
 * By a process of its own: its tar and its archives stay in `dir`, it can be ended, and its code is read only where it
 * is wanted.
 */
async function ask(verb: 'restore' | 'save', key: string, dir: string, log: Pick<Log, 'debug'>): Promise<boolean> {
  try {
    const temp = join(dir, 'archives')
    mkdirSync(temp, { recursive: true, mode: 0o700 })
    if (!(await run('tar', ['--version'], { deadline: 10_000 })).stdout.includes('GNU tar')) return false
    const env = {
      ...inheritedEnv(),
      ...cacheServiceEnv(),
      GITHUB_WORKSPACE: dir,
      RUNNER_TEMP: temp,
      ...(verb === 'restore' && { TAR_OPTIONS: onlyPlainNames }),
    }
    const { code, stdout, stderr } = await run(process.execPath, [entryOf('cache-service'), `${dir}/`, verb, key], {
      env,
      cwd: dir,
      deadline,
    })
    log.debug(`The cache service, ${verb}: code ${code}\n${withoutMasked(stdout + stderr)}`)
    return code === 0
  } catch (error) {
    log.debug(`The cache service was not asked: ${errorMessage(error)}`)
    return false
  }
}

/** PURE: what a process wanted masked, masked: nobody reads its workflow commands. */
export function withoutMasked(text: string): string {
  const masking = /^::add-mask::(.*)\n?/gm
  const secrets = [...text.matchAll(masking)].map(([, value = '']) =>
    value.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%'),
  )
  return secrets
    .filter((secret) => secret.trim() !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text.replace(masking, ''))
}
