import { parsePlatform, type Platform } from '../lib/platform.ts'

// What else a processor surely runs by itself. Not every 64-bit Arm machine still runs 32-bit code.
const also: Readonly<Record<string, readonly string[]>> = {
  amd64: ['amd64/v2', 'amd64/v3', '386'],
  arm: ['arm/v7', 'arm/v6', 'arm/v5'],
}

/** PURE: the platforms an engine built for `os/arch` runs without emulation, its own first. */
export function nativePlatforms(os: string, arch: string): Platform[] {
  return [arch, ...(also[arch] ?? [])].flatMap((name) => parsePlatform(`${os}/${name}`) ?? [])
}
