import { openClients, type RegistryWorld } from '../clients.ts'
import type { Repository } from '../reference.ts'
import type { Login } from './login-type.ts'

interface Preference {
  readonly images: readonly Repository[]
  readonly push: boolean
  /** With the job's own logins, and none of the step's. */
  readonly registries: RegistryWorld
  readonly log: { readonly info: (text: string) => void }
}

const deadline = 10_000

/**
 * The logins without the forge's token where the job has a login of its own: that was put there by somebody, and the
 * token is merely there. One that is out of date, or that may not push what is to be pushed, counts for nothing.
 */
export async function preferJobLogins(
  logins: readonly Login[],
  { images, push, registries, log }: Preference,
): Promise<readonly Login[]> {
  const clientOf = openClients({ ...registries, log: () => undefined }, AbortSignal.timeout(deadline))
  const serves = async (image: Repository): Promise<boolean> => {
    if ((await registries.credentials(image)) === undefined) return false
    const client = await clientOf(image)
    return await (push ? client.checkPush(image.path) : client.ping()).then(
      () => true,
      () => false,
    )
  }
  const isNeedless = async ({ registry, byDefault }: Login): Promise<boolean> => {
    const here = images.filter((image) => image.registry === registry)
    const needless = byDefault === true && here.length > 0 && (await Promise.all(here.map(serves))).every(Boolean)
    if (needless) log.info(`${registry}: the login that the job has there is used, and not the token.`)
    return needless
  }
  const needless = await Promise.all(logins.map(isNeedless))
  return logins.filter((_, index) => !needless[index])
}
