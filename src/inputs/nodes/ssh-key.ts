import type { IssueSink } from '../../lib/issues.ts'
import { formatPemBlock, pemBlock, restoreLines } from '../../lib/pem.ts'

const input = 'ssh-private-key'

const keyForm = 'give the whole text of a private key file, from its BEGIN to its END line'
const newKey = "`ssh-keygen -t ed25519 -N '' -f deploy`, and add deploy.pub to the node's `~/.ssh/authorized_keys`"

const problems = {
  damaged:
    'holds a damaged key, which was cut off or changed when it was pasted: give the text of the key file again, ' +
    'for example with `gh secret set NAME < key`',
  publicKey:
    'holds a public key: give the private one, the file without `.pub`; the public one belongs in ' +
    '`~/.ssh/authorized_keys` on the node',
  passphrase:
    `holds a key with a passphrase, which cannot be entered here: make a key for this purpose only, ${newKey}; ` +
    "or remove the passphrase from a copy, `ssh-keygen -p -N '' -f copy`",
  dsa: `holds a DSA key, which OpenSSH no longer supports: make a new key, ${newKey}`,
  otherBlock: `contains a PEM block that is not a private key: ${keyForm}`,
  other: `contains text that is not a private key: ${keyForm}`,
  noEnd: `has a BEGIN line without the END line that belongs to it, so a part is missing: ${keyForm}`,
  noBegin: `has an END line without the BEGIN line that belongs to it, so a part is missing: ${keyForm}`,
  noFrame: `lacks its BEGIN and END lines: ${keyForm}`,
  fileName: `is a file name: ${keyForm}`,
  putty:
    "is in PuTTY's format: convert it with `puttygen key.ppk -O private-openssh-new -o key` and give the text of " +
    'that file',
  base64: 'is encoded with base64: give the text of the key file itself; a secret can have several lines',
}

/**
 * Parses one or more keys, however they were pasted: with CRLF, indented, in one line with `\n` written out or with
 * spaces. No issue quotes any part of the input.
 *
 * The structure of each key is checked here, and not only by ssh-add: that reports a key that was cut off as "error in
 * libcrypto", one key at a time, and not before nodes are opened, while all input errors are reported together.
 */
export function parseSshKeys(text: string, report: IssueSink): readonly string[] {
  const pasted = restoreLines(text)
  if (pasted.trim() === '') return []
  const keys = new Set<string>()
  for (const [, label = '', body = ''] of pasted.matchAll(pemBlock)) {
    const problem = blockProblem(label, body)
    if (problem === undefined) keys.add(`${formatPemBlock(label, body)}\n`)
    else report({ input, expected: problem })
  }
  const problem = restProblem(pasted.replace(pemBlock, '\n'))
  if (problem !== undefined) report({ input, expected: problem })
  return [...keys]
}

/** The problem of one block, from its label to the lengths inside it. */
function blockProblem(label: string, body: string): string | undefined {
  if (label === 'ENCRYPTED PRIVATE KEY' || body.includes('ENCRYPTED')) return problems.passphrase
  if (label.endsWith('PUBLIC KEY')) return problems.publicKey
  if (label.startsWith('CERTIFICATE') || !label.endsWith('PRIVATE KEY')) return problems.otherBlock
  if (label === 'DSA PRIVATE KEY') return problems.dsa
  const base64 = body.replace(/\s+/g, '')
  if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return problems.damaged
  const bytes = Buffer.from(base64, 'base64')
  if (label === 'OPENSSH PRIVATE KEY') return opensshProblem(bytes)
  return isDerSequence(bytes) ? undefined : problems.damaged
}

/** `openssh-key-v1`: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key */
function opensshProblem(bytes: Buffer): string | undefined {
  const magic = 'openssh-key-v1\0'
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) return problems.damaged
  let at = magic.length
  const readField = (): string | undefined => {
    const start = at + 4
    if (start > bytes.length) return undefined
    at = start + bytes.readUInt32BE(at)
    return at > bytes.length ? undefined : bytes.subarray(start, at).toString('latin1')
  }
  const [cipher, kdf, options] = [readField(), readField(), readField()]
  // The number of keys.
  at += 4
  const [publicPart, privatePart] = [readField(), readField()]
  if (cipher === undefined || kdf === undefined || options === undefined || !publicPart || !privatePart)
    return problems.damaged
  return cipher === 'none' ? undefined : problems.passphrase
}

/** Whether PEM of RSA, EC or PKCS#8 is one DER sequence with the length of the whole. */
function isDerSequence(bytes: Buffer): boolean {
  const [tag, first = 0] = bytes
  const count = first & 0x80 ? first & 0x7f : 0
  if (tag !== 0x30 || count > 4 || bytes.length < 2 + count) return false
  const length = count === 0 ? first : bytes.readUIntBE(2, count)
  return bytes.length === 2 + count + length
}

const publicKeyLine = /^(---- BEGIN SSH2 PUBLIC KEY|(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) AAAA)/m

/** The problem of the text around the blocks; comments and quotes are allowed there. */
function restProblem(text: string): string | undefined {
  const lines = text.split('\n').map((line) => line.replace(/["',;]/g, '').trim())
  const rest = lines.filter((line) => line !== '' && !line.startsWith('#')).join('\n')
  if (rest === '') return undefined
  if (rest.includes('-----BEGIN')) return problems.noEnd
  if (rest.includes('-----END')) return problems.noBegin
  if (/^PuTTY-User-Key-File-/m.test(rest)) return problems.putty
  return publicKeyLine.test(rest) ? problems.publicKey : encodedProblem(rest)
}

function encodedProblem(text: string): string {
  const base64 = text.replace(/\s+/g, '')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(base64) && base64.length > 40) {
    const decoded = Buffer.from(base64, 'base64').toString('latin1')
    if (/-----BEGIN|PuTTY-User-Key-File-/.test(decoded)) return problems.base64
    if (decoded.startsWith('openssh-key-v1') || decoded.startsWith('0')) return problems.noFrame
  }
  const isPath = /^\S+$/.test(text) && /^[~./]|\.(pem|key|pub|ppk)$|^id_/.test(text)
  return isPath ? problems.fileName : problems.other
}

/** The lines of private keys in a text, for masking. */
export function keyLines(text: string): string[] {
  return [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([\s\S]*?)-----END/g)]
    .flatMap(([, body = '']) => body.split(/\s+|\\n/))
    .filter((line) => line.length > 7)
}
