import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { exec } from '../../lib/exec.ts'
import { errorMessage } from '../../lib/errors.ts'
import { shorten } from '../../lib/issues.ts'
import { asRecord, asText, tryParseJson } from '../../lib/json.ts'
import type { Env } from '../../lib/lists.ts'
import type { Log } from '../../lib/log.ts'
import { logWait } from '../../lib/time.ts'
import type { Credentials, Login } from '../auth.ts'
import type { Repository } from '../reference.ts'
import { credentialHelper, dockerConfigFile, dockerConfigKey, storedCredentials } from './docker-config.ts'
import { findStepLogin, originOf } from './origin.ts'

/** Runs `docker-credential-<helper> get` for a registry: its standard output, undefined if it has no login. */
type RunHelper = (helper: string, registry: string) => Promise<string | undefined>

/**
 * The credentials for a repository: the step's own logins first, one for just this repository before one for all of
 * its registry; then the job's Docker configuration, in Docker's order: a helper before the file.
 */
export async function credentialsFor(
  repository: Repository,
  logins: readonly Login[],
  dockerConfig: unknown,
  runHelper: RunHelper,
): Promise<Credentials | undefined> {
  const login = findStepLogin(repository, logins)
  if (login) return { username: login.username, password: login.password, origin: originOf(login) }
  const key = dockerConfigKey(repository.registry)
  const config = asRecord(dockerConfig)
  const helper = credentialHelper(key, config)
  const helperOutput = helper === '' ? undefined : await runHelper(helper, key)
  const found = parseHelperOutput(helperOutput ?? '') ?? storedCredentials(key, config)
  return found && { ...found, origin: 'job' }
}

/**
 * Runs credential helpers, each once per registry
 * (https://github.com/docker/docker-credential-helpers#development: the registry on stdin, JSON on stdout).
 *
 * @param log of the reason if a helper returns no login
 */
export function createHelperRunner({ debug, info }: Pick<Log, 'debug' | 'info'>): RunHelper {
  const outputs = new Map<string, Promise<string | undefined>>()
  const run: RunHelper = async (helper, registry) => {
    const command = `docker-credential-${helper}`
    try {
      const { code, stdout, stderr } = await logWait(
        `${command} (${registry})`,
        exec(command, ['get'], { input: registry, deadline: 20_000 }),
        info,
      )
      if (code === 0) return stdout
      debug(`${command} has no login for ${registry} (exit code ${code}): ${shorten(stdout || stderr)}`)
    } catch (error) {
      debug(`${command} could not be started for ${registry}: ${errorMessage(error)}`)
    }
    return undefined
  }
  return (helper, registry) => {
    const output = outputs.get(registry) ?? run(helper, registry)
    outputs.set(registry, output)
    return output
  }
}

export interface MissingHelper {
  readonly command: string
  /** What is missing, which file names it, and what to do. */
  readonly text: string
}

/**
 * Credential helpers that the job's Docker configuration names and that are not installed: Docker fails
 * instead of reading a login without them. An entry of `credHelpers` counts if `registries` contains its registry, as
 * tools write entries for registries that no job uses.
 */
export function missingHelpers(
  dockerConfig: unknown,
  registries: readonly string[],
  env: Env,
): readonly MissingHelper[] {
  const config = asRecord(dockerConfig)
  const helpers = registries.map((registry) => credentialHelper(dockerConfigKey(registry), config))
  const used = [...new Set([...helpers, asText(config['credsStore'])])].filter((helper) => helper !== '')
  const dirs = (env['PATH'] ?? '').split(delimiter)
  return used
    .map((helper) => `docker-credential-${helper}`)
    .filter((command) => !dirs.some((dir) => existsSync(join(dir, command))))
    .map((command) => ({ command, text: `${command} is not installed, and ${dockerConfigFile(env)} ${helperHint}` }))
}

const helperHint =
  'names it in `credsStore` or `credHelpers`: pulls and pushes with this configuration fail. Install it, or remove ' +
  'the entry.'

function parseHelperOutput(output: string): Credentials | undefined {
  const { Username: username, Secret: secret } = asRecord(tryParseJson(output))
  const password = asText(secret)
  if (password === '') return undefined
  return username === '<token>'
    ? { username: '', password: '', identityToken: password }
    : { username: asText(username), password }
}
