import { errorMessage } from '../../lib/errors.ts'
import { createClientFactory, type RegistryAccess } from '../client-factory.ts'
import { RegistryError } from '../error.ts'
import type { Repository } from '../reference.ts'
import type { Login } from '../auth.ts'

interface TokenOptions {
  readonly images: readonly Repository[]
  /** Whether the login must be allowed to push. */
  readonly push: boolean
  /** With the job's own logins, without those of the step. */
  readonly registries: RegistryAccess
  readonly log: { readonly info: (text: string) => void }
}

/** Milliseconds, for all checks together. */
const deadline = 10_000

/**
 * The logins without the CI platform's token for registries where the job has a login of its own, which was created on
 * purpose. A login that the registry rejects, or that may not push an image, does not count; one that cannot be checked
 * now does.
 */
export async function dropTokenIfJobHasLogin(
  logins: readonly Login[],
  { images, push, registries, log }: TokenOptions,
): Promise<readonly Login[]> {
  const clientFor = createClientFactory({ ...registries, log: () => undefined }, AbortSignal.timeout(deadline))
  /** Undefined: not usable; otherwise why the check was not possible, empty if it was. */
  const check = async (image: Repository): Promise<string | undefined> => {
    if ((await registries.credentials(image)) === undefined) return undefined
    const client = await clientFor(image)
    try {
      await (push ? (await client.checkPush(image.path)).ended : client.ping())
      return ''
    } catch (error) {
      return isRejected(error) ? undefined : errorMessage(error)
    }
  }
  const isReplaced = async ({ registry, isPlatformToken }: Login): Promise<boolean> => {
    const here = images.filter((image) => image.registry === registry)
    if (!isPlatformToken || here.length === 0) return false
    const results = await Promise.all(here.map(check))
    if (results.includes(undefined)) return false
    const problem = results.find((result) => result !== '')
    const suffix = problem === undefined ? '' : ` The existing login could not be checked: ${problem}`
    log.info(`${registry}: using the existing login instead of \`github-token\`.${suffix}`)
    return true
  }
  const replaced = await Promise.all(logins.map(isReplaced))
  return logins.filter((_, index) => !replaced[index])
}

function isRejected(error: unknown): boolean {
  return error instanceof RegistryError && (error.kind === 'denied' || error.kind === 'unauthorized')
}
