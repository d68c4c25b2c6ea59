export const ociIndex = 'application/vnd.oci.image.index.v1+json'
export const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
export const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'

export const manifestTypes: readonly string[] = [ociIndex, ociManifest, dockerList, dockerManifest]

export function isIndexType(mediaType: string): boolean {
  return mediaType === ociIndex || mediaType === dockerList
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === ociManifest || mediaType === dockerManifest
}
