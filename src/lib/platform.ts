import { didYouMean, shorten, type IssueSink } from './issues.ts'

/** Canonical `os/architecture[/variant]`, e.g. `linux/arm64`, `linux/arm/v7`: made by `parsePlatform` only. */
export type Platform = string & { readonly __platform: true }

const systems = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasi wasip1 windows'.split(
    ' ',
  ),
)
const architectures = new Set(
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' '),
)

/** The platforms that messages suggest; any other valid platform is accepted as well. */
const suggested = [
  'linux/amd64',
  'linux/arm64',
  'linux/arm/v7',
  'linux/arm/v6',
  'linux/386',
  'linux/ppc64le',
  'linux/s390x',
  'linux/riscv64',
  'linux/loong64',
  'windows/amd64',
]

/** Names of Linux, Debian, QEMU and Docker Hub. */
const aliases = new Map<string, readonly [string, string?]>(
  Object.entries({
    aarch64: ['arm64'],
    arm32v5: ['arm', 'v5'],
    arm32v6: ['arm', 'v6'],
    arm32v7: ['arm', 'v7'],
    arm64v8: ['arm64'],
    armel: ['arm', 'v6'],
    armhf: ['arm', 'v7'],
    armv5: ['arm', 'v5'],
    armv6: ['arm', 'v6'],
    armv6l: ['arm', 'v6'],
    armv7: ['arm', 'v7'],
    armv7l: ['arm', 'v7'],
    armv8: ['arm64'],
    i386: ['386'],
    i686: ['386'],
    loongarch64: ['loong64'],
    mips64el: ['mips64le'],
    mipsel: ['mipsle'],
    ppc64el: ['ppc64le'],
    riscv64gc: ['riscv64'],
    s390: ['s390x'],
    'x86-64': ['amd64'],
    x86_64: ['amd64'],
    x64: ['amd64'],
    x86: ['386'],
  }),
)

const variants: Readonly<Record<string, RegExp>> = {
  amd64: /^v[1-4]$/,
  arm: /^v[5-8]$/,
  arm64: /^v[89](\.\d)?$/,
  ppc64le: /^power\d{1,2}$/,
  riscv64: /^rva\d\du64$/,
}

/** Variants that containerd omits, since they are the architecture's default. */
const defaultVariants: Readonly<Record<string, readonly string[]>> = { amd64: ['v1'], arm64: ['v8', 'v8.0'] }

/**
 * Normalizes a platform as containerd does (https://pkg.go.dev/github.com/containerd/platforms); undefined if the text
 * is not a platform.
 */
export function parsePlatform(text: string): Platform | undefined {
  const parts = text.trim().toLowerCase().split('/')
  if (parts.some((part) => part === '') || parts.length > 3) return undefined
  const [first = '', second = ''] = parts
  if (parts.length === 1) return join('linux', first)
  if (parts.length === 2 && !isSystem(first)) return join('linux', first, second)
  return join(first, second, parts[2])
}

/** The form for tags and file names: `linux-arm-v7`. */
export function platformSlug(platform: Platform): string {
  return platform.replaceAll('/', '-')
}

/** Parses a list of platforms; duplicates are dropped, also if they are spelled differently. */
export function parsePlatforms(input: string, entries: readonly string[], report: IssueSink): readonly Platform[] {
  const platforms = new Set<Platform>()
  for (const entry of entries) {
    const platform = parsePlatform(entry)
    if (platform) platforms.add(platform)
    else report({ input, given: shorten(entry), expected: platformExpected(entry) })
  }
  return [...platforms]
}

/** The message for a text that is not a platform. */
export function platformExpected(text: string): string {
  const lower = text.trim().toLowerCase()
  if (isSystem(lower)) return `has no architecture: write \`${lower}/amd64\`, for example`
  if (/^[[{"']/.test(lower))
    return 'is not a platform: write plain `os/architecture`, one per line, without quotes or brackets'
  const names = [...suggested, ...suggested.map((name) => name.replace('linux/', ''))]
  return `is not a platform: write \`os/architecture\` such as \`linux/arm64\`${didYouMean(lower, names)}`
}

function join(system: string, architecture: string, variant = ''): Platform | undefined {
  const os = system === 'macos' ? 'darwin' : system
  const [arch, aliasVariant = ''] = aliases.get(architecture) ?? [architecture]
  if (!systems.has(os) || !architectures.has(arch)) return undefined
  const fullVariant = normalizeVariant(arch, variant || aliasVariant)
  return fullVariant === undefined ? undefined : asPlatform(`${os}/${arch}${fullVariant && `/${fullVariant}`}`)
}

/** Empty for the architecture's default; undefined if the architecture does not have the variant. */
function normalizeVariant(architecture: string, variant: string): string | undefined {
  if (variant === '') return architecture === 'arm' ? 'v7' : ''
  const full = /^\d/.test(variant) ? `v${variant}` : variant
  if (!variants[architecture]?.test(full)) return undefined
  return defaultVariants[architecture]?.includes(full) ? '' : full
}

function isSystem(text: string): boolean {
  return systems.has(text) || text === 'macos'
}

function asPlatform(text: string): Platform | undefined {
  return isCanonical(text) ? text : undefined
}

function isCanonical(text: string): text is Platform {
  return /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9.]+)?$/.test(text)
}
