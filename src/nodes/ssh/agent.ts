import { UserError, errorMessage } from '../../lib/errors.ts'
import { ended, inheritedEnv, run, start } from '../../lib/exec.ts'
import { waitForSocket } from '../../lib/wait.ts'

/** Seconds a key stays in an agent that nobody ended; self-hosted jobs live five days at most. */
const keyLifetime = 5 * 24 * 3600

/**
 * Starts an ssh-agent of our own at `socket` and gives it the keys over standard input, so that no key ever stands in a
 * file or an argv. It outlives this process: the post step needs it if a connection has to be made again.
 */
export async function startAgent(socket: string, keys: readonly string[]): Promise<void> {
  const agent = start('ssh-agent', ['-D', '-a', socket], { detached: true })
  agent.unref()
  const over = ended(agent).then((code) => `it ended with code ${code}`, errorMessage)
  const failed = await Promise.race([over, waitForSocket(socket, 10_000).then(() => undefined)])
  if (failed !== undefined)
    throw new UserError({
      code: 'node',
      message: 'ssh-agent does not start on this runner',
      hint: `Install the OpenSSH client: ${failed}.`,
    })
  for (const [index, key] of keys.entries()) await addKey(socket, key, index + 1)
}

async function addKey(socket: string, key: string, number: number): Promise<void> {
  const { code, stderr } = await run('ssh-add', ['-q', '-t', String(keyLifetime), '-'], {
    input: key,
    env: { ...inheritedEnv(), SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: 'never', SSH_ASKPASS: '', DISPLAY: '' },
    deadline: 10_000,
  })
  if (code === 0) return
  throw new UserError({
    code: 'inputs',
    message: `ssh-private-key: key ${number} is not one that ssh-add can read`,
    hint: "Paste the private key file whole, from BEGIN to END. If it is whole, `ssh-keygen -p -N '' -f KEY` writes a copy of it in the form OpenSSH likes best.",
    details: stderr.trim().split('\n'),
  })
}
