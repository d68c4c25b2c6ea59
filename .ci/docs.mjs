// Generates from the action.yml files and the reusable workflow: docs/reference.md; from the action.yml files: the
// short input table of the README, and the names of all inputs for src/; from the parity tables: the differences in
// docs/migrating.md. With --check: fails if a committed file differs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const read = (path) => readFileSync(join(root, path), 'utf8')

/** The main action, then every other action of this repository. */
const actions = [
  { name: 'main', path: 'action.yml' },
  ...['cleanup', 'merge', 'copy'].map((name) => ({ name, path: `${name}/action.yml` })),
]
  .filter(({ path }) => existsSync(join(root, path)))
  .map(({ name, path }) => ({ ...load(read(path)), name, path, yaml: read(path) }))

const cell = (text) =>
  String(text ?? '')
    .trim()
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ')

/** A default of several lines is a list. */
const lines = (text) =>
  String(text)
    .trim()
    .split('\n')
    .map((line) => `\`${cell(line)}\``)
    .join('<br>')

/** Paragraphs, values and the default begin a line of their own; names of pages become links. */
const values = (text) =>
  String(text)
    .trim()
    .split('\n')
    .map((paragraph) => cell(paragraph).replace(/\. (?=`[^`]+`(?:, `[^`]+`)*:|Default\b)/g, '.<br>'))
    .join('<br>')
    .replace(/`docs\/([\w./-]+)`/g, '[`docs/$1`]($1)')

/** An output, or a secret. */
const describedRow = ([name, { description }]) => `| \`${name}\` | ${values(description)} |`

function inputRow([name, { description, required, default: value }]) {
  const given = value === undefined ? (required ? 'required' : '') : lines(value)
  return `| \`${name}\` | ${given} | ${values(description)} |`
}

