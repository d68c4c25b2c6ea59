/** What the expressions of a version pattern stand for: `{{version}}`, `{{major}}`, … */
export interface Version {
  readonly raw: string
  readonly version: string
  readonly major: string
  readonly minor: string
  readonly patch: string
  /** Whether only its own tag is updated, not `1.2`, `1` or `latest`. */
  readonly preRelease: boolean
}

const number = '0|[1-9]\\d*'
const identifier = `(?:${number}|\\d*[A-Za-z-][0-9A-Za-z-]*)`
const semver = new RegExp(
  [
    `^v?(${number})\\.(${number})\\.(${number})`,
    `(-${identifier}(?:\\.${identifier})*)?`,
    '(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$',
  ].join(''),
)
/** Limit of the semver package, which docker/metadata-action uses. */
const longestSemver = 256

/** PURE: parses `v1.2.3-rc.1+build` (https://semver.org), with or without `v`; undefined if it is not a version. */
export function parseSemver(text: string): Version | undefined {
  const raw = text.trim()
  const [, major, minor, patch, preRelease = ''] = semver.exec(raw) ?? []
  if (major === undefined || minor === undefined || patch === undefined || raw.length > longestSemver) return undefined
  if (![major, minor, patch].every((digits) => Number.isSafeInteger(Number(digits)))) return undefined
  return { raw, version: `${major}.${minor}.${patch}${preRelease}`, major, minor, patch, preRelease: preRelease !== '' }
}

// "Parsing version strings with regular expressions" in
// https://packaging.python.org/en/latest/specifications/version-specifiers/
const pep440 = new RegExp(
  [
    '^v?(?:(?<epoch>\\d+)!)?(?<release>\\d+(?:\\.\\d+)*)',
    '(?:[-_.]?(?<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?<preNumber>\\d+)?)?',
    '(?:-(?<postAlone>\\d+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postNumber>\\d+)?)?',
    '(?:[-_.]?(?<dev>dev)[-_.]?(?<devNumber>\\d+)?)?',
    '(?:\\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$',
  ].join(''),
  'i',
)
const phases: Readonly<Record<string, string>> = { alpha: 'a', beta: 'b', c: 'rc', pre: 'rc', preview: 'rc' }

type Groups = Readonly<Record<string, string | undefined>>

/** The parts of a normalised Python version, in their order; each is empty if the version does not have it. */
const segments: readonly ((groups: Groups) => string)[] = [
  ({ epoch }) => (withoutZeros(epoch) === '0' ? '' : `${withoutZeros(epoch)}!`),
  ({ release = '' }) => release.split('.').map(withoutZeros).join('.'),
  ({ pre, preNumber }) =>
    pre === undefined ? '' : `${phases[pre.toLowerCase()] ?? pre.toLowerCase()}${withoutZeros(preNumber)}`,
  ({ post, postAlone, postNumber }) =>
    (post ?? postAlone) === undefined ? '' : `.post${withoutZeros(postAlone ?? postNumber)}`,
  ({ dev, devNumber }) => (dev === undefined ? '' : `.dev${withoutZeros(devNumber)}`),
  ({ local }) => (local === undefined ? '' : `+${normaliseLocal(local)}`),
]

/**
 * PURE: parses a Python version such as `v1.2.3rc2` and normalises it, except that the parts of a local version are
 * joined by `-`, as in the tags of docker/metadata-action; undefined if it is not a version.
 */
export function parsePep440(text: string): Version | undefined {
  const raw = text.trim()
  const groups = pep440.exec(raw)?.groups
  if (!groups) return undefined
  const [major = '0', minor = '0', patch = '0'] = (groups['release'] ?? '').split('.').map(withoutZeros)
  const preRelease = ['pre', 'post', 'postAlone', 'dev'].some((name) => groups[name] !== undefined)
  return { raw, version: segments.map((segment) => segment(groups)).join(''), major, minor, patch, preRelease }
}

function normaliseLocal(local: string): string {
  const parts = local.toLowerCase().split(/[-_.]/)
  return parts.map((part) => (/^\d+$/.test(part) ? withoutZeros(part) : part)).join('-')
}

/** A number without leading zeros; `0` if there is none. */
function withoutZeros(digits = ''): string {
  return digits.replace(/^0+(?=\d)/, '') || '0'
}
