import { existsSync, linkSync, lstatSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { tmpdir } from 'node:os'
import { tryList, tryRead, writePrivate } from '../lib/files.ts'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { Env } from '../lib/lists.ts'
import { sleep } from '../lib/time.ts'
import { describeOwner, hasEnded, readOwner, removeRunDir } from '../run/owner.ts'

/*
 * A command that is killed leaves its directory, and with it what its post step would undo. Its guard undoes it, or the
 * next command of this user, under a lock in that directory.
 */

const dirName = /^mab-[A-Za-z0-9]{6}$/
const lockName = /^undo-(\d+)$/

/** What the post step of a killed command needs. */
export interface Leftover {
  readonly dir: string
  /** The variables of the CI platform, as its steps had them. */
  readonly env: Env
  /** The input `nodes`, whose SSH keys it may need. */
  readonly nodes: string
}

const files = (dir: string) => ({ owner: join(dir, 'owner'), command: join(dir, 'command.json') })

/** Records a command in its directory before it has any effect. No secrets: they are read again. */
export async function recordCommand({ dir, env, nodes }: Leftover): Promise<void> {
  const platform = Object.entries(env).filter(([name]) => /^(?:GITHUB|RUNNER)_/.test(name))
  writePrivate(files(dir).command, JSON.stringify({ env: Object.fromEntries(platform), nodes }))
  await writeProcess(files(dir).owner)
}

async function writeProcess(path: string): Promise<void> {
  const run = { scope: 'command-line', runId: String(process.pid), runAttempt: 1 }
  writePrivate(path, JSON.stringify(await describeOwner(run)))
}

/** The directories of commands of this user that have certainly ended, and that no other command undoes. */
export async function takeLeftovers(own: string, parent = tmpdir()): Promise<readonly Leftover[]> {
  const taken: Leftover[] = []
  for (const name of tryList(parent)) {
    const dir = join(parent, name)
    if (!dirName.test(name) || dir === own || !isPrivate(dir) || !(await isOver(files(dir).owner))) continue
    if (await lock(dir)) taken.push(readLeftover(dir))
  }
  return taken
}

function readLeftover(dir: string): Leftover {
  const saved = asRecord(tryParseJson(tryRead(files(dir).command)))
  const env = Object.entries(asRecord(saved['env'])).map(([name, value]) => [name, asText(value)] as const)
  return { dir, env: Object.fromEntries(env), nodes: asText(saved['nodes']) }
}

/** Milliseconds for which the system may list a process that was killed. */
const longestEnd = 30_000

/** Waits until the system no longer lists the process of the command that has this directory. */
export async function waitForEnd(dir: string, deadline = longestEnd): Promise<void> {
  const until = Date.now() + deadline
  while (existsSync(dir) && Date.now() < until && !(await isOver(files(dir).owner))) await sleep(50)
}

/** Ends what still runs of the command, and removes its directory. */
export async function removeLeftover({ dir }: Leftover): Promise<void> {
  await removeRunDir(dir)
}

/** Another user could create a directory of such a name. */
function isPrivate(dir: string): boolean {
  try {
    const stats = lstatSync(dir)
    return stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0
  } catch {
    return false
  }
}

/** A file that cannot be read proves nothing. */
async function isOver(path: string): Promise<boolean> {
  const owner = readOwner(path)
  return owner !== undefined && (await hasEnded(owner))
}

/**
 * Each attempt has a lock of its own, with the next number: removing the lock of a process that has ended could remove
 * that of a process which has just replaced it. A link appears with its content, or fails if another process was first.
 */
async function lock(dir: string): Promise<boolean> {
  const numbers = tryList(dir).flatMap((name) => lockName.exec(name)?.[1] ?? [])
  const last = Math.max(0, ...numbers.map(Number))
  if (last > 0 && !(await isOver(join(dir, `undo-${last}`)))) return false
  const draft = join(dir, `draft-${process.pid}`)
  try {
    await writeProcess(draft)
    linkSync(draft, join(dir, `undo-${last + 1}`))
    return true
  } catch {
    return false
  } finally {
    rmSync(draft, { force: true })
  }
}

/** PURE: what the log says of it. */
export function describeLeftover({ dir }: Leftover): string {
  return `A command was killed and left ${basename(dir)} in ${tmpdir()}: removing what it left here and on its nodes.`
}
