import { isTrue } from '../../lib/choice.ts'
import { attributeOf, readAttributes, joinAttributes } from '../../lib/csv.ts'
import { splitRecords } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'
import { readProvenance } from './provenance.ts'
import type { SettingsSource } from './source.ts'

export interface Attests {
  /** `mode=min`, `mode=max,builder-id=…`, or empty for no provenance. */
  readonly provenance: string
  /** What else is attested, in buildx' form: `type=sbom,generator=…`. */
  readonly attests: readonly string[]
}

const types = ['provenance', 'sbom']

/** `provenance`, `sbom` and `attests`, which may say either, but not both ways. */
export function readAttests({ text, env, event, report }: SettingsSource, loads: boolean): Attests {
  const entries = splitRecords('attests', text('attests'), report).flatMap(
    (entry) => readAttest(entry.text, report) ?? [],
  )
  const given = (type: string) => entries.find((entry) => entry.type === type)?.attributes
  for (const type of types) {
    if (text(type) !== '' && given(type) !== undefined)
      report({
        input: type,
        given: shorten(text(type)),
        expected: `is given beside \`type=${type}\` in \`attests\`: give one of the two`,
      })
    if (entries.filter((entry) => entry.type === type).length > 1)
      report({
        input: 'attests',
        given: `type=${type}`,
        expected: 'is given twice: write it once, with all its attributes',
      })
  }
  const ofAttests = given('provenance')
  // Engines that keep images the old way cannot load one that has an attestation: as build-push-action, none unless
  // asked. https://docs.docker.com/build/building/variables/#buildx_no_default_attestations
  const byDefault = loads || isTrue(env['BUILDX_NO_DEFAULT_ATTESTATIONS']) ? 'false' : ''
  const wanted = ofAttests === undefined ? text('provenance') || byDefault : ofAttests || 'true'
  const provenance = readProvenance(wanted, event, (mistake) =>
    report(ofAttests === undefined ? mistake : { ...mistake, input: 'attests' }),
  )
  const sbom = given('sbom') === undefined ? readSbom(text('sbom'), report) : given('sbom')
  return {
    provenance,
    attests:
      sbom === undefined || /\bdisabled=true\b/.test(sbom)
        ? []
        : [['type=sbom', sbom].filter((part) => part !== '').join(',')],
  }
}

function readAttest(
  text: string,
  report: IssueSink,
): { readonly type: string; readonly attributes: string } | undefined {
  const wrong = (expected: string) => report({ input: 'attests', given: shorten(text), expected })
  const attributes = readAttributes(text)
  const type = attributeOf(attributes ?? [], 'type')
  if (!attributes || type === undefined) wrong('is no attestation: write `type=sbom` or `type=provenance,mode=max`')
  else if (!types.includes(type))
    wrong(`has an unknown type: write \`type=sbom\` or \`type=provenance\`${didYouMean(type, types)}`)
  else return { type, attributes: joinAttributes(attributes.filter(([name]) => name !== 'type')) }
  return undefined
}

/** The attributes; undefined for none. */
function readSbom(text: string, report: IssueSink): string | undefined {
  if (text === '' || /^(false|False|FALSE)$/.test(text)) return undefined
  if (/^(true|True|TRUE)$/.test(text)) return ''
  const attributes = readAttributes(text)
  if (attributes) return joinAttributes(attributes)
  report({
    input: 'sbom',
    given: shorten(text),
    expected: 'is not understood: write `true`, `false` or `generator=image`',
  })
  return undefined
}
