import { publishParts } from '../../src/publish/parts.ts'
import { parsePlatform } from '../../src/lib/platform.ts'
import { ociIndex, ociManifest } from '../../src/registry/manifest.ts'
import type { RegistryAccess } from '../../src/registry/client-factory.ts'
import { testNode, testVariant } from '../unit/fixtures/nodes.ts'
import { content, openHands, type Content, type TestImage } from '../unit/packages/oci/images.ts'

/** The run of a test's jobs: `createJob` has the same repository and commit. */
export const testCommit = '0123456789abcdef0123456789abcdef01234567'
const registries: RegistryAccess = { credentials: () => Promise.resolve(undefined), fetch, log: () => undefined }

const describe = ({ mediaType, digest, bytes }: Content) => ({ mediaType, digest, size: bytes.length })

interface BuiltOptions {
  readonly runId: string
  /** Part of its layer. */
  readonly text?: string
  /** Bytes of its layer. */
  readonly size?: number
}

/** An image of one platform with provenance that names the run, in an index as BuildKit pushes it. */
export function builtImage(platform: string, { runId, text = 'layer', size = 0 }: BuiltOptions): TestImage {
  const [os, architecture] = platform.split('/')
  const layer = content(`${text} for ${platform}`.padEnd(size, '.'), 'application/vnd.oci.image.layer.v1.tar')
  const config = content(
    JSON.stringify({ os, architecture, rootfs: { type: 'layers', diff_ids: [layer.digest] }, config: {} }),
    'application/vnd.oci.image.config.v1+json',
  )
  const manifestOf = (layers: readonly Content[]) =>
    content(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociManifest,
        config: describe(config),
        layers: layers.map(describe),
      }),
      ociManifest,
    )
  const image = manifestOf([layer])
  const builder = { id: `https://github.com/acme/app/actions/runs/${runId}/attempts/1` }
  const subject = [{ digest: { sha256: image.digest.slice('sha256:'.length) } }]
  const statement = content(JSON.stringify({ subject, predicate: { builder } }), 'application/vnd.in-toto+json')
  const attestation = manifestOf([statement])
  const about = {
    'vnd.docker.reference.digest': image.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  const manifests = [
    { ...describe(image), platform: { os, architecture } },
    { ...describe(attestation), annotations: about, platform: { os: 'unknown', architecture: 'unknown' } },
  ]
  const index = content(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }), ociIndex)
  return { index, children: [image, attestation], intermediates: [], blobs: [layer, config, statement] }
}

/** One image of the platforms. */
export function joined(images: readonly TestImage[]): TestImage {
  const manifests = images.flatMap(
    ({ index }) => (JSON.parse(index.bytes.toString()) as { manifests: readonly object[] }).manifests,
  )
  return {
    index: content(JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests }), ociIndex),
    children: images.flatMap(({ children }) => children),
    intermediates: [],
    blobs: images.flatMap(({ blobs }) => blobs),
  }
}

export interface PartOf {
  readonly runId: string
  readonly attempt?: number
  readonly sha?: string
  readonly repository?: string
  readonly image: TestImage
  readonly platform: string
}

/** Pushes a part as a job with `partial: true` does. */
export async function pushPart(host: string, path: string, part: PartOf): Promise<void> {
  const { runId, attempt = 1, sha = testCommit, repository = 'acme/app', image } = part
  const platform = parsePlatform(part.platform)
  if (platform === undefined) throw new Error(part.platform)
  await openHands(host, path).push(image, [])
  const variant = testVariant('', { images: [{ registry: host, path }] })
  await publishParts({
    variants: [variant],
    built: [
      {
        target: { id: platform, variant, platform, node: testNode('node', [platform]) },
        digest: image.index.digest,
      },
    ],
    event: { runId, runAttempt: attempt, sha, serverUrl: 'https://github.com', repository, name: 'push' },
    key: `mab-${attempt}`,
    journal: { note: () => undefined },
    signal: new AbortController().signal,
    registries,
  })
}
