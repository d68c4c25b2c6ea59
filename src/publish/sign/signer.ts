import { setTimeout as delay } from 'node:timers/promises'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { UserError } from '../../lib/errors.ts'
import { removeDir } from '../../lib/files.ts'
import type { Log } from '../../lib/log.ts'
import type { RegistryClient } from '../../registry/client.ts'
import type { RegistryAccess } from '../../registry/client-factory.ts'
import type { RegistryHosts } from '../../registry/hosts.ts'
import { formatRepository, type Repository } from '../../registry/reference.ts'
import { fallbackTag } from '../copy/referrers.ts'
import { ManifestTree } from '../copy/tree.ts'
import { explainStoreError } from '../publish.ts'
import { replicaLag, withReplicas } from '../verify.ts'
import { Cosign, findCosign, outputOf } from './cosign.ts'
import { createMethod, type MethodOptions, type SignMethod } from './methods.ts'
import { accessTo, type RegistryCall } from './registry-call.ts'
import type { ImageToSign, SignImages } from './verification.ts'

export interface SignerOptions extends Omit<MethodOptions, 'cosign' | 'fetch'> {
  /** A private directory that exists. */
  readonly dir: string
  readonly registries: RegistryAccess
  /** With the text of their certificates. */
  readonly hosts: RegistryHosts
  readonly log: Pick<Log, 'info' | 'debug'>
  readonly signal: AbortSignal
}

/** A keyless token lives for minutes: more signatures get another one. */
const mostAtOnce = 20

/** Finds cosign and checks the key, or the identity, before anything is built. @throws UserError */
export async function createSigner(options: SignerOptions): Promise<SignImages> {
  const { dir, signal, registries, log } = options
  const cosign = new Cosign({ command: await provideCosign(options), dir, signal, log: log.debug })
  const method = await createMethod({ ...options, cosign, fetch: registries.fetch })
  return async (images) => {
    await new Signer(cosign, method, options).sign(images)
    return method
  }
}

/** Without `cosign-release` the runner's own; else the one with that digest. */
async function provideCosign({ settings, env, dir, registries, signal }: SignerOptions): Promise<string> {
  if (!settings.release) return await findCosign(env)
  const { installCosign } = await import('./install.ts')
  return await installCosign(settings.release, { dir, signal, fetch: registries.fetch })
}

class Signer {
  readonly #cosign: Cosign
  readonly #method: SignMethod
  readonly #options: SignerOptions

  constructor(cosign: Cosign, method: SignMethod, options: SignerOptions) {
    this.#cosign = cosign
    this.#method = method
    this.#options = options
  }

  /** One image of a repository after the other: a list of signatures is read, changed and written without a lock. */
  async sign(images: readonly ImageToSign[]): Promise<void> {
    const names = [...new Set(images.map(({ repository }) => formatRepository(repository)))]
    await Promise.all(
      names.map(async (name, number) => {
        const inRepository = images.filter(({ repository }) => formatRepository(repository) === name)
        const configDir = `docker-${number}`
        try {
          for (const image of inRepository) await this.#signImage(name, image, configDir)
        } catch (error) {
          throw explainStoreError(error, `The image in ${name} could not be signed`)
        } finally {
          removeDir(this.#cosign.path(configDir))
        }
      }),
    )
  }

  async #signImage(name: string, image: ImageToSign, configDir: string): Promise<void> {
    const { repository, digest } = image
    const client = withReplicas(image.client, delay)
    const tree = new ManifestTree({ client, path: repository.path })
    await tree.add(await client.getManifest(repository.path, digest))
    const digests = tree.manifests.map((manifest) => manifest.digest)
    const access = await accessTo(repository, { ...this.#options, cosign: this.#cosign, configDir })
    const unsigned = await this.#findUnsigned(image, digests, access)
    // The others were verified to find that.
    if (unsigned.length === 0) return
    this.#options.log.info(`Signing ${unsigned.length} manifests of ${name}@${digest}`)
    for (let at = 0; at < unsigned.length; at += mostAtOnce) {
      const { args, env } = await this.#method.signing()
      const some = references(name, unsigned.slice(at, at + mostAtOnce))
      const command = ['sign', '--yes', ...args, ...access.args, ...some]
      const result = await this.#cosign.run(command, { ...access.env, ...env })
      if (result.code !== 0) throw notSigned(`${name}@${digest} could not be signed`, outputOf(result))
    }
    const problem = await this.#verify(references(name, digests), access)
    if (problem) throw notSigned(`The signatures of ${name}@${digest} could not be verified`, problem)
  }

  /** cosign adds another signature each time, so a manifest that has a valid one is not signed again. */
  async #findUnsigned(
    { repository, client }: ImageToSign,
    digests: readonly string[],
    access: RegistryCall,
  ): Promise<readonly string[]> {
    const lists = await mapConcurrent(digests, (digest) => hasReferrers(client, repository.path, digest))
    const listed = digests.filter((_, at) => lists[at])
    if (await this.#areSigned(repository, listed, access)) return digests.filter((digest) => !listed.includes(digest))
    const unsigned: string[] = []
    for (const digest of digests)
      if (!listed.includes(digest) || !(await this.#areSigned(repository, [digest], access))) unsigned.push(digest)
    return unsigned
  }

  async #areSigned(repository: Repository, digests: readonly string[], access: RegistryCall): Promise<boolean> {
    if (digests.length === 0) return true
    const command = this.#verifyCommand(references(formatRepository(repository), digests), access)
    return (await this.#cosign.run(command, access.env)).code === 0
  }

  /** @returns what cosign printed if a signature is missing or not valid; a registry may lag behind */
  async #verify(images: readonly string[], access: RegistryCall): Promise<readonly string[] | undefined> {
    const verify = async () => await this.#cosign.run(this.#verifyCommand(images, access), access.env)
    let result = await verify()
    for (const pause of replicaLag) {
      if (result.code === 0) return undefined
      await delay(pause)
      result = await verify()
    }
    return result.code === 0 ? undefined : outputOf({ ...result, stdout: '' })
  }

  #verifyCommand(images: readonly string[], { args }: RegistryCall): readonly string[] {
    return ['verify', '--output=text', ...this.#method.verifying, ...args, ...images]
  }
}

async function hasReferrers(client: RegistryClient, path: string, digest: string): Promise<boolean> {
  const listed = await client.listReferrers(path, digest)
  return listed ? listed.length > 0 : (await client.headManifest(path, fallbackTag(digest))) !== undefined
}

function references(name: string, digests: readonly string[]): readonly string[] {
  return digests.map((digest) => `${name}@${digest}`)
}

const hint =
  'No tag was updated. Run the job again; if the error persists, check the lines above, and that the login has ' +
  'permission to push.'

function notSigned(message: string, details: readonly string[]): UserError {
  return new UserError({ code: 'registry', message, hint, details })
}
