import { describe, expect, test } from '@jest/globals'
import { nativePlatforms } from '../../../src/nodes/native-platforms.ts'
import type { Node } from '../../../src/nodes/node.ts'
import type { FallbackWord } from '../../../src/inputs/fallback.ts'
import { moveTargets } from '../../../src/plan/reschedule.ts'
import { parsePlatform } from '../../../src/lib/platform.ts'
import { planTargets } from '../../../src/plan/targets.ts'
import { UserError } from '../../../src/lib/errors.ts'
import type { VariantSpec } from '../../../src/inputs/variant-spec.ts'
import type { TargetDraft } from '../../../src/plan/target.ts'

const platform = (text: string) => parsePlatform(text)!
const variant = (name: string): VariantSpec => ({
  name,
  images: [],
  tags: [],
  platforms: [],
  context: '/w',
  buildArgs: {},
  labels: {},
  annotations: [],
  version: '',
})
const draft = (name: string, on: string): TargetDraft => ({
  id: `${name}-${on.replaceAll('/', '-')}`,
  variant: variant(name),
  platform: platform(on),
})
const spec = (name: string, ...platforms: string[]) => ({
  name,
  endpoint: { kind: 'ssh', host: name, port: 22 } as const,
  platforms: platforms.map(platform),
  driverOpts: {},
  buildkitdFlags: [],
  buildkitdConfig: '',
})
const node = (
  name: string,
  arch: string,
  platforms: readonly string[] = [`linux/${arch}`],
  more: Partial<Node> = {},
): Node => ({
  spec: spec(name, ...platforms),
  driver: 'docker-container',
  socket: `/${name}.sock`,
  platforms: platforms.map(platform),
  native: nativePlatforms('linux', arch),
  took: 0,
  ...more,
})
const failure = new UserError({
  code: 'node',
  message: 'arm does not answer',
  hint: 'Check it.',
  details: ['ssh: timed out'],
})
const local = node('local', 'amd64')

function move(
  words: readonly FallbackWord[],
  drafts = [draft('', 'linux/arm64')],
  usable: readonly Node[] = [node('amd', 'amd64')],
  spare: Node | string = local,
) {
  const { targets, notes, failure: stuck } = moveTargets({ drafts, failure, words, usable, local: spare })
  return {
    to: targets.map((target) => target.node.spec.name),
    notes,
    stuck: stuck && [stuck.message, stuck.hint, ...stuck.details],
  }
}

