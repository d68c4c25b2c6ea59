import { splitList } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'

/** `add-hosts`: `name:address` or `name=address`. */
export function readHosts(text: string, report: IssueSink): Readonly<Record<string, string>> {
  const hosts = new Map<string, string>()
  for (const entry of splitList(text)) {
    const [, name, address = ''] = /^([^\s:=]+)[:=](\S+)$/.exec(entry) ?? []
    const wrong = (expected: string) => report({ input: 'add-hosts', given: shorten(entry), expected })
    if (name === undefined) wrong('is not a host and its address: write `name:10.0.0.1`')
    else if (!isAddress(address))
      wrong('has no address after the name: write `name:10.0.0.1`, `name:[fd00::1]` or `name:host-gateway`')
    else if (hosts.has(name) && hosts.get(name) !== address) wrong(`gives \`${name}\` a second address: write one`)
    else hosts.set(name, address)
  }
  return Object.fromEntries(hosts)
}

function isAddress(text: string): boolean {
  if (text === 'host-gateway') return true
  const bare = /^\[(.+)\]$/.exec(text)?.[1] ?? text
  if (bare.includes(':')) return URL.canParse(`http://[${bare}]/`)
  const parts = bare.split('.')
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
}

const entitlements = ['network.host', 'security.insecure', 'device']

export function readEntitlements(text: string, report: IssueSink): readonly string[] {
  return splitList(text).filter((entry) => {
    if (entry === 'network.host' || entry === 'security.insecure' || /^device(=.+)?$/.test(entry)) return true
    report({
      input: 'allow',
      given: shorten(entry),
      expected: `is no entitlement: \`network.host\`, \`security.insecure\` and \`device=…\` are${didYouMean(entry, entitlements)}`,
    })
    return false
  })
}

export function readNetwork(text: string, report: IssueSink): string {
  if (['', 'default', 'none', 'host'].includes(text)) return text
  report({
    input: 'network',
    given: shorten(text),
    expected: 'is not one of `default`, `none`, `host`; a network of the node is given in `driver-opts` as `network=…`',
  })
  return ''
}

export function readShmSize(text: string, report: IssueSink): string {
  if (text === '' || /^\d+(\.\d+)? ?([kmgt]i?b?|b)?$/i.test(text)) return text
  report({ input: 'shm-size', given: shorten(text), expected: 'is no size: write bytes or a size such as `128m`' })
  return ''
}

// https://github.com/docker/go-units/blob/master/ulimit.go
const limits = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

export function readUlimits(text: string, report: IssueSink): readonly string[] {
  return splitList(text).filter((entry) => {
    const [, name, soft, hard] = /^([^=]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(entry) ?? []
    const wrong = (expected: string) => report({ input: 'ulimit', given: shorten(entry), expected })
    if (name === undefined) wrong('is no limit: write `nofile=1024:2048`, the soft and then the hard one')
    else if (!limits.includes(name)) wrong(`names no limit: ${limits.join(', ')} are${didYouMean(name, limits)}`)
    else if (hard !== undefined && hard !== '-1' && (soft === '-1' || Number(soft) > Number(hard)))
      wrong('has a soft limit above the hard one: write `nofile=1024:2048`')
    else return true
    return false
  })
}
