import Sequencer from '@jest/test-sequencer'

/** Seconds of the longest files, for a host on which they have not run yet; the longest must not start last. */
const expected = {
  'integrations/cleanup-selection.test.ts': 190,
  'e2e/faults.test.ts': 165,
  'e2e/publish-faults.test.ts': 150,
  'integrations/split.test.ts': 115,
  'integrations/registries.test.ts': 130,
  'integrations/examples.test.ts': 115,
  'integrations/signing.test.ts': 115,
  'integrations/kubernetes.test.ts': 110,
  'e2e/command-line.test.ts': 105,
  'e2e/image-tests.test.ts': 105,
  'e2e/kill.test.ts': 105,
  'integrations/registry-support.test.ts': 90,
  'e2e/errors.test.ts': 85,
  'integrations/prometheus.test.ts': 55,
  'e2e/nodes.test.ts': 75,
  'farm/farm.test.ts': 70,
  'integrations/caches.test.ts': 65,
  'integrations/copy.test.ts': 60,
  'unit/cleanup/histories.test.ts': 60,
  'integrations/riscv64.test.ts': 45,
  'e2e/garbage-collection.test.ts': 45,
  'e2e/credentials.test.ts': 45,
  'e2e/pr.test.ts': 45,
  'e2e/links.test.ts': 45,
}

/** Longest first: Jest knows how long a file took last time on this host. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const durationOf = ({ path, duration }) => duration ?? 1000 * (expected[path.split('/__tests__/').at(-1)] ?? 0)
    return super.sort(tests).sort((one, other) => durationOf(other) - durationOf(one))
  }
}
