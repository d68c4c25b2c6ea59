import { UserError, errorMessage } from '../../lib/errors.ts'
import { exec, minimalEnv, startProcess, waitForExit } from '../../lib/exec.ts'
import { waitForSocket } from '../../lib/time.ts'

/** Seconds after which an agent that was not ended forgets its keys: connections are opened within that time. */
const keyLifetime = 180

/**
 * Starts an ssh-agent at `socket` and adds the keys through its standard input, so that no key is ever in a file or an
 * argv.
 *
 * @returns ends the agent: a connection needs its key only until it is open
 */
export async function startAgent(socket: string, keys: readonly string[]): Promise<() => void> {
  const agent = startProcess('ssh-agent', ['-D', '-a', socket], { detached: true })
  agent.unref()
  const ended = new AbortController()
  const exit = waitForExit(agent).then((code) => `it ended with code ${code}`, errorMessage)
  void exit.then(() => ended.abort())
  const failure = await Promise.race([exit, waitForSocket(socket, 10_000, ended.signal).then(() => undefined)])
  if (failure !== undefined)
    throw new UserError({
      code: 'runner',
      message: 'ssh-agent does not start on this runner',
      hint: `Install the OpenSSH client: ${failure}.`,
    })
  await addKeys(socket, keys)
  return () => void agent.kill('SIGTERM')
}

/** Adds keys to a running agent. Those that it has already get their whole lifetime again. */
export async function addKeys(socket: string, keys: readonly string[]): Promise<void> {
  for (const [index, key] of keys.entries()) await addKey(socket, key, index + 1)
}

async function addKey(socket: string, key: string, number: number): Promise<void> {
  const { code, stderr } = await exec('ssh-add', ['-q', '-t', String(keyLifetime), '-'], {
    input: key,
    env: { ...minimalEnv(), SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: 'never', SSH_ASKPASS: '', DISPLAY: '' },
    deadline: 10_000,
  })
  if (code === 0) return
  throw new UserError({
    code: 'inputs',
    message: `ssh-private-key: ssh-add cannot read key ${number}`,
    hint: unreadable,
    details: stderr.trim().split('\n'),
  })
}

const unreadable =
  'Paste the whole private key file, from BEGIN to END. ' +
  "If it is complete, `ssh-keygen -p -N '' -f KEY` converts it to the OpenSSH format."
