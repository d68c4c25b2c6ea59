import fc from 'fast-check'
import { kinds, type History, type Step } from './history.ts'

const weights: Record<Step['kind'], number> = {
  build: 8,
  begin: 2,
  publish: 2,
  partial: 4,
  merge: 5,
  post: 8,
  cleanup: 7,
  'cleanup of a run': 2,
  'cleanup of a pull request': 3,
  retention: 3,
  night: 4,
  'keep night': 2,
  'publish night again': 2,
  'retag index': 3,
  'retag child': 2,
  promote: 4,
  release: 3,
  drop: 1,
  foreign: 1,
  pin: 2,
  sign: 2,
  'forge tag': 2,
  'forge index': 1,
  'forge attestation': 1,
  'forge part': 1,
  'forge provenance': 1,
  'forge subject': 1,
  'forge referrer': 1,
  'forge node': 1,
  'forge pull request': 1,
  'forge night': 1,
  end: 5,
  rerun: 2,
  forget: 1,
  advance: 5,
  crash: 3,
  fault: 3,
}

const after = fc.oneof(
  { weight: 3, arbitrary: fc.nat(8) },
  { weight: 2, arbitrary: fc.nat(60) },
  { weight: 1, arbitrary: fc.constant(1000) },
)

const mostPicks = 60
const picks = Array.from({ length: mostPicks + 1 }, (_, at) => at)

const oneOf = (names: readonly Step['kind'][]): fc.Arbitrary<Step['kind']> =>
  fc.oneof(...names.map((kind) => ({ weight: weights[kind], arbitrary: fc.constant(kind) })))

const step: fc.Arbitrary<Step> = fc.record({ after, kind: oneOf(kinds), pick: fc.nat(mostPicks) })

/** Steps that follow each other often, all of one run. */
const scene = (run: number, names: readonly (Step['kind'] | readonly Step['kind'][])[]): fc.Arbitrary<Step[]> =>
  fc.tuple(
    ...names.map((name) => {
      const kind = typeof name === 'string' ? fc.constant(name) : oneOf(name)
      return fc.record({ after, kind, pick: fc.constantFrom(...picks.filter((pick) => pick % 3 === run)) })
    }),
  )

/** What others do while a cleanup is at work. */
const others = ['retag index', 'retag child', 'promote', 'release', 'build', 'publish', 'pin', 'crash'] as const
const forgeries = kinds.filter((kind) => kind.startsWith('forge '))

const scenes: readonly Parameters<typeof scene>[1][] = [
  ['build', 'post', others, others],
  ['build', 'end', 'advance', 'cleanup', others, others],
  ['partial', 'merge', 'post', others],
  [forgeries, 'end', 'advance', 'cleanup'],
  ['begin', 'pin', forgeries, 'end', 'advance', 'cleanup'],
  ['build', forgeries, 'post'],
  [['build', 'partial'], 'forget', 'cleanup'],
  ['build', 'build', 'end', 'cleanup of a pull request', others],
  ['build', 'forge pull request', 'end', 'cleanup of a pull request', ['rerun', 'build', 'promote']],
  ['night', 'night', 'advance', 'advance', 'retention', 'keep night'],
  ['night', 'advance', 'advance', 'night', 'advance', 'advance', ['night', 'publish night again'], 'retention'],
  ['night', 'pin', 'forge night', 'night', 'advance', 'advance', 'retention'],
  ['build', 'sign', ['post', 'retag index'], 'retag index'],
]

const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 12, arbitrary: step.map((one) => [one]) },
      ...scenes.flatMap((names) => [0, 1, 2].map((run) => ({ weight: 1, arbitrary: scene(run, names) }))),
    ),
    { minLength: 1, maxLength: 7 },
  )
  .map((parts) => parts.flat())

/** Some runs, some people, some cleanups, all at once. */
export const anyHistory: fc.Arbitrary<History> = fc.record({
  seed: fc.nat(1_000_000),
  lag: fc.oneof(fc.constant(0), fc.nat(6)),
  lagBy: fc.constantFrom('chance', 'chance', 'most'),
  freshGet: fc.boolean(),
  order: fc.constantFrom('newest', 'newest', 'oldest', 'shuffled', 'reshuffled'),
  pageSize: fc.constantFrom(100, 100, 9),
  steps,
})
