import { existsSync } from 'node:fs'
import { exec, minimalEnv } from '../../lib/exec.ts'
import type { SshHost } from './config.ts'

/** A key of the user that ssh offers to a host. */
export interface UserKey {
  /** Size, fingerprint, comment and type, as `ssh-keygen -l` prints them. */
  readonly text: string
  /** Its file, if ssh cannot use it because it has a passphrase. */
  readonly lockedFile?: string
}

const deadline = 5000

/** The keys that ssh offers to a host: those of the agent, and the identity files. */
export async function listUserKeys(host: SshHost, agent: string): Promise<readonly UserKey[]> {
  const { identityFiles = [], identityAgent = agent, identitiesOnly = false } = host
  const held = await listAgentKeys(identityAgent === 'none' ? '' : identityAgent)
  const files = await Promise.all(identityFiles.map(async (path) => ({ path, text: await describeFile(path) })))
  const isHeld = (text: string) => held.some((key) => fingerprintOf(key) === fingerprintOf(text))
  const isNamed = (text: string) => files.some((file) => fingerprintOf(file.text) === fingerprintOf(text))
  const offered = held.filter((text) => !identitiesOnly || isNamed(text)).map((text) => ({ text }))
  const others = await Promise.all(
    files
      .filter(({ text }) => !isHeld(text))
      .map(async ({ path, text }) => ({ text, ...((await isLocked(path)) && { lockedFile: path }) })),
  )
  return [...offered, ...others]
}

async function listAgentKeys(socket: string): Promise<readonly string[]> {
  if (socket === '') return []
  const { code, stdout } = await run('ssh-add', ['-l'], { SSH_AUTH_SOCK: socket })
  return code === 0 ? stdout.trim().split('\n') : []
}

/** Without a public half, a file with a passphrase has no fingerprint. */
async function describeFile(path: string): Promise<string> {
  const { code, stdout } = await run('ssh-keygen', ['-l', '-f', existsSync(path) ? path : `${path}.pub`])
  return code === 0 ? `${stdout.trim()} in ${path}` : path
}

function fingerprintOf(text: string): string {
  return text.split(' ')[1] ?? text
}

async function isLocked(path: string): Promise<boolean> {
  return existsSync(path) && (await run('ssh-keygen', ['-y', '-P', '', '-f', path])).code !== 0
}

async function run(command: string, args: readonly string[], env = {}) {
  return await exec(command, args, { env: { ...minimalEnv(), ...env }, deadline })
}
