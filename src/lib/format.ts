export function formatBytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const format = (step: number) => {
    const value = size / 1000 ** step
    // 9.96 is 10, and not 10.0.
    return step === 0 || value >= 9.95 ? String(Math.round(value)) : value.toFixed(1)
  }
  // Rounded first: 999,600 B are 1.0 MB, and not 1000 kB.
  const step = units.findIndex((_, index) => size < 999.5 * 1000 ** index)
  return step === -1 ? `${format(units.length - 1)} TB` : `${format(step)} ${units[step] ?? ''}`
}

export function formatDuration(ms: number): string {
  // Rounded first: 59.96 s is 1 min 0 s, and not 60.0 s.
  if (Math.round(ms / 100) < 600) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** A row of a Markdown table. Cells contain text and code in backticks. */
export function formatRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => escapeMarkup(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

/** https://github.github.com/gfm/#code-spans */
const codeSpan = /((?<!`)(?<ticks>`+)(?!`)[^\n]*?(?<!`)\k<ticks>(?!`))/

/**
 * PURE: text for Markdown, in which only code in backticks is more than text: names and messages of others must not
 * become links, images, HTML or code blocks.
 */
export function escapeMarkup(text: string): string {
  return splitCode(text)
    .map(({ isCode, part }) => (isCode ? part : part.replace(/[\\`<[\]]/g, '\\$&')))
    .join('')
    .replace(/^([ \t]*)([#~])/gm, '$1\\$2')
}

function splitCode(text: string): readonly { readonly isCode: boolean; readonly part: string }[] {
  // Text, code, the backticks of the code, and so on.
  return text.split(codeSpan).flatMap((part, index) => (index % 3 === 2 ? [] : [{ isCode: index % 3 === 1, part }]))
}

export function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
