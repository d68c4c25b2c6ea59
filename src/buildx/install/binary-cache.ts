import { copyFileSync, linkSync, lstatSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorMessage } from '../../lib/errors.ts'
import { execTool, entryPath, exec, inheritedEnv, minimalEnv } from '../../lib/exec.ts'
import { removeDir } from '../../lib/files.ts'
import { asRecord, tryParseJson } from '../../lib/json.ts'
import type { Log } from '../../lib/log.ts'
import { cacheServiceEnv } from '../build-env.ts'

/** A file for the job's cache service; the key contains its digest. */
export interface CachedFile {
  readonly file: string
  readonly key: string
}

/**
 * With @actions/cache tar unpacks everything in an archive, under any path (`-P`), and other jobs can write archives.
 * GNU tar reads options from this variable: it excludes everything but plain file names.
 */
const onlyPlainNames = '--exclude=*/* --exclude=.. --exclude=.'
const deadline = 90_000

/** PURE: what main saved for the post step; undefined if it saved nothing. */
export function parseCachedFile(state: string): CachedFile | undefined {
  const { file, key } = asRecord(tryParseJson(state))
  return typeof file === 'string' && typeof key === 'string' ? { file, key } : undefined
}

/**
 * Restores the file with this key into `dir`, which it creates; undefined if the cache service has no such file or does
 * not respond. The content is not trusted. Never throws.
 */
export async function restoreFile(key: string, dir: string, log: Pick<Log, 'debug'>): Promise<string | undefined> {
  const file = join(dir, 'buildx')
  const isRestored = await runCacheService('restore', key, dir, log)
  return isRestored && lstatSync(file, { throwIfNoEntry: false })?.isFile() === true ? file : undefined
}

/**
 * Saves the file in the cache service, through `dir`, which it creates and removes. Never throws: without the cache the
 * next job downloads the file again.
 */
export async function saveFile({ file, key }: CachedFile, dir: string, log: Pick<Log, 'debug'>): Promise<void> {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    linkOrCopy(file, join(dir, 'buildx'))
    await runCacheService('save', key, dir, log)
  } catch (error) {
    log.debug(`buildx was not saved in the cache service, so the next job downloads it again: ${errorMessage(error)}`)
  } finally {
    removeDir(dir)
  }
}

/** A link is free, but does not work between two file systems. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

/** In a process of its own: its files stay in `dir`, it can be ended, and its code is loaded only if needed. */
async function runCacheService(
  verb: 'restore' | 'save',
  key: string,
  dir: string,
  log: Pick<Log, 'debug'>,
): Promise<boolean> {
  try {
    const temp = join(dir, 'archives')
    mkdirSync(temp, { recursive: true, mode: 0o700 })
    const tar = await execTool('tar', ['--version'], { env: minimalEnv() })
    if (!tar.stdout.includes('GNU tar')) return false
    const env = {
      ...inheritedEnv(),
      ...cacheServiceEnv(),
      GITHUB_WORKSPACE: dir,
      RUNNER_TEMP: temp,
      ...(verb === 'restore' && { TAR_OPTIONS: onlyPlainNames }),
    }
    const args = [entryPath('cache-service'), `${dir}/`, verb, key]
    const { code, stdout, stderr } = await exec(process.execPath, args, { env, cwd: dir, deadline })
    log.debug(`The cache service program exited with code ${code} (${verb} buildx)\n${withoutMasked(stdout + stderr)}`)
    return code === 0
  } catch (error) {
    log.debug(`The cache service program failed (${verb} buildx): ${errorMessage(error)}`)
    return false
  }
}

/** PURE: replaces the values that a process asked to mask: its workflow commands do not reach the runner. */
export function withoutMasked(text: string): string {
  const masking = /^::add-mask::(.*)\n?/gm
  const secrets = [...text.matchAll(masking)].map(([, value = '']) =>
    value.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%'),
  )
  return secrets
    .filter((secret) => secret.trim() !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text.replace(masking, ''))
}
