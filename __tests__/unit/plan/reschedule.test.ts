import { describe, expect, test } from '@jest/globals'
import { endpointDriver } from '../../../src/nodes/drivers/table.ts'
import { nativePlatforms } from '../../../src/nodes/machine-info.ts'
import type { Node } from '../../../src/nodes/node.ts'
import type { FallbackChoice } from '../../../src/inputs/fallback.ts'
import { rescheduleTargets } from '../../../src/plan/reschedule.ts'
import { planTargets } from '../../../src/plan/targets.ts'
import { UserError } from '../../../src/lib/errors.ts'
import type { TargetDraft } from '../../../src/plan/target.ts'
import { nodeSpec, platform, testNode, testVariant } from '../fixtures/nodes.ts'

const variant = (name: string) => testVariant(name, { images: [] })
const draft = (name: string, on: string): TargetDraft => ({
  id: `${name}-${on.replaceAll('/', '-')}`,
  variant: variant(name),
  platform: platform(on),
})
const node = (name: string, arch: string, platforms = [`linux/${arch}`], more: Partial<Node> = {}): Node =>
  testNode(name, platforms, { native: nativePlatforms('linux', arch), ...more })
const failure = new UserError({
  code: 'node',
  message: 'arm does not answer',
  hint: 'Check it.',
  details: ['ssh: timed out'],
})
const local = node('local', 'amd64')
const emulated = 'under emulation (`fallback: emulate`). This is slow.'

function reschedule(
  choices: readonly FallbackChoice[],
  drafts = [draft('', 'linux/arm64')],
  available: readonly Node[] = [node('amd', 'amd64')],
  localEngine: Node | string = local,
) {
  const request = { drafts, failure, choices, available, local: localEngine }
  const { targets, notes, failure: stuck } = rescheduleTargets(request)
  return {
    to: targets.map((target) => target.node.spec.name),
    notes,
    stuck: stuck && [stuck.message, stuck.hint, ...stuck.details],
  }
}

describe('rescheduleTargets', () => {
  test('to another node of the platform, before anything else', () => {
    const second = node('arm-2', 'arm64')
    expect(reschedule(['node', 'local'], undefined, [node('amd', 'amd64'), second])).toEqual({
      to: ['arm-2'],
      notes: ['linux/arm64 rescheduled to arm-2 (`fallback: node`).'],
      stuck: undefined,
    })
  })

  test('to the local engine, if the platform is native there', () => {
    expect(reschedule(['node', 'local'], [draft('', 'linux/amd64')], []).to).toEqual(['local'])
  })

  test('several targets are distributed across the remaining nodes', () => {
    const nodes = ['arm-2', 'arm-3'].map((name) => node(name, 'arm64'))
    const { to, notes } = reschedule(
      ['node'],
      ['a', 'b', 'c', 'd'].map((name) => draft(name, 'linux/arm64')),
      nodes,
    )
    expect([...to].sort()).toEqual(['arm-2', 'arm-2', 'arm-3', 'arm-3'])
    expect(notes.every((note) => /^linux\/arm64 [a-d], linux\/arm64 [a-d] rescheduled to arm/.test(note))).toBe(true)
  })

  test.each<[string, readonly FallbackChoice[]]>([
    ['node, local', ['node', 'local']],
    ['local', ['local']],
  ])('never to emulation without `emulate`: %s', (_, words) => {
    const { to, stuck } = reschedule(words)
    expect(to).toEqual([])
    expect(stuck?.join('\n')).toMatch(
      /^arm does not answer\nCheck it\.\nssh: timed out\nNo fallback for linux\/arm64:\n/,
    )
    expect(stuck?.at(-1)).toBe('  local: the local engine builds linux/amd64 natively, not linux/arm64')
  })

  test('to emulation with `emulate`, on a machine with the emulator if there is one, and with a note', () => {
    const able = node('second', 'amd64', undefined, { machine: { emulated: [platform('linux/arm64')] } })
    expect(reschedule(['local', 'emulate'], undefined, [node('amd', 'amd64'), able])).toEqual({
      to: ['second'],
      notes: [`linux/arm64 rescheduled to second, a linux/amd64 machine, ${emulated}`],
      stuck: undefined,
    })
    expect(
      reschedule(
        ['emulate'],
        undefined,
        [node('kit', 'amd64', undefined, { driver: endpointDriver({ kind: 'tcp' }) })],
        'none',
      ).stuck,
    ).toContain('  emulate: no engine is available')
  })

  test('to emulation on a listed node before the local engine, even if only that has the emulator', () => {
    const able = node('local', 'amd64', undefined, { machine: { emulated: [platform('linux/arm64')] } })
    expect(reschedule(['emulate'], undefined, [node('amd', 'amd64')], able).to).toEqual(['amd'])
    expect(reschedule(['emulate'], undefined, [], able).to).toEqual(['local'])
  })

  test('nowhere with `skip`, with a note; and a failure with `fail`', () => {
    expect(reschedule(['node', 'skip'])).toEqual({
      to: [],
      notes: ['linux/arm64 skipped (`fallback: skip`).'],
      stuck: undefined,
    })
    expect(reschedule(['fail']).stuck).toEqual(['arm does not answer', 'Check it.', 'ssh: timed out'])
  })

  test('a local engine that is not available is one of the reasons', () => {
    expect(
      reschedule(['node', 'local'], undefined, undefined, 'No Docker Engine answers on this runner (/x)').stuck?.slice(
        -2,
      ),
    ).toEqual([
      '  node: no other available node builds linux/arm64',
      '  local: No Docker Engine answers on this runner (/x)',
    ])
  })
})

describe('planTargets with unavailable nodes', () => {
  const outcome = (opened: Node) => ({ spec: opened.spec, node: opened })
  const unavailable = { spec: nodeSpec('arm', ['linux/arm64']), failure }
  const inputs = (fallback: readonly FallbackChoice[], names = ['a', 'b']) => ({
    variants: names.map(variant),
    cache: { kind: 'off' } as const,
    fallback,
  })

  test('its targets are rescheduled in the order of `fallback` and of the plan, and notes give the reason', () => {
    const { targets, notes, groups } = planTargets(
      inputs(['node']),
      [unavailable, outcome(node('arm-2', 'arm64', ['linux/arm64', 'linux/amd64']))],
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
    expect(notes).toEqual([expect.stringMatching(/^arm is unavailable: arm does not answer\. /)])
  })

  test('an unavailable node that is not needed is reported too', () => {
    const { notes } = planTargets(
      { ...inputs(['fail']), variants: [{ ...variant('a'), platforms: [platform('linux/amd64')] }] },
      [unavailable, outcome(node('amd', 'amd64'))],
      'none',
    )
    expect(notes).toEqual(['arm is unavailable: arm does not answer. It is not needed.'])
  })

  test('a skipped platform is not planned, but an image without a platform is an error', () => {
    const { targets } = planTargets(inputs(['skip'], ['a']), [unavailable, outcome(node('amd', 'amd64'))], 'none')
    expect(targets.map(({ id }) => id)).toEqual(['a-linux-amd64'])
    expect(() => planTargets(inputs(['skip'], ['a']), [unavailable], 'none')).toThrow(
      'No platform of a can be built: all were skipped',
    )
  })

  test('an unavailable node without platforms is an error', () => {
    expect(() => planTargets(inputs(['local']), [{ spec: nodeSpec('arm', []), failure }], local)).toThrow(
      'arm does not answer',
    )
  })
})
