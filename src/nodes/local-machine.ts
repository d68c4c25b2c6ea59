import { readdirSync, statfsSync } from 'node:fs'
import { loadavg } from 'node:os'

/** What the machine we run on says of itself. */
interface Machine {
  readonly load: number
  /** Bytes free for users where `path` is; undefined where that is not on this machine. */
  readonly free: number | undefined
  /** Names of the emulators its kernel has, as qemu calls them. */
  readonly emulators: readonly string[]
}

export function readMachine(path: string): Machine {
  return { load: loadavg()[0] ?? 0, free: freeAt(path), emulators: listEmulators() }
}

function freeAt(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}

function listEmulators(): string[] {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').flatMap((name) =>
      name.startsWith('qemu-') ? [name.slice('qemu-'.length)] : [],
    )
  } catch {
    return []
  }
}
