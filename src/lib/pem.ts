/** One PEM block, with its label and its content. */
export const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g

/**
 * PURE: PEM text as tools read it, however it was pasted: with CRLF, indented, in one line with spaces or a written
 * `\n` in place of line breaks.
 */
export function restorePem(text: string): string {
  const restored = restoreLines(text).replace(pemBlock, (block: string, label: string, body: string) =>
    // Blocks with headers, such as `Proc-Type: 4,ENCRYPTED`, need their lines.
    ['', body.includes(':') ? block : formatPemBlock(label, body), ''].join('\n'),
  )
  const lines = restored.split('\n').map((line) => line.trim())
  return `${lines.filter((line, number) => line !== '' || lines[number - 1]?.includes(':')).join('\n')}\n`
}

/** PURE: text with LF line ends, also where they were written as `\n`. */
export function restoreLines(text: string): string {
  return text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(/\\r\\n|\\n/g, '\n')
}

/** PURE: a block of lines with 64 characters. */
export function formatPemBlock(label: string, body: string): string {
  const lines = body.replace(/\s+/g, '').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----`
}
