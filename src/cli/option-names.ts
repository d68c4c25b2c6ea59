import { commands, secretInputs, secretVariable } from './options.ts'

const inputs = new Set(Object.values(commands).flatMap((command) => command.inputs))

/** PURE: names options, and variables of secrets, in a list of input errors; another text is unchanged. */
export function nameOptions(text: string): string {
  const [headline = '', ...issues] = text.split('\n')
  if (!/^\d+ invalid inputs?$/.test(headline)) return text
  const renamed = issues.map((issue) =>
    issue
      .replace(/^([a-z-]+)(?=: )/, (name) => optionOf(name) ?? name)
      .replace(/`([a-z-]+)(?:: ([^`]+))?`/g, (whole, name: string, value?: string) => {
        const option = optionOf(name)
        return option === undefined ? whole : `\`${option}${value === undefined ? '' : ` ${value}`}\``
      }),
  )
  return [headline.replace('input', 'option'), ...renamed].join('\n')
}

function optionOf(input: string): string | undefined {
  if (!inputs.has(input)) return undefined
  return secretInputs.includes(input) ? secretVariable(input) : `--${input}`
}
