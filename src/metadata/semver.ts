/** What `{{…}}` in a pattern may say of a version. */
export interface Version {
  readonly raw: string
  readonly version: string
  readonly major: string
  readonly minor: string
  readonly patch: string
  /** Not for everybody: such a version moves no tag but its own. */
  readonly preRelease: boolean
}

const number = '0|[1-9]\\d*'
const part = `(?:${number}|\\d*[A-Za-z-][0-9A-Za-z-]*)`
const pattern = new RegExp(
  `^v?(${number})\\.(${number})\\.(${number})(-${part}(?:\\.${part})*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
)

/** PURE: reads `v1.2.3-rc.1+build` as https://semver.org has it, with or without `v`; undefined where it is none. */
export function parseSemver(text: string): Version | undefined {
  const raw = text.trim()
  const [, major, minor, patch, preRelease = ''] = pattern.exec(raw) ?? []
  if (major === undefined || minor === undefined || patch === undefined || raw.length > 256) return undefined
  if (![major, minor, patch].every((digits) => Number.isSafeInteger(Number(digits)))) return undefined
  return { raw, version: `${major}.${minor}.${patch}${preRelease}`, major, minor, patch, preRelease: preRelease !== '' }
}