describe('moveTargets', () => {
  test('to another node of the platform, before anything else', () => {
    const second = node('arm-2', 'arm64')
    expect(move(['node', 'local'], undefined, [node('amd', 'amd64'), second])).toEqual({
      to: ['arm-2'],
      notes: ['linux/arm64 is built on arm-2 instead (`fallback: node`).'],
      stuck: undefined,
    })
  })

  test('to the local engine, if the platform is native there', () => {
    expect(move(['node', 'local'], [draft('', 'linux/amd64')], []).to).toEqual(['local'])
  })

  test('several are shared out among what is left', () => {
    const nodes = ['arm-2', 'arm-3'].map((name) => node(name, 'arm64'))
    const { to, notes } = move(
      ['node'],
      ['a', 'b', 'c', 'd'].map((name) => draft(name, 'linux/arm64')),
      nodes,
    )
    expect([...to].sort()).toEqual(['arm-2', 'arm-2', 'arm-3', 'arm-3'])
    expect(
      notes.every((note) => /^linux\/arm64 [a-d], linux\/arm64 [a-d] are built on arm-[23] instead/.test(note)),
    ).toBe(true)
  })

  test.each<[string, readonly FallbackWord[]]>([
    ['node, local', ['node', 'local']],
    ['local', ['local']],
  ])('never to emulation without the word for it: %s', (_, words) => {
    const { to, stuck } = move(words)
    expect(to).toEqual([])
    expect(stuck?.join('\n')).toMatch(
      /^arm does not answer\nCheck it\.\nssh: timed out\nlinux\/arm64 has no other place:\n/,
    )
    expect(stuck?.at(-1)).toBe('  local: the local engine builds linux/amd64 natively, not linux/arm64')
  })

  test('to emulation with the word for it, on a machine that has the emulator if there is one, and aloud', () => {
    const able = node('second', 'amd64', undefined, { facts: { emulated: [platform('linux/arm64')] } })
    expect(move(['local', 'emulate'], undefined, [node('amd', 'amd64'), able])).toEqual({
      to: ['second'],
      notes: [
        'linux/arm64 is built on second, a linux/amd64 machine, under emulation, as `fallback: emulate` allows. That is slow.',
      ],
      stuck: undefined,
    })
    expect(
      move(['emulate'], undefined, [node('kit', 'amd64', undefined, { driver: 'remote' })], 'none').stuck,
    ).toContain('  emulate: no engine that can be used is left')
  })

  test('nowhere with `skip`, aloud; and an end with `fail`', () => {
    expect(move(['node', 'skip'])).toEqual({
      to: [],
      notes: ['linux/arm64 is left out, as `fallback: skip` says.'],
      stuck: undefined,
    })
    expect(move(['fail']).stuck).toEqual(['arm does not answer', 'Check it.', 'ssh: timed out'])
  })

  test('a local engine that is not there is one of the reasons', () => {
    expect(
      move(['node', 'local'], undefined, undefined, 'No Docker Engine answers on this runner (/x)').stuck?.slice(-2),
    ).toEqual([
      '  node: no other node that can be used builds linux/arm64',
      '  local: No Docker Engine answers on this runner (/x)',
    ])
  })
})

describe('planTargets around nodes that cannot be used', () => {
  const outcome = (one: Node) => ({ spec: one.spec, node: one })
  const dead = { spec: spec('arm', 'linux/arm64'), failure }
  const inputs = (fallback: readonly FallbackWord[], names = ['a', 'b']) => ({
    variants: names.map(variant),
    cache: { kind: 'off' } as const,
    fallback,
  })

  test('its targets go where `fallback` says, in the order of the plan, and the notes say why', () => {
    const { targets, notes, groups } = planTargets(
      inputs(['node']),
      [dead, outcome(node('arm-2', 'arm64', ['linux/arm64', 'linux/amd64']))],
      'none',
    )
    expect(
      targets.map(
        ({
          id,
          node: {
            spec: { name },
          },
        }) => [id, name],
      ),
    ).toEqual([
      ['a-linux-arm64', 'arm-2'],
      ['a-linux-amd64', 'arm-2'],
      ['b-linux-arm64', 'arm-2'],
      ['b-linux-amd64', 'arm-2'],
    ])
    expect(groups).toHaveLength(1)
    expect(notes).toEqual([expect.stringMatching(/^arm cannot be used: arm does not answer\. /)])
  })

  test('a node that nothing needs is told, too', () => {
    const { notes } = planTargets(
      { ...inputs(['fail']), variants: [{ ...variant('a'), platforms: [platform('linux/amd64')] }] },
      [dead, outcome(node('amd', 'amd64'))],
      'none',
    )
    expect(notes).toEqual(['arm cannot be used: arm does not answer. Nothing here needs it now.'])
  })

  test('what is skipped is not planned, but an image of nothing is no image', () => {
    const { targets } = planTargets(inputs(['skip'], ['a']), [dead, outcome(node('amd', 'amd64'))], 'none')
    expect(targets.map(({ id }) => id)).toEqual(['a-linux-amd64'])
    expect(() => planTargets(inputs(['skip'], ['a']), [dead], 'none')).toThrow(
      'Nothing is left to build of a: every platform was left out',
    )
  })

  test('a node whose platforms nobody knows cannot be planned around', () => {
    expect(() => planTargets(inputs(['local']), [{ spec: spec('arm'), failure }], local)).toThrow('arm does not answer')
  })
})
