import type { Readable } from 'node:stream'

/**
 * Shows the output of a step as a runner does: masks apply from the line that sets them, commands become labels.
 */
export interface RunnerLog {
  follow(output: Readable | null): void
  line(text: string): void
}

const shown: Readonly<Record<string, string>> = {
  error: 'Error: ',
  warning: 'Warning: ',
  notice: 'Notice: ',
  group: '▸ ',
}

export function openRunnerLog(write: (line: string) => void): RunnerLog {
  const masks = new Set<string>()
  const line = (text: string) => {
    const [, command, data = ''] = /^::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(text) ?? []
    if (command === 'add-mask') masks.add(unescape(data))
    else if (command === undefined) write(hide(text, masks))
    else if (command in shown)
      unescape(data)
        .split('\n')
        .forEach((part, index) => write(hide(`${index === 0 ? (shown[command] ?? '') : '  '}${part}`, masks)))
  }
  const follow = (output: Readable | null) => {
    let rest = ''
    output?.setEncoding('utf8')
    output?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      lines.forEach(line)
    })
    output?.once('end', () => {
      if (rest !== '') line(rest)
    })
  }
  return { follow, line }
}

function hide(text: string, masks: ReadonlySet<string>): string {
  return [...masks].filter((secret) => secret !== '').reduce((hidden, secret) => hidden.replaceAll(secret, '***'), text)
}

function unescape(data: string): string {
  return data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
}
