import { readdirSync, statfsSync } from 'node:fs'
import { loadavg } from 'node:os'
import { parsePlatform, type Platform } from '../lib/platform.ts'

/** Load, disk and clock of a machine; each undefined if the machine does not report it. */
export interface MachineInfo {
  /** Average of the last minute, in processes. */
  readonly load?: number
  /** Bytes free where the engine keeps its data. */
  readonly free?: number
  /** Milliseconds by which its clock is ahead of this machine's; negative if it is behind. */
  readonly ahead?: number
  /** Platforms for which its kernel has emulators. */
  readonly emulated: readonly Platform[]
}

/** Prints all of it: POSIX sh, and no command that takes long. */
export const machineInfoScript = `
echo "clock $(date +%s)"
read -r load rest < /proc/loadavg && echo "load $load"
root=$(sed -n 's/.*"data-root"[^"]*"\\([^"]*\\)".*/\\1/p' /etc/docker/daemon.json 2>/dev/null)
for d in "$root" /var/lib/docker "$HOME/.local/share/docker" /; do
  [ -d "$d" ] && df -Pk "$d" 2>/dev/null | sed -n 's/^.* \\([0-9][0-9]*\\)  *[0-9]*% .*/free \\1/p' && break
done
for f in /proc/sys/fs/binfmt_misc/qemu-*; do echo "emulates \${f##*/qemu-}"; done
`

/** Platforms that a processor also runs natively. Not every 64-bit Arm machine still runs 32-bit code. */
const compatible: Readonly<Record<string, readonly string[]>> = {
  amd64: ['amd64/v2', 'amd64/v3', '386'],
  arm: ['arm/v7', 'arm/v6', 'arm/v5'],
}

/**
 * PURE: parses what `machineInfoScript` printed; `now` in milliseconds since the epoch. Lines of a login banner are
 * ignored.
 */
export function parseMachineInfo(output: string, now: number): MachineInfo {
  const lines = output.split('\n').map((line) => line.trim())
  const values = (key: string) =>
    lines.flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []))
  const number = (key: string): number | undefined => {
    const [value = ''] = values(key)
    return /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined
  }
  const [clock, load, free] = [number('clock'), number('load'), number('free')]
  return {
    // The clock is in whole seconds, rounded down.
    ...(clock !== undefined && { ahead: clock * 1000 + 500 - now }),
    ...(load !== undefined && { load }),
    ...(free !== undefined && { free: free * 1024 }),
    emulated: emulatedPlatforms(values('emulates')),
  }
}

/** PURE: the platforms of QEMU's emulators, by the names under which a kernel has them. */
export function emulatedPlatforms(emulators: readonly string[]): Platform[] {
  return emulators.flatMap((name) => (/^[a-z0-9_]+$/.test(name) ? (parsePlatform(name) ?? []) : []))
}

/** PURE: the platforms that an engine built for `os/arch` runs without emulation, its own first. */
export function nativePlatforms(os: string, arch: string): Platform[] {
  return [arch, ...(compatible[arch] ?? [])].flatMap((name) => parsePlatform(`${os}/${name}`) ?? [])
}

const binfmt = '/proc/sys/fs/binfmt_misc'

/**
 * The same of this machine.
 *
 * @param root the engine's data directory
 * @param emulators where the kernel lists its emulators
 */
export function readMachineInfo(root: string, emulators = binfmt): MachineInfo {
  const free = freeBytes(root)
  return {
    load: loadavg()[0] ?? 0,
    ...(free !== undefined && { free }),
    emulated: emulatedPlatforms(listEmulators(emulators)),
  }
}

/** Undefined if the path is not on this machine. */
function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  } catch {
    return undefined
  }
}

function listEmulators(directory: string): string[] {
  try {
    return readdirSync(directory).flatMap((name) => (name.startsWith('qemu-') ? [name.slice('qemu-'.length)] : []))
  } catch {
    return []
  }
}
