import { afterEach, expect, test } from '@jest/globals'
import { wordingOf } from '../../../src/forge/wording.ts'
import { checkKnownHosts } from '../../../src/inputs/nodes/known-hosts.ts'
import { commandLineVariable } from '../../../src/lib/command-line.ts'

afterEach(() => {
  process.env[commandLineVariable] = ''
})

test.each([
  ['a missing path', 'pathNotFound', /actions\/checkout/],
  ['a missing Dockerfile', 'noDockerfile', /actions\/checkout/],
  ['what a plan deletes', 'afterwards', /post step/],
  ['the directory that it deletes', 'runDirectory', /runner/],
  ['a cancellation', 'cancelled', /concurrency/],
  ['what to do after it', 'cancelledHint', /page of the run.*`timeout-minutes`/],
] as const)('%s has words of CI only in CI', (_, name, words) => {
  expect(wordingOf(name)).toMatch(words)
  process.env[commandLineVariable] = 'true'
  expect(wordingOf(name)).not.toMatch(/checkout|job|page|workflow|timeout|post step|runner/)
})

test('the remedy for an unknown host on the command line is a connection', () => {
  process.env[commandLineVariable] = 'true'
  const issues: string[] = []
  const jumps = [{ host: 'bastion', port: 2222 }]
  const target = { host: 'arm', hostName: '10.0.0.5', port: 22, jumps }
  checkKnownHosts([], [target], ({ expected }) => issues.push(expected))
  expect(issues).toEqual([
    expect.stringMatching(/^has no line for 10\.0\.0\.5, and .*`known_hosts`: connect once with `ssh arm true`/),
    expect.stringContaining('connect once with `ssh -p 2222 bastion true`'),
  ])
  expect(issues.join()).not.toMatch(/keyscan|variable|job/)
})
