import { setTimeout as delay } from 'node:timers/promises'
import { UserError } from '../../lib/errors.ts'
import { removeDir } from '../../lib/files.ts'
import type { Log } from '../../lib/log.ts'
import type { RegistryAccess } from '../../registry/client-factory.ts'
import type { RegistryHosts } from '../../registry/hosts.ts'
import { formatRepository } from '../../registry/reference.ts'
import { fallbackTag } from '../copy/referrers.ts'
import { ManifestTree } from '../copy/tree.ts'
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
    const unsigned: string[] = []
    for (const one of digests) if (!(await this.#isSigned({ ...image, digest: one }, access))) unsigned.push(one)
    if (unsigned.length > 0) this.#options.log.info(`Signing ${unsigned.length} manifests of ${name}@${digest}`)
    for (let at = 0; at < unsigned.length; at += mostAtOnce) {
      const { args, env } = await this.#method.signing()
      const command = [
        'sign',
        '--yes',
        ...args,
        ...access.args,
        ...references(name, unsigned.slice(at, at + mostAtOnce)),
      ]
      const result = await this.#cosign.run(command, { ...access.env, ...env })
      if (result.code !== 0) throw notSigned(`${name}@${digest} could not be signed`, outputOf(result))
    }
    const problem = await this.#verify(references(name, digests), access)
    if (problem) throw notSigned(`The signatures of ${name}@${digest} could not be verified`, problem)
  }

  /** cosign adds another signature each time, so a valid one is not replaced. */
  async #isSigned({ repository, client, digest }: ImageToSign, access: RegistryCall): Promise<boolean> {
    const listed = await client.listReferrers(repository.path, digest)
    const exists = listed
      ? listed.length > 0
      : (await client.headManifest(repository.path, fallbackTag(digest))) !== undefined
    if (!exists) return false
    const command = this.#verifyCommand(references(formatRepository(repository), [digest]), access)
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

function references(name: string, digests: readonly string[]): readonly string[] {
  return digests.map((digest) => `${name}@${digest}`)
}

const hint =
  'No tag was updated. Run the job again; if the error persists, check the lines above, and that the login has ' +
  'permission to push.'

function notSigned(message: string, details: readonly string[]): UserError {
  return new UserError({ code: 'registry', message, hint, details })
}
