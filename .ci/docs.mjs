// Writes from action.yml the README's tables of inputs and outputs, and the names that the actions know. With --check:
// fails where they differ.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const readme = join(root, 'README.md')
const yaml = readFileSync(join(root, 'action.yml'), 'utf8')
const action = load(yaml)

const cell = (text) =>
  String(text ?? '')
    .trim()
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ')
const row = ([name, { description, default: given }]) =>
  `| \`${name}\` | ${given === undefined ? '' : `\`${cell(given)}\``} | ${cell(description)} |`

/** One table under each `  # Heading` among action.yml's inputs. */
function inputTables() {
  const names = yaml
    .slice(yaml.indexOf('\ninputs:\n'), yaml.indexOf('\noutputs:\n'))
    .matchAll(/^ {2}(?:# (?<heading>.+)|(?<name>[\w-]+):)$/gm)
  return [...names]
    .flatMap(({ groups: { heading, name } }) =>
      heading
        ? ['', `### ${heading}`, '', '| input | default | meaning |', '|---|---|---|']
        : [row([name, action.inputs[name]])],
    )
    .slice(1)
}

const tables = {
  inputs: inputTables(),
  outputs: [
    '| output | meaning |',
    '|---|---|',
    ...Object.entries(action.outputs).map(([name, { description }]) => `| \`${name}\` | ${cell(description)} |`),
  ],
}

const before = readFileSync(readme, 'utf8')
const after = Object.entries(tables).reduce((text, [name, rows]) => {
  const marks = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`)
  if (!marks.test(text)) throw new Error(`README.md has no <!-- ${name} --> … <!-- /${name} --> marks`)
  return text.replace(marks, (_, open, close) => `${open}${rows.join('\n')}\n${close}`)
}, before)

const sweep = load(readFileSync(join(root, 'cleanup/action.yml'), 'utf8'))
const list = (name, { inputs }) => [
  `export const ${name} = [`,
  ...Object.keys(inputs).map((input) => `  '${input}',`),
  ']',
  '',
]
const names = [
  '// Written by `npm run docs` from action.yml and cleanup/action.yml.',
  ...list('mainInputs', action),
  ...list('cleanupInputs', sweep),
].join('\n')

const files = { 'README.md': after, 'src/inputs/input-names.ts': names }
for (const [name, text] of Object.entries(files)) {
  const path = join(root, name)
  if (!process.argv.includes('--check')) writeFileSync(path, text)
  else if (readFileSync(path, 'utf8') === text) console.error(`${name} is what action.yml says.`)
  else {
    console.error(`${name} is not what action.yml says; run npm run docs and commit it.`)
    process.exitCode = 1
  }
}
