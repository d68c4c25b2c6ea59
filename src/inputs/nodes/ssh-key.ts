import type { IssueSink } from '../../lib/issues.ts'

const input = 'ssh-private-key'
const block = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g
const keyForm = 'give the whole text of a private key file, from its BEGIN to its END line'

/**
 * Reads one or more keys, however they were pasted: with CRLF, indented, in one line with `\n` written out or with
 * spaces. Nothing of what was given is ever told.
 */
export function readSshKeys(text: string, report: IssueSink): readonly string[] {
  const pasted = restoreLines(text)
  if (pasted.trim() === '') return []
  const keys = new Set<string>()
  for (const [, label = '', body = ''] of pasted.matchAll(block)) {
    const problem = blockProblem(label, body)
    if (problem === undefined) keys.add(formatKey(label, body.replace(/\s+/g, '')))
    else report({ input, expected: problem })
  }
  const rest = pasted.replace(block, '\n')
  const problem = restProblem(rest)
  if (problem !== undefined) report({ input, expected: problem })
  return [...keys]
}

function restoreLines(text: string): string {
  return text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(/\\r\\n|\\n/g, '\n')
}

function formatKey(label: string, base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** What is wrong with one block, from its label to the lengths written inside of it. */
function blockProblem(label: string, body: string): string | undefined {
  if (label === 'ENCRYPTED PRIVATE KEY' || body.includes('ENCRYPTED')) return passphrase
  if (label.endsWith('PUBLIC KEY')) return publicKey
  if (label.startsWith('CERTIFICATE') || !label.endsWith('PRIVATE KEY'))
    return `holds something else than a private key: ${keyForm}`
  if (label === 'DSA PRIVATE KEY')
    return "holds a DSA key, which OpenSSH no longer takes: make a new key, `ssh-keygen -t ed25519 -N '' -f deploy`, and add deploy.pub to the node's `~/.ssh/authorized_keys`"
  const base64 = body.replace(/\s+/g, '')
  if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return damaged
  const bytes = Buffer.from(base64, 'base64')
  return label === 'OPENSSH PRIVATE KEY' ? opensshProblem(bytes) : derProblem(bytes)
}

// https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key
const magic = Buffer.from('openssh-key-v1\0')

function opensshProblem(bytes: Buffer): string | undefined {
  if (!bytes.subarray(0, magic.length).equals(magic)) return damaged
  const cipher = readField(bytes, magic.length)
  const kdf = cipher && readField(bytes, cipher.end)
  const options = kdf && readField(bytes, kdf.end)
  const publicPart = options && readField(bytes, options.end + 4)
  const privatePart = publicPart && readField(bytes, publicPart.end)
  if (!cipher || !privatePart || publicPart.value.length === 0 || privatePart.value.length === 0) return damaged
  return cipher.value.toString('latin1') === 'none' ? undefined : passphrase
}

function readField(bytes: Buffer, at: number): { readonly value: Buffer; readonly end: number } | undefined {
  if (at + 4 > bytes.length) return undefined
  const end = at + 4 + bytes.readUInt32BE(at)
  return end > bytes.length ? undefined : { value: bytes.subarray(at + 4, end), end }
}

/** PEM of RSA, EC and PKCS#8: one DER sequence, whose length must be that of the whole. */
function derProblem(bytes: Buffer): string | undefined {
  const [tag, first = 0] = bytes
  if (tag !== 0x30) return damaged
  const count = first & 0x80 ? first & 0x7f : 0
  if (count > 4 || bytes.length < 2 + count) return damaged
  const length = count === 0 ? first : bytes.readUIntBE(2, count)
  return bytes.length === 2 + count + length ? undefined : damaged
}

/** What is wrong with the text around the blocks; comments and quotes are not. */
function restProblem(rest: string): string | undefined {
  const lines = rest.split('\n').map((line) => line.replace(/["',;]/g, '').trim())
  const left = lines.filter((line) => line !== '' && !line.startsWith('#')).join('\n')
  if (left === '') return undefined
  if (left.includes('-----BEGIN'))
    return `has a BEGIN line without the END line that belongs to it, so a part is missing: ${keyForm}`
  if (left.includes('-----END'))
    return `has an END line without the BEGIN line that belongs to it, so a part is missing: ${keyForm}`
  if (/^PuTTY-User-Key-File-/m.test(left))
    return "is in PuTTY's format: convert it with `puttygen key.ppk -O private-openssh-new -o key` and give the text of that file"
  if (/^(---- BEGIN SSH2 PUBLIC KEY|(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) AAAA)/m.test(left)) return publicKey
  return encodedProblem(left)
}

function encodedProblem(left: string): string {
  const base64 = left.replace(/\s+/g, '')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(base64) && base64.length > 40) {
    const decoded = Buffer.from(base64, 'base64').toString('latin1')
    if (/-----BEGIN|PuTTY-User-Key-File-/.test(decoded))
      return 'is encoded with base64 once more: give the text of the key file as it is; secrets keep its lines'
    if (decoded.startsWith('openssh-key-v1') || decoded.startsWith('0'))
      return `lacks its BEGIN and END lines: ${keyForm}`
  }
  if (/^\S+$/.test(left) && /^[~./]|\.(pem|key|pub|ppk)$|^id_/.test(left)) return `is a file name: ${keyForm}`
  return `holds something else than private keys: ${keyForm}`
}

const damaged =
  'holds a damaged key, which was cut off or changed when it was pasted: give the text of the key file once more, for example with `gh secret set NAME < key`'
const publicKey =
  'holds a public key: give the private one, the file without `.pub`; the public one belongs in `~/.ssh/authorized_keys` on the node'
const passphrase =
  "holds a key with a passphrase, and nobody can type it here: make a key for this purpose only, `ssh-keygen -t ed25519 -N '' -f deploy`, and add deploy.pub to the node's `~/.ssh/authorized_keys`; or remove the passphrase from a copy, `ssh-keygen -p -N '' -f copy`"