/** The inputs below each `  # Heading` of action.yml: [heading, [name, input][]][]; one group if there are none. */
function inputGroups({ yaml, inputs }) {
  const end = yaml.indexOf('\noutputs:\n')
  const names = yaml
    .slice(yaml.indexOf('\ninputs:\n'), end === -1 ? undefined : end)
    .matchAll(/^ {2}(?:# (?<heading>.+)|(?<name>[\w-]+):)$/gm)
  const groups = [['', []]]
  for (const { groups: found } of names) {
    if (found.heading) groups.push([found.heading, []])
    else groups.at(-1)[1].push([found.name, inputs[found.name]])
  }
  return groups.filter(([, entries]) => entries.length > 0)
}

function table(header, rows) {
  return [`| ${header.join(' | ')} |`, `|${'---|'.repeat(header.length)}`, ...rows]
}

function referenceOf(action) {
  const uses = action.name === 'main' ? 'org/multiarch-build@v1' : `org/multiarch-build/${action.name}@v1`
  const inputs = inputGroups(action).flatMap(([heading, entries]) => [
    ...(heading === '' ? [] : [`#### ${heading}`, '']),
    ...table(['input', 'default', 'meaning'], entries.map(inputRow)),
    '',
  ])
  const outputs = Object.entries(action.outputs ?? {}).map(describedRow)
  const prefix = action.name === 'main' ? '' : `${action.name[0].toUpperCase()}${action.name.slice(1)} `
  return [
    `## \`uses: ${uses}\``,
    '',
    `${action.description}.`,
    '',
    `### ${prefix === '' ? 'Inputs' : `${prefix}inputs`}`,
    '',
    ...inputs,
    `### ${prefix === '' ? 'Outputs' : `${prefix}outputs`}`,
    '',
    ...table(['output', 'meaning'], outputs),
    '',
  ]
}

/** The reusable workflow, whose inputs have the names of those of the action. */
const workflowPath = '.github/workflows/image.yml'
const workflowFile = load(read(workflowPath))
const call = workflowFile.on.workflow_call

const sameInput = 'As in the action'
const mainInputs = actions[0].inputs

/** The start of a description; the rest is in the table of the action. */
const firstSentence = (text) => text.trim().split(/(?<=[^.])\.(?: |\n)/)[0]

/** Of what is described `elsewhere` in the same way, the first sentence. */
const meaningOf = (name, description, same, elsewhere) =>
  description === same && elsewhere[name] ? firstSentence(elsewhere[name].description) : description

/** The jobs of the workflow that use an input. */
const jobsOf = (name) =>
  Object.entries(workflowFile.jobs)
    .filter(([, job]) => JSON.stringify(job).includes(`inputs.${name} }}`))
    .map(([job]) => job)

function workflowRow([name, { description, required, default: own }]) {
  const isSame = description === sameInput
  const value = [own, isSame ? mainInputs[name]?.default : ''].find((each) => each !== undefined && each !== '') ?? ''
  const meaning = meaningOf(name, description, sameInput, mainInputs)
  const given = required ? 'required' : value === '' ? '' : `\`${cell(value)}\``
  return `| \`${name}\` | ${given} | ${jobsOf(name).join(', ')} | ${cell(meaning)} |`
}

/** The secrets of the workflow are inputs of the action, its outputs are those of the merge. */
const describedAs =
  (same, elsewhere) =>
  ([name, { description }]) =>
    describedRow([name, { description: meaningOf(name, description, same, elsewhere) }])
const secretRow = describedAs(sameInput, mainInputs)
const outputRow = describedAs('As in the merge action', actions.find(({ name }) => name === 'merge').outputs)

const workflow = [
  `## \`uses: org/multiarch-build/${workflowPath}@v1\``,
  '',
  'The [reusable workflow](split-builds.md#one-job-the-reusable-workflow) has three kinds of jobs on GitHub-hosted ' +
    'runners: `plan` prepares the build jobs, `build` builds one platform per job, and `merge` publishes. The column ' +
    '*job* names the jobs that use an input. For inputs and secrets that are also [inputs of the main ' +
    'action](#inputs), and for [outputs of the merge action](#merge-outputs), the tables contain only the first ' +
    'sentence of their description.',
  '',
  '### Workflow inputs',
  '',
  ...table(['input', 'default', 'job', 'meaning'], Object.entries(call.inputs).map(workflowRow)),
  '',
  '### Workflow secrets',
  '',
  ...table(['secret', 'meaning'], Object.entries(call.secrets).map(secretRow)),
  '',
  '### Workflow outputs',
  '',
  ...table(['output', 'meaning'], Object.entries(call.outputs).map(outputRow)),
  '',
]

const reference = [
  '# Reference',
  '',
  '<!-- Generated by `npm run docs` from the action.yml files and the reusable workflow. -->',
  '',
  '- **Lists:** write one entry per line. Entries that cannot contain a comma, such as platforms and names of tags, ' +
    'can also be separated by commas. Write each tag rule (`type=…,…`) on its own line. Blank lines and lines that ' +
    'start with `#` are ignored.',
  '- **Switches** accept `true` and `false`.',
  '- **Defaults:** if the column *default* is empty, see *Default* in the column *meaning*. If that is missing too, ' +
    'the default is empty.',
  '- **Terms** such as *node*, *variant* or *per-platform index* are in the [glossary](glossary.md).',
  '',
  ...actions.flatMap(referenceOf),
  ...workflow,
]
  .join('\n')
  .trimEnd()

const overview = table(
  ['group', 'inputs'],
  inputGroups(actions[0]).map(
    ([heading, entries]) => `| ${heading} | ${entries.map(([name]) => `\`${name}\``).join(', ')} |`,
  ),
)
const readme = read('README.md').replace(
  /(<!-- inputs -->\n)[\s\S]*?(<!-- \/inputs -->)/,
  (_, open, close) => `${open}${overview.join('\n')}\n${close}`,
)

/** The differences to docker/metadata-action; a test checks what the table says about this action. */
const differences = table(
  ['case', 'metadata-action', 'this action', 'reason'],
  JSON.parse(read('__tests__/parity/metadata-differences.json')).map(
    (row) => `| ${[row.case, row.there, row.here, row.reason].map(cell).join(' | ')} |`,
  ),
)
const migrating = read('docs/migrating.md').replace(
  /(<!-- metadata differences -->\n)[\s\S]*?(<!-- \/metadata differences -->)/,
  (_, open, close) => `${open}\n${differences.join('\n')}\n\n${close}`,
)

const sources = actions.map(({ path }) => path).join(', ')
const names = [
  `// Written by \`npm run docs\` from ${sources.replace(/, ([^,]*)$/, ' and $1')}.`,
  ...actions.flatMap(({ name, inputs }) => [
    `export const ${name}Inputs = [`,
    ...Object.keys(inputs).map((input) => `  '${input}',`),
    ']',
    '',
  ]),
].join('\n')

const files = {
  'README.md': readme,
  'docs/migrating.md': migrating,
  'docs/reference.md': `${reference}\n`,
  'src/inputs/input-names.ts': names,
}
for (const [name, text] of Object.entries(files)) {
  if (!process.argv.includes('--check')) writeFileSync(join(root, name), text)
  else if (existsSync(join(root, name)) && read(name) === text) console.error(`${name} matches its sources.`)
  else {
    console.error(`${name} differs from its sources. Run npm run docs and commit it.`)
    process.exitCode = 1
  }
}
