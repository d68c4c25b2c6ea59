import type { IssueSink } from '../../lib/issues.ts'
import { failFor, passes, type Problem } from '../diagnostics.ts'
import { readStrings } from '../../nodes/ssh/wire-format.ts'
import { formatPemBlock, pemBlock, restoreLines } from '../../lib/pem.ts'

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
  const fail = failFor(report, 'ssh-private-key')
  const pasted = restoreLines(text)
  const keys = [...pasted.matchAll(pemBlock)].flatMap(([, label = '', body = '']) => {
    const isValid = passes(fail, undefined, blockProblems(label, body))
    return isValid ? [`${formatPemBlock(label, body)}\n`] : []
  })
  passes(fail, undefined, restProblems(pasted.replace(pemBlock, '\n')))
  return [...new Set(keys)]
}

/** What is invalid in one block, from its label to the lengths inside it. */
function blockProblems(label: string, body: string): readonly Problem[] {
  const base64 = body.replace(/\s+/g, '')
  const bytes = Buffer.from(base64, 'base64')
  return [
    [label === 'ENCRYPTED PRIVATE KEY' || body.includes('ENCRYPTED'), problems.passphrase],
    [label.endsWith('PUBLIC KEY'), problems.publicKey],
    [label.startsWith('CERTIFICATE') || !label.endsWith('PRIVATE KEY'), problems.otherBlock],
    [label === 'DSA PRIVATE KEY', problems.dsa],
    [!base64Form.test(base64), problems.damaged],
    ...(label === 'OPENSSH PRIVATE KEY'
      ? opensshProblems(bytes)
      : [[!isDerSequence(bytes), problems.damaged] as const]),
  ]
}

const base64Form = /^[A-Za-z0-9+/]+={0,2}$/

/** `openssh-key-v1`: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key */
function opensshProblems(bytes: Buffer): readonly Problem[] {
  const magic = 'openssh-key-v1\0'
  const [cipher, kdf, options] = readStrings(bytes.subarray(magic.length), 3)
  const lengths = [cipher, kdf, options].reduce((sum, field) => sum + 4 + (field?.length ?? 0), magic.length)
  // Between them: the number of keys.
  const [publicPart, privatePart] = readStrings(bytes.subarray(lengths + 4), 2)
  const isMagic = bytes.subarray(0, magic.length).toString('latin1') === magic
  return [
    [!isMagic || !options || !publicPart?.length || !privatePart?.length, problems.damaged],
    [cipher?.toString('latin1') !== 'none', problems.passphrase],
  ]
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

/** What is invalid in the text around the blocks; comments and quotes are allowed there. */
function restProblems(text: string): readonly Problem[] {
  const lines = text.split('\n').map((line) => line.replace(/["',;]/g, '').trim())
  const rest = lines.filter((line) => line !== '' && !line.startsWith('#')).join('\n')
  const base64 = rest.replace(/\s+/g, '')
  const decoded = base64Form.test(base64) && base64.length > 40 ? Buffer.from(base64, 'base64').toString('latin1') : ''
  const isPath = /^\S+$/.test(rest) && /^[~./]|\.(pem|key|pub|ppk)$|^id_/.test(rest)
  return [
    [rest.includes('-----BEGIN'), problems.noEnd],
    [rest.includes('-----END'), problems.noBegin],
    [/^PuTTY-User-Key-File-/m.test(rest), problems.putty],
    [publicKeyLine.test(rest), problems.publicKey],
    [/-----BEGIN|PuTTY-User-Key-File-/.test(decoded), problems.base64],
    [/^(openssh-key-v1|0)/.test(decoded), problems.noFrame],
    [isPath, problems.fileName],
    [rest !== '', problems.other],
  ]
}

/** The lines of private keys in a text, for masking. */
export function keyLines(text: string): string[] {
  return [...text.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([\s\S]*?)-----END/g)]
    .flatMap(([, body = '']) => body.split(/\s+|\\n/))
    .filter((line) => line.length > 7)
}
