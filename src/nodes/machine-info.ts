import { parsePlatform, type Platform } from '../lib/platform.ts'

/** What a machine's shell says of it; each undefined where it does not. */
export interface Facts {
  /** Of the last minute, in processes. */
  readonly load?: number
  /** Bytes free where the engine keeps its data. */
  readonly free?: number
  /** Milliseconds its clock is ahead of ours; negative, behind. */
  readonly ahead?: number
  /** What its kernel has emulators for. */
  readonly emulated: readonly Platform[]
}

/** Asks for all of it at once; POSIX sh, and nothing that takes time. */
export const factsScript = `
echo "clock $(date +%s)"
read -r load rest < /proc/loadavg && echo "load $load"
root=$(sed -n 's/.*"data-root"[^"]*"\\([^"]*\\)".*/\\1/p' /etc/docker/daemon.json 2>/dev/null)
for d in "$root" /var/lib/docker "$HOME/.local/share/docker" /; do
  [ -d "$d" ] && df -Pk "$d" 2>/dev/null | sed -n 's/^.* \\([0-9][0-9]*\\)  *[0-9]*% .*/free \\1/p' && break
done
for f in /proc/sys/fs/binfmt_misc/qemu-*; do echo "emulates \${f##*/qemu-}"; done
`

/** Names of qemu's emulators, where they are not Docker's names. */
const processors: Readonly<Record<string, string>> = {
  aarch64: 'arm64',
  arm: 'arm/v7',
  i386: '386',
  loongarch64: 'loong64',
  mips64el: 'mips64le',
  x86_64: 'amd64',
}

/**
 * PURE: reads what `factsScript` printed; `now` in milliseconds since the epoch. Lines of a login banner are passed
 * over.
 */
export function readFacts(output: string, now: number): Facts {
  const lines = output.split('\n').map((line) => line.trim())
  const number = (word: string): number | undefined => {
    const text = lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1)
    return text === undefined || !/^\d+(\.\d+)?$/.test(text) ? undefined : Number(text)
  }
  const [clock, load, free] = [number('clock'), number('load'), number('free')]
  return {
    // The clock comes in whole seconds, cut off.
    ...(clock !== undefined && { ahead: clock * 1000 + 500 - now }),
    ...(load !== undefined && { load }),
    ...(free !== undefined && { free: free * 1024 }),
    emulated: emulatedBy(
      lines.flatMap((line) => (line.startsWith('emulates ') ? [line.slice('emulates '.length)] : [])),
    ),
  }
}

/** PURE: the platforms of qemu's emulators, by the names under which a kernel has them. */
export function emulatedBy(emulators: readonly string[]): Platform[] {
  return emulators.flatMap((name) =>
    /^[a-z0-9_]+$/.test(name) ? (parsePlatform(`linux/${processors[name] ?? name}`) ?? []) : [],
  )
}
