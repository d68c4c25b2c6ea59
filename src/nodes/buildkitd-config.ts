/** Keys of the worker written in a way to which a section cannot add. */
const closed = /^\s*["']?worker["']?\s*(?:\.[^\]=]*)?=|^\s*\[\s*["']?worker["']?\s*\]/im

/** PURE: whether `withWorkerKeys` can add to this text. */
export function takesWorkerKeys(config: string): boolean {
  return !closed.test(config)
}

/** PURE: a buildkitd.toml with more keys in its section of the OCI worker, which is added where there is none. */
export function withWorkerKeys(config: string, keys: readonly string[]): string {
  const header = /^([ \t]*\[\s*["']?worker["']?\s*\.\s*["']?oci["']?\s*\][^\n]*)$/m
  if (header.test(config)) return config.replace(header, (line) => [line, ...keys].join('\n'))
  return [...(config === '' ? [] : [config.trimEnd()]), '[worker.oci]', ...keys, ''].join('\n')
}
