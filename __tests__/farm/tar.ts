import { Buffer } from 'node:buffer'

export interface Entry {
  path: string
  mode?: number
  data?: Buffer
  link?: string
  directory?: boolean
}

/** A tar archive whose bytes depend on nothing but its entries: the same files give the same digest everywhere. */
export function tar(entries: Entry[]): Buffer {
  const parts: Buffer[] = []
  for (const entry of entries) {
    const data = entry.data ?? Buffer.alloc(0)
    parts.push(header(entry, data.length), data, Buffer.alloc((512 - (data.length % 512)) % 512))
  }
  parts.push(Buffer.alloc(1024))
  return Buffer.concat(parts)
}

function header(entry: Entry, size: number): Buffer {
  const { path, link, directory } = entry
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(link ?? '') > 100)
    throw new Error(`too long for a plain tar: ${path}`)
  const block = Buffer.alloc(512)
  block.write(path, 0)
  block.write(octal(entry.mode ?? (directory ? 0o755 : 0o644), 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(0, 11), 136)
  block.write(' '.repeat(8), 148)
  block.write(link !== undefined ? '2' : directory ? '5' : '0', 156)
  block.write(link ?? '', 157)
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((a, b) => a + b, 0)
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return block
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')
