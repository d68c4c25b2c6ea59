import type { IssueSink } from '../../lib/issues.ts'
import { shorten } from '../../lib/issues.ts'
import { attributeOf } from '../../lib/csv.ts'
import { readCacheSpec } from '../cache/specs.ts'
import type { BuildSettings } from '../settings/settings.ts'

/**
 * What one build may do and several may not: each would overwrite what the others wrote.
 *
 * @param platforms those of each variant; empty where only the node will tell, which then is one
 */
export function checkTogether(
  settings: BuildSettings,
  platforms: readonly (readonly string[])[],
  report: IssueSink,
): void {
  const number = platforms.reduce((sum, one) => sum + Math.max(one.length, 1), 0)
  const several = platforms.find((one) => one.length > 1)
  if (settings.load && several)
    report({
      input: 'load',
      given: 'true',
      expected: `loads one platform into the local engine, and this builds ${several.join(', ')}: write \`platforms: ${several[0] ?? ''}\`, or push and pull`,
    })
  if (number > 1) checkShared(settings, number, report)
  if (settings.call && (settings.load || settings.exports.length > 0 || settings.imagePush === 'yes'))
    report({
      input: 'call',
      given: settings.call,
      expected: 'builds nothing, and `load` or `outputs` ask for a build: leave one of the two out',
    })
}

function checkShared({ cacheTo, exports }: BuildSettings, number: number, report: IssueSink): void {
  for (const spec of cacheTo) {
    const attributes = readCacheSpec('cache-to', spec, () => undefined) ?? []
    const type = attributeOf(attributes, 'type')
    if (type === 'inline') continue
    const ref = attributeOf(attributes, 'ref') ?? ''
    const instead =
      type === 'registry'
        ? `the default of \`cache\` keeps one for each${ref === '' ? '' : ' beside the image'}`
        : `write it in \`cache\`, \`cache: type=${type ?? ''},…\`, which adds variant and platform to its name`
    report({
      input: 'cache-to',
      given: shorten(type === 'registry' ? spec : `type=${type ?? ''}`),
      expected: `would be written by ${number} builds, each over the others': ${instead}`,
    })
  }
  for (const { type, dest } of exports) {
    if (type !== 'local')
      report({
        input: 'outputs',
        given: shorten(`type=${type},dest=${dest}`),
        expected: `would be written by ${number} builds, each over the others': name one platform and no variants, or write \`type=local\`, where each gets a directory of its own`,
      })
  }
}
