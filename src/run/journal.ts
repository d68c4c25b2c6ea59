import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import { errorMessage } from '../lib/errors.ts'
import { writePrivate } from '../lib/files.ts'
import type { Log } from '../lib/log.ts'
import { lockVolume } from './names.ts'
import type { RunDir } from './run-dir.ts'

interface OnNode {
  readonly node: string
}

interface OnEngine extends OnNode {
  /** The engine's socket on this machine. */
  readonly socket: string
}

/** A socket of the node, `remote`, that is reachable at `local` through the connection of the ssh_config `config`. */
interface Connection extends OnNode {
  readonly config: string
  readonly local: string
  readonly remote: string
}

interface InRepository {
  readonly registry: string
  readonly path: string
  readonly digest: string
}

/** An effect outside this process, recorded before it happens so that the post step can undo it. */
export type Entry =
  /** A BuildKit container and its state volume. */
  | (OnEngine & { readonly kind: 'container'; readonly container: string; readonly volume: string })
  /** A Deployment and its ConfigMaps of this name in a cluster. buildx removes them by its instance of this name. */
  | (OnNode & { readonly kind: 'pod'; readonly name: string; readonly buildx: string; readonly kubeconfig: string })
  /** buildx starts to boot a daemon of this image; `booted` follows, unless buildx is ended before. */
  | (OnEngine & { readonly kind: 'boots'; readonly container: string; readonly image: string })
  | { readonly kind: 'booted'; readonly container: string }
  /** A container, pod or volume of this name was removed: the post step does not need a connection to its node. */
  | { readonly kind: 'removed'; readonly name: string }
  /** The lock of a persistent builder, held while this run boots it: a volume with the holder's label. */
  | (OnEngine & { readonly kind: 'lock'; readonly daemon: string; readonly holder: string })
  /** A volume that shows other runs that this one builds there. */
  | (OnEngine & { readonly kind: 'reservation'; readonly volume: string })
  /** An SSH connection with a forwarded socket, or another socket forwarded by it. */
  | (Connection & { readonly kind: 'tunnel' })
  /** A process that connects the sockets through exec sessions. */
  | (Connection & { readonly kind: 'forwarder' })
  /** A manifest pushed by digest, without a tag. */
  | (InRepository & { readonly kind: 'manifest' })
  /** A part of a split build that is complete under its build tag: the post step keeps it for the merge. */
  | (InRepository & { readonly kind: 'part'; readonly tag: string })
  /** A part that this run has merged; `owner` is its ownership annotation. The post step deletes it. */
  | (InRepository & { readonly kind: 'merged'; readonly tag: string; readonly owner: string })
  /** A tag that this run updated; `ephemeral` if it contains the run's id, so that no other run uses it. */
  | (InRepository & { readonly kind: 'tag'; readonly tag: string; readonly ephemeral: boolean })

const fields: Record<Entry['kind'], readonly string[]> = {
  container: ['node', 'socket', 'container', 'volume'],
  pod: ['node', 'name', 'buildx', 'kubeconfig'],
  boots: ['node', 'socket', 'container', 'image'],
  booted: ['container'],
  removed: ['name'],
  lock: ['node', 'socket', 'daemon', 'holder'],
  reservation: ['node', 'socket', 'volume'],
  tunnel: ['node', 'config', 'local', 'remote'],
  forwarder: ['node', 'config', 'local', 'remote'],
  manifest: ['registry', 'path', 'digest'],
  part: ['registry', 'path', 'tag', 'digest'],
  merged: ['registry', 'path', 'tag', 'digest', 'owner'],
  tag: ['registry', 'path', 'tag', 'digest', 'ephemeral'],
}

export interface Journal {
  readonly note: (entry: Entry) => void
}

/** Creates the empty journal, so that the post step can tell a run without effects from a lost run directory. */
export function createJournal({ journal: path }: RunDir): void {
  writePrivate(path, '')
}

export function hasJournal({ journal: path }: RunDir): boolean {
  return existsSync(path)
}

/** One JSON line per entry, appended in a single write, so that a killed run leaves whole lines. */
export function openJournal({ journal: path }: RunDir): Journal {
  return { note: (entry) => appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 }) }
}

/**
 * The entries in the order in which they were recorded. Lines that cannot be parsed are skipped, so that the rest is
 * undone. A journal that does not exist is empty; one that cannot be read is a warning.
 */
export function readJournal({ journal: path }: RunDir, log: Pick<Log, 'warn'>): Entry[] {
  try {
    return readFileSync(path, 'utf8').split('\n').map(tryParseJson).filter(isEntry)
  } catch (error) {
    if (asRecord(error)['code'] !== 'ENOENT')
      log.warn(
        `The record of what this run created (journal) could not be read: ${errorMessage(error)}. Nothing was ` +
          'removed. The next run on these nodes removes the builders, and the `cleanup` action removes the images.',
      )
    return []
  }
}

/** PURE: the entries about nodes whose effect still exists. */
export function pendingOnNodes(entries: readonly Entry[]): Entry[] {
  const removed = new Set(entries.flatMap((entry) => (entry.kind === 'removed' ? [entry.name] : [])))
  const booted = new Set(entries.flatMap((entry) => (entry.kind === 'booted' ? [entry.container] : [])))
  return entries.filter((entry) => {
    const name = resourceName(entry)
    return entry.kind === 'boots' ? !booted.has(entry.container) : name !== '' && !removed.has(name)
  })
}

/** The container, pod or volume on a node; empty for entries about something else. */
function resourceName(entry: Entry): string {
  if (entry.kind === 'container') return entry.container
  if (entry.kind === 'pod') return entry.name
  if (entry.kind === 'lock') return lockVolume(entry.daemon)
  return entry.kind === 'reservation' ? entry.volume : ''
}

function isEntry(value: unknown): value is Entry {
  const entry = asRecord(value)
  const names = Object.entries(fields).find(([kind]) => kind === asText(entry['kind']))?.[1]
  return names?.every((name) => ['string', 'boolean'].includes(typeof entry[name])) ?? false
}
