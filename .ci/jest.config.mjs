import { fileURLToPath } from 'node:url'

const transform = {
  '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
}
const common = {
  rootDir: fileURLToPath(new URL('..', import.meta.url)),
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
}

export default {
  ...common,
  testTimeout: 120_000,
  // Jest keeps the modules of every file; the collection of a large heap takes longer than the tests.
  workerIdleMemoryLimit: '600MB',
  testSequencer: '<rootDir>/.ci/sequencer.mjs',
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/__tests__/{unit,ghcr,parity}/**/*.test.ts'] },
    { ...common, displayName: 'e2e', testMatch: ['<rootDir>/__tests__/{farm,e2e}/**/*.test.ts'] },
    { ...common, displayName: 'integrations', testMatch: ['<rootDir>/__tests__/integrations/**/*.test.ts'] },
  ],
}
