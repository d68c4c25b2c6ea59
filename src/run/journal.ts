import { appendFileSync, readFileSync } from 'node:fs'
import { asRecord, asText, tryParseJson } from '../lib/json.ts'
import type { RunDir } from './run-dir.ts'

/** Something done outside our own process, noted before it is done, so that a later step can undo it. */
export type Entry =
  /** A BuildKit container and its state volume, on the engine behind `socket`. */
  | {
      readonly kind: 'container'
      readonly node: string
      readonly socket: string
      readonly container: string
      readonly volume: string
    }
  /**
   * A Deployment and its ConfigMaps in a cluster, of this name: buildx, with the instance of this name in our
   * directory, removes them.
   */
  | {
      readonly kind: 'pod'
      readonly node: string
      readonly name: string
      readonly buildx: string
      readonly kubeconfig: string
    }
  /**
   * buildx begins to boot the daemon of this image on the engine behind `socket`; `booted` follows unless that was cut
   * off, and once a post step has looked.
   */
  | {
      readonly kind: 'boots'
      readonly node: string
      readonly socket: string
      readonly container: string
      readonly image: string
    }
  | { readonly kind: 'booted'; readonly container: string }
  /**
   * Such a container or pod is gone: a post step that is killed later, and run again, need not ask for it without its
   * keys.
   */
  | { readonly kind: 'removed'; readonly container: string }
  /** The lock of a kept daemon, held while this run boots it: a volume that bears the holder's label. */
  | {
      readonly kind: 'lock'
      readonly node: string
      readonly socket: string
      readonly daemon: string
      readonly holder: string
    }
  /** A volume that tells other runs that this one builds there. */
  | { readonly kind: 'seat'; readonly node: string; readonly socket: string; readonly volume: string }
  /** An SSH connection that forwards `remote` to `local`; made from `config`, so that it can be made again. */
  | {
      readonly kind: 'tunnel'
      readonly node: string
      readonly config: string
      readonly local: string
      readonly remote: string
    }
  /** A process that leads `local` to `remote` through sessions of the connection of `config`. */
  | {
      readonly kind: 'relay'
      readonly node: string
      readonly config: string
      readonly local: string
      readonly remote: string
    }
  /** A manifest pushed by digest, which no tag of ours names. */
  | {
      readonly kind: 'manifest'
      readonly registry: string
      readonly path: string
      readonly digest: string
      readonly ours: boolean
    }
  /** A tag this run moved; `ephemeral` if it bears the run's id and so can be nobody else's. */
  | {
      readonly kind: 'tag'
      readonly registry: string
      readonly path: string
      readonly tag: string
      readonly digest: string
      readonly ephemeral: boolean
    }

const fields: Record<Entry['kind'], readonly string[]> = {
  container: ['node', 'socket', 'container', 'volume'],
  pod: ['node', 'name', 'buildx', 'kubeconfig'],
  boots: ['node', 'socket', 'container', 'image'],
  booted: ['container'],
  removed: ['container'],
  lock: ['node', 'socket', 'daemon', 'holder'],
  seat: ['node', 'socket', 'volume'],
  tunnel: ['node', 'config', 'local', 'remote'],
  relay: ['node', 'config', 'local', 'remote'],
  manifest: ['registry', 'path', 'digest', 'ours'],
  tag: ['registry', 'path', 'tag', 'digest', 'ephemeral'],
}

export interface Journal {
  readonly note: (entry: Entry) => void
}

/** One JSON line an entry, appended with a single write: a run killed in between leaves whole lines. */
export function openJournal({ journal: path }: RunDir): Journal {
  return { note: (entry) => appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: 0o600 }) }
}

/** The entries in the order they were noted; lines that cannot be read are passed over, so that the rest is undone. */
export function readJournal({ journal }: RunDir): Entry[] {
  let text: string
  try {
    text = readFileSync(journal, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').map(tryParseJson).filter(isEntry)
}

function isEntry(value: unknown): value is Entry {
  const entry = asRecord(value)
  const names = Object.entries(fields).find(([kind]) => kind === asText(entry['kind']))?.[1]
  return names?.every((name) => ['string', 'boolean'].includes(typeof entry[name])) ?? false
}
