import { mkdirSync } from 'node:fs'
import type { SignSettings } from '../inputs/sign.ts'
import type { SignImages } from '../publish/sign/verification.ts'
import type { RegistryAccess } from '../registry/client-factory.ts'
import type { RegistryHosts } from '../registry/hosts.ts'
import type { Job } from './job.ts'

interface SigningOptions {
  readonly sign: SignSettings | undefined
  /** A private directory, which is created. */
  readonly dir: string
  readonly registries: RegistryAccess
  /** With the text of their certificates. */
  readonly hosts: RegistryHosts
}

/** How the images of this step are signed; its code is loaded only if they are. */
export function signing(job: Job, { sign, dir, ...access }: SigningOptions): () => Promise<SignImages | undefined> {
  return async () => {
    if (!sign) return undefined
    const { createSigner } = await import('../publish/sign/signer.ts')
    mkdirSync(dir, { mode: 0o700 })
    const { env, log, signal, event } = job
    const mask = (secrets: readonly string[]) => job.mask(secrets)
    return await createSigner({ ...access, settings: sign, dir, env, log, signal, serverUrl: event.serverUrl, mask })
  }
}
