import type { RegistryClient } from '../../registry/client.ts'
import type { Repository } from '../../registry/reference.ts'

/** An image in a repository, by digest: it is signed with every manifest below it. */
export interface ImageToSign {
  readonly repository: Repository
  readonly client: RegistryClient
  readonly digest: string
}

/** How users verify the signatures. */
export interface Verification {
  /** The command without the reference of the image. */
  readonly command: string
  /** PEM, for `cosign.pub`; undefined for keyless signatures. */
  readonly publicKey?: string
}

/**
 * Signs images and verifies the signatures.
 *
 * @throws UserError
 */
export type SignImages = (images: readonly ImageToSign[]) => Promise<Verification>
