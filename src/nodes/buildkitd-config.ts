/** A worker's keys written in a form to which a section cannot add any. */
const inlineWorkerTable = /^\s*["']?worker["']?\s*(?:\.[^\]=]*)?=|^\s*\[\s*["']?worker["']?\s*\]/im

const workerSection = /^([ \t]*\[\s*["']?worker["']?\s*\.\s*["']?oci["']?\s*\][^\n]*)$/m

/** PURE: whether `withWorkerKeys` can add to this text. */
export function canAddWorkerKeys(config: string): boolean {
  return !inlineWorkerTable.test(config)
}

/** PURE: a buildkitd.toml with more keys in the section of its OCI worker, which is added if there is none. */
export function withWorkerKeys(config: string, keys: readonly string[]): string {
  if (workerSection.test(config)) return config.replace(workerSection, (line) => [line, ...keys].join('\n'))
  return [...(config === '' ? [] : [config.trimEnd()]), '[worker.oci]', ...keys, ''].join('\n')
}

/** How much of a node's disk a persistent builder may use: a part of it, and never the last of it. */
const diskLimits = ['gc = true', 'reservedSpace = "2GB"', 'maxUsedSpace = "20%"', 'minFreeSpace = "20%"']

const diskKeys =
  /^\s*(?:gc|gckeepstorage|gcpolicy|reservedSpace|maxUsedSpace|minFreeSpace)\s*=|^\s*\[\[\s*worker\.oci\.gcpolicy/im

/**
 * PURE: a buildkitd.toml with limits for its disk (https://docs.docker.com/build/cache/garbage-collection/); unchanged
 * if the user set any, or wrote the worker's keys in a form to which nothing can be added.
 */
export function withDiskLimits(config: string): string {
  return diskKeys.test(config) || !canAddWorkerKeys(config) ? config : withWorkerKeys(config, diskLimits)
}
