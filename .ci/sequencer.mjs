import Sequencer from '@jest/test-sequencer'

/** Seconds of the longest files, for a host on which they have not run yet; the longest must not start last. */
const expected = {
  'faults.test.ts': 130,
  'cleanup-selection.test.ts': 110,
  'publish-faults.test.ts': 80,
  'kubernetes.test.ts': 80,
  'farm.test.ts': 70,
  'observability.test.ts': 65,
  'registries.test.ts': 65,
  'signing.test.ts': 65,
  'split.test.ts': 65,
  'errors.test.ts': 60,
  'examples.test.ts': 50,
  'image-tests.test.ts': 45,
  'registry-support.test.ts': 45,
  'kill.test.ts': 45,
  'caches.test.ts': 40,
  'nodes.test.ts': 40,
  'riscv64.test.ts': 30,
  'copy.test.ts': 30,
  'garbage-collection.test.ts': 30,
  'credentials.test.ts': 30,
  'pr.test.ts': 30,
  'links.test.ts': 30,
}

/** Longest first: Jest knows how long a file took last time on this host. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const durationOf = ({ path, duration }) => duration ?? 1000 * (expected[path.split('/').at(-1)] ?? 0)
    return super.sort(tests).sort((one, other) => durationOf(other) - durationOf(one))
  }
}
