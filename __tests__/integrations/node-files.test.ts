import { beforeAll, describe, expect, test } from '@jest/globals'
import { checkNodeFiles } from '../farm/checkers.ts'
import { ensureCheckers } from '../farm/optional-tools.ts'

// The files of docs/nodes; e2e/provision.test.ts and e2e/provision-ssh.test.ts execute them.
describe('the checker of each file finds no fault', () => {
  beforeAll(async () => {
    await ensureCheckers()
  }, 900_000)

  test.each([
    { command: ['cloud-init', 'schema', '--config-file', 'cloud-init.yaml'] },
    { command: ['systemd-analyze', 'verify', './buildkitd.service'] },
    { command: ['nix-instantiate', '--parse', 'nixos.nix'] },
    { command: ['shellcheck', 'docker-node.sh', 'certificates.sh'] },
  ])('$command', async ({ command }) => expect(await checkNodeFiles(command)).toBe(''))

  test('and finds one in a wrong file', async () => {
    expect(await checkNodeFiles(['nix-instantiate', '--parse', 'docker-node.sh'])).toContain('syntax error')
    expect(await checkNodeFiles(['cloud-init', 'schema', '--config-file', 'nixos.nix'])).toContain('exited with 1')
  })
})
