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
  end: 5,
  rerun: 2,
  forget: 1,
  advance: 5,
  crash: 3,
  fault: 3,
}

const step: fc.Arbitrary<Step> = fc.record({
  after: fc.oneof(
    { weight: 3, arbitrary: fc.nat(8) },
    { weight: 2, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.constant(1000) },
  ),
  kind: fc.oneof(...kinds.map((kind) => ({ weight: weights[kind], arbitrary: fc.constant(kind) }))),
  pick: fc.nat(60),
})

/** Some runs, some people, some cleanups, all at once. */
export const anyHistory: fc.Arbitrary<History> = fc.record({
  seed: fc.nat(1_000_000),
  lag: fc.oneof(fc.constant(0), fc.nat(6)),
  freshGet: fc.boolean(),
  order: fc.constantFrom('newest', 'newest', 'oldest', 'shuffled', 'reshuffled'),
  pageSize: fc.constantFrom(100, 100, 9),
  steps: fc.array(step, { minLength: 2, maxLength: 16 }),
})
