import type { Version } from './semver.ts'

// https://packaging.python.org/en/latest/specifications/version-specifiers/#appendix-parsing-version-strings-with-regular-expressions
const pattern = new RegExp(
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

/**
 * PURE: reads a Python version, such as `v1.2.3rc2`, and writes it in its normal form, but for the parts behind a `+`,
 * which are joined as docker/metadata-action's tags have them; undefined where it is none.
 */
export function parsePep440(text: string): Version | undefined {
  const raw = text.trim()
  const found = pattern.exec(raw)?.groups
  if (!found) return undefined
  const { epoch = '0', release = '', pre, preNumber, postAlone, post, postNumber, dev, devNumber, local } = found
  const numbers = release.split('.').map(whole)
  const phase = pre?.toLowerCase() ?? ''
  const version = [
    whole(epoch) === '0' ? '' : `${whole(epoch)}!`,
    numbers.join('.'),
    pre === undefined ? '' : `${phases[phase] ?? phase}${whole(preNumber)}`,
    (post ?? postAlone) === undefined ? '' : `.post${whole(postAlone ?? postNumber)}`,
    dev === undefined ? '' : `.dev${whole(devNumber)}`,
    local === undefined
      ? ''
      : `+${local
          .toLowerCase()
          .split(/[-_.]/)
          .map((each) => (/^\d+$/.test(each) ? whole(each) : each))
          .join('-')}`,
  ].join('')
  const [major = '0', minor = '0', patch = '0'] = numbers
  return { raw, version, major, minor, patch, preRelease: (pre ?? post ?? postAlone ?? dev) !== undefined }
}

/** Without leading zeros; nothing is zero. */
function whole(digits = ''): string {
  return digits.replace(/^0+(?=\d)/, '') || '0'
}
