import { limitGarbage } from '../../lib/memory.ts'
import type { BlobId } from '../../registry/blobs.ts'
import { RegistryError } from '../../registry/error.ts'
import type { Bytes } from '../../registry/http-stream.ts'
import type { BlobStorage } from '../../registry/uploads.ts'
import type { RepositoryClient } from './tree.ts'

/** Where something is copied to. */
export interface Destination extends RepositoryClient {
  /** Whether its registry has shown that it verifies digests. Does not reject. */
  readonly verifies?: Promise<boolean>
}

/**
 * Stores blobs of one repository in another one. Their digests are computed on the way, which takes as much processor
 * time as all the rest, unless the destination verifies them itself.
 */
export class BlobTransfer {
  readonly #from: RepositoryClient
  readonly #to: Destination
  #isVerifiedThere = false

  constructor(from: RepositoryClient, to: Destination) {
    this.#from = from
    this.#to = to
    void to.verifies?.then((verifies) => {
      this.#isVerifiedThere = verifies
    })
  }

  async store(blob: BlobId): Promise<BlobStorage> {
    const { client, path } = this.#from
    const readFrom = client.readBlob(path, blob, () => this.#isVerifiedThere)
    const read = (offset: number): Bytes => {
      // Only here, since most copies within a registry transfer nothing; it changes what is allocated from now on.
      void limitGarbage()
      return readFrom(offset)
    }
    const mount = client.registry === this.#to.client.registry ? { mountFrom: path } : {}
    return await this.#to.client.putBlob(this.#to.path, { blob, read, ...mount }).catch(async (error: unknown) => {
      // It may have refused the content: then the source is read once more, to say which side is wrong.
      if (error instanceof RegistryError && error.status === 400) await drain(client.readBlob(path, blob)(0))
      throw error
    })
  }
}

async function drain(content: Bytes): Promise<void> {
  while (!(await content.next()).done);
}
