// Writes the README's tables of inputs and outputs from action.yml. With --check: fails where they differ.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const readme = join(root, 'README.md')
const yaml = readFileSync(join(root, 'action.yml'), 'utf8')
const action = load(yaml)

const cell = (text) => String(text ?? '').trim().replaceAll('|', '\\|').replaceAll('\n', ' ')
const row = ([name, { description, default: given }]) => `| \`${name}\` | ${given === undefined ? '' : `\`${cell(given)}\``} | ${cell(description)} |`

/** One table under each `  # Heading` among action.yml's inputs. */
function inputTables() {
  const names = yaml.slice(yaml.indexOf('\ninputs:\n'), yaml.indexOf('\noutputs:\n')).matchAll(/^ {2}(?:# (?<heading>.+)|(?<name>[\w-]+):)$/gm)
  return [...names].flatMap(({ groups: { heading, name } }) => (heading ? ['', `### ${heading}`, '', '| input | default | meaning |', '|---|---|---|'] : [row([name, action.inputs[name]])])).slice(1)
}

const tables = {
  inputs: inputTables(),
  outputs: ['| output | meaning |', '|---|---|', ...Object.entries(action.outputs).map(([name, { description }]) => `| \`${name}\` | ${cell(description)} |`)],
}

const before = readFileSync(readme, 'utf8')
const after = Object.entries(tables).reduce((text, [name, rows]) => {
  const marks = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`)
  if (!marks.test(text)) throw new Error(`README.md has no <!-- ${name} --> … <!-- /${name} --> marks`)
  return text.replace(marks, (_, open, close) => `${open}${rows.join('\n')}\n${close}`)
}, before)

if (!process.argv.includes('--check')) writeFileSync(readme, after)
else if (after === before) console.error("README.md's tables are those of action.yml.")
else {
  console.error('README.md is not what action.yml says; run npm run docs and commit it.')
  process.exit(1)
}
