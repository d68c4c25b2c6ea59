import { splitList } from '../../lib/lists.ts'
import { didYouMean } from '../../lib/issues.ts'
import { passes, type Problem } from '../diagnostics.ts'
import { checkedText, list, type Parser } from '../table.ts'

/** `add-hosts`: `name:address` or `name=address`. */
export const parseHosts: Parser<Readonly<Record<string, string>>> = (text, fail) => {
  const hosts = new Map<string, string>()
  for (const entry of splitList(text)) {
    const [, name = '', address = ''] = /^([^\s:=]+)[:=](\S+)$/.exec(entry) ?? []
    const isValid = passes(fail, entry, [
      [name === '', 'is not a host with its address: write `name:10.0.0.1`'],
      [
        !isAddress(address),
        'has no valid address after the name: write `name:10.0.0.1`, `name:[fd00::1]` or `name:host-gateway`',
      ],
      [hosts.has(name) && hosts.get(name) !== address, `gives \`${name}\` a second address: keep one of them`],
    ])
    if (isValid) hosts.set(name, address)
  }
  return Object.fromEntries(hosts)
}

function isAddress(text: string): boolean {
  const bare = /^\[(.+)\]$/.exec(text)?.[1] ?? text
  const isIpv4 = /^\d{1,3}(\.\d{1,3}){3}$/.test(bare) && bare.split('.').every((part) => Number(part) < 256)
  return text === 'host-gateway' || isIpv4 || (bare.includes(':') && URL.canParse(`http://[${bare}]/`))
}

const entitlements = ['network.host', 'security.insecure', 'device']

export const parseEntitlements = list((entry): readonly Problem[] => [
  [
    !/^(network\.host|security\.insecure|device(=.+)?)$/.test(entry),
    'is not a valid entitlement: use `network.host`, `security.insecure` or `device=…`' +
      didYouMean(entry, entitlements),
  ],
])

export const parseNetwork = checkedText((text): readonly Problem[] => [
  [
    !['default', 'none', 'host'].includes(text),
    'is not one of `default`, `none`, `host`; a network of the node is set in `driver-opts`, as `network=…`',
  ],
])

export const parseShmSize = checkedText((text): readonly Problem[] => [
  [!/^\d+(\.\d+)? ?([kmgt]i?b?|b)?$/i.test(text), 'is not a valid size: write bytes, or a size such as `128m`'],
])

// https://github.com/docker/go-units/blob/master/ulimit.go
const limits =
  'core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack'

export const parseUlimits = list((entry): readonly Problem[] => {
  const [, name = '', soft, hard] = /^([^=]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(entry) ?? []
  const names = limits.split(', ')
  const isInverted = hard !== undefined && hard !== '-1' && (soft === '-1' || Number(soft) > Number(hard))
  return [
    [name === '', 'is not a valid limit: write `nofile=1024:2048`, the soft limit first'],
    [!names.includes(name), `has an unknown limit: valid limits are ${limits}${didYouMean(name, names)}`],
    [isInverted, 'has a soft limit above the hard limit: write `nofile=1024:2048`'],
  ]
})

const calls = { build: undefined, check: 'check', lint: 'check', outline: 'outline', targets: 'targets' } as const

/** What the Dockerfile frontend answers instead of building. */
export type Call = 'check' | 'outline' | 'targets'

export const parseCall: Parser<Call | undefined> = (text, fail) => {
  if (text === '') return undefined
  const [given = '', ...attributes] = splitList(text)
  const name = Object.keys(calls).find((call): call is keyof typeof calls => call === given)
  const isKnown = name !== undefined && attributes.every((attribute) => /^(format|ignorestatus)=/.test(attribute))
  passes(fail, text, [
    [!isKnown, `is not one of \`build\`, \`check\`, \`outline\`, \`targets\`${didYouMean(given, Object.keys(calls))}`],
  ])
  return isKnown ? calls[name] : undefined
}
