const block = 512

/** Bytes of a path in the header of an archive. */
const longestPath = 100

/**
 * PURE: a tar archive (ustar) of files that everyone may read and only root may change, with their directories;
 * undefined if a path is too long for it.
 */
export function createArchive(files: ReadonlyMap<string, Buffer>): Buffer | undefined {
  const directories = new Set([...files.keys()].flatMap(parentsOf))
  const names = [...directories, ...files.keys()]
  if (names.some((name) => Buffer.byteLength(name) > longestPath)) return undefined
  const entries = [
    ...[...directories].sort().map((name) => header(name, 0o755, 0, '5')),
    ...[...files].flatMap(([name, content]) => [header(name, 0o644, content.length, '0'), padded(content)]),
  ]
  return Buffer.concat([...entries, Buffer.alloc(2 * block)])
}

/** `a/b/c` → `a/`, `a/b/` */
function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('/')}/`)
}

/** https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 */
function header(name: string, mode: number, size: number, type: string): Buffer {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, width: number) => value.toString(8).padStart(width, '0')
  bytes.write(name, 0)
  bytes.write(octal(mode, 7), 100)
  bytes.write(octal(0, 7), 108)
  bytes.write(octal(0, 7), 116)
  bytes.write(octal(size, 11), 124)
  bytes.write(octal(0, 11), 136)
  bytes.write(' '.repeat(8), 148)
  bytes.write(type, 156)
  bytes.write('ustar\x0000', 257, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return bytes
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((block - (content.length % block)) % block)])
}
