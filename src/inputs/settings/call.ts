import { splitList } from '../../lib/lists.ts'
import { didYouMean, shorten, type IssueSink } from '../../lib/issues.ts'

export type Call = 'check' | 'outline' | 'targets'

const calls: Readonly<Record<string, Call | undefined>> = {
  build: undefined,
  check: 'check',
  lint: 'check',
  outline: 'outline',
  targets: 'targets',
}

/** `call`: what is asked of the Dockerfile instead of a build. */
export function readCall(text: string, report: IssueSink): Call | undefined {
  if (text === '') return undefined
  const [name = '', ...attributes] = splitList(text)
  if (Object.hasOwn(calls, name) && attributes.every((attribute) => /^(format|ignorestatus)=/.test(attribute)))
    return calls[name]
  report({
    input: 'call',
    given: shorten(text),
    expected: `is not one of \`build\`, \`check\`, \`outline\`, \`targets\`${didYouMean(name, Object.keys(calls))}`,
  })
  return undefined
}
