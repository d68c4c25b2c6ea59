import { cacheBackends } from '../cache/backends.ts'
import { parseCacheSpec } from '../cache/specs.ts'
import { failFor, passes } from '../diagnostics.ts'
import type { BuildSettings } from '../settings/settings.ts'
import { typeOf } from '../settings/typed-attributes.ts'
import type { InputSource } from '../source.ts'

/**
 * What one build may do and several may not: each would overwrite what the others wrote.
 *
 * @param platforms those of each variant; empty if only the node knows them, and then it is one
 */
export function checkTogether(
  settings: BuildSettings,
  platforms: readonly (readonly string[])[],
  { report }: Pick<InputSource, 'report'>,
): void {
  const { load, call, exports, imagePush } = settings
  const builds = platforms.reduce((sum, one) => sum + Math.max(one.length, 1), 0)
  const several = platforms.find((one) => one.length > 1) ?? []
  const form = `write \`platforms: ${several[0] ?? ''}\`, or push and pull`
  passes(failFor(report, 'load'), 'true', [
    [
      load && several.length > 0,
      `loads one platform into the local engine, but this builds ${several.join(', ')}: ${form}`,
    ],
  ])
  passes(failFor(report, 'call'), call, [
    [
      call !== undefined && (load || exports.length > 0 || imagePush === 'yes'),
      'builds nothing, but `load` or `outputs` need a build: remove one of them',
    ],
  ])
  if (builds > 1) checkShared(settings, `would be written by ${builds} builds, which overwrite each other`, report)
}

function checkShared({ cacheTo, exports }: BuildSettings, problem: string, report: InputSource['report']): void {
  for (const spec of cacheTo) {
    const type = typeOf(parseCacheSpec(spec))
    const form =
      type === 'registry'
        ? 'use `cache`, which stores one cache per platform and variant, with the image or at `type=registry,ref=…`'
        : `write it in \`cache\`, \`cache: type=${type},…\`, which adds variant and platform to its name`
    passes(failFor(report, 'cache-to'), type === 'registry' ? spec : `type=${type}`, [
      [!cacheBackends.get(type)?.isInImage, `${problem}: ${form}`],
    ])
  }
  for (const { type, dest } of exports)
    passes(failFor(report, 'outputs'), `type=${type},dest=${dest}`, [
      [
        type !== 'local',
        `${problem}: build one platform and no variants, or write \`type=local\`, which has a directory per build`,
      ],
    ])
}
