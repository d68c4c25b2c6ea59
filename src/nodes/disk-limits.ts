import { takesWorkerKeys, withWorkerKeys } from './buildkitd-config.ts'

/** What a daemon that stays may keep on its node: a part of the disk, and never the last of it. */
const limits = ['gc = true', 'reservedSpace = "2GB"', 'maxUsedSpace = "20%"', 'minFreeSpace = "20%"']

/**
 * PURE: a buildkitd.toml with limits for its disk (https://docs.docker.com/build/cache/garbage-collection/); unchanged
 * where the author set any, or wrote the worker's keys in a way to which nothing can be added.
 */
export function withDiskLimits(config: string): string {
  const own =
    /^\s*(?:gc|gckeepstorage|gcpolicy|reservedSpace|maxUsedSpace|minFreeSpace)\s*=|^\s*\[\[\s*worker\.oci\.gcpolicy/im
  return own.test(config) || !takesWorkerKeys(config) ? config : withWorkerKeys(config, limits)
}
