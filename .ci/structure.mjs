// Checks the structure of src/: imports follow the rooms (rooms.mjs), no files import each other in a circle, by value
// or by type, every export has a user, and no folder has a name that tools skip. Also checks that the tests of
// `npm test` import nothing that installs optional tools.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { mayImport, roomOf, rooms } from './rooms.mjs'

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))

/** Paths of all TypeScript files below a folder. */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

/** The names that a statement imports or exports, in the form `{ a, type b as c }`. */
function namesIn(clause) {
  return (clause?.elements ?? []).map((element) => (element.propertyName ?? element.name).text)
}

/** Whether a statement imports or exports types only, and so does not load the other file. */
function isTypeOnly({ importClause, exportClause, isTypeOnly: ofTypes }) {
  const elements = importClause?.namedBindings?.elements ?? exportClause?.elements ?? []
  const each = !importClause?.name && elements.length > 0 && elements.every((element) => element.isTypeOnly)
  return ofTypes === true || importClause?.isTypeOnly === true || each
}

/** What a file imports, as [path, name] (`*` for all of it), which files it loads, and what it exports. */
function readModule(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const resolve = (specifier) => normalize(join(dirname(file), specifier))
  const imports = []
  const loads = []
  const exports = []
  const visit = (node) => {
    const specifier = node.moduleSpecifier?.text ?? dynamicImport(node)
    if (specifier?.startsWith('.')) {
      const names = namesIn(node.importClause?.namedBindings ?? node.exportClause)
      const whole = names.length === 0 ? ['*'] : names
      imports.push(...whole.map((name) => [resolve(specifier), name]))
      if (!isTypeOnly(node)) loads.push(resolve(specifier))
    }
    if (node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) exports.push(...declaredNames(node))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { imports, loads, exports }
}

function dynamicImport(node) {
  const isImport = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  return isImport && ts.isStringLiteral(node.arguments[0]) ? node.arguments[0].text : undefined
}

function declaredNames(node) {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.text)
  return node.name ? [node.name.text] : []
}

/** Groups of files that import each other in a circle (Tarjan's strongly connected components). */
function findCircles(graph) {
  const index = new Map()
  const low = new Map()
  const stack = []
  const circles = []
  const follow = (file) => {
    index.set(file, index.size)
    low.set(file, index.get(file))
    stack.push(file)
    for (const next of graph.get(file) ?? []) {
      if (!index.has(next)) follow(next)
      if (stack.includes(next)) low.set(file, Math.min(low.get(file), low.get(next)))
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) circles.push(circle)
  }
  for (const file of graph.keys()) if (!index.has(file)) follow(file)
  return circles
}

/** The files by which one loads another one, from the first to the last; undefined if it does not. */
function pathTo(target, file, modules, seen = new Set()) {
  if (file === target) return [file]
  seen.add(file)
  for (const next of modules.get(file)?.loads ?? []) {
    const rest = seen.has(next) ? undefined : pathTo(target, next, modules, seen)
    if (rest) return [file, ...rest]
  }
  return undefined
}

const sources = new Map(filesBelow('src').map((file) => [file, readModule(file)]))
const others = new Map(filesBelow('__tests__').map((file) => [file, readModule(file)]))
const problems = []

for (const [file, { imports }] of sources) {
  const room = roomOf(file)
  if (room !== 'entry' && !rooms.includes(room)) problems.push(`${file}: its folder is not in .ci/rooms.mjs`)
  const wrong = new Set(imports.map(([to]) => to).filter((to) => !mayImport(room, roomOf(to))))
  for (const to of wrong) problems.push(`${file}: imports ${to}, which lies in a higher room`)
}

const graph = new Map([...sources].map(([file, { imports }]) => [file, new Set(imports.map(([to]) => to))]))
for (const circle of findCircles(graph)) problems.push(`import cycle: ${circle.join(', ')}`)

const used = new Set(
  [...sources.values(), ...others.values()].flatMap(({ imports }) => imports.map((pair) => pair.join(' '))),
)
for (const [file, { exports }] of sources) {
  const unused = exports.filter((name) => !used.has(`${file} ${name}`) && !used.has(`${file} *`))
  for (const name of unused) problems.push(`${file}: no other file imports ${name}: do not export it`)
}

/** Tests that `npm test` runs, and their helpers. */
const isBase = (file) => /^__tests__\/(e2e\/|(?!integrations\/).*\.test\.ts$)/.test(file)
for (const file of [...others.keys()].filter(isBase)) {
  const path = pathTo('__tests__/farm/optional-tools.ts', file, others)
  const hint = '`npm test` installs no optional tools: move this file to __tests__/integrations'
  if (path) problems.push(`${path.join(' imports ')}: ${hint}`)
}

for (const folder of ['src', '__tests__'].flatMap((top) => readdirSync(top, { recursive: true })))
  if (/(^|\/)build$/.test(folder)) problems.push(`${folder}: tools skip folders named build as build output`)
for (const name of rooms) if (!existsSync(join('src', name))) problems.push(`src/${name}: missing`)

if (problems.length > 0) console.error(problems.join('\n'))
else console.error(`Structure: ${sources.size} files in ${rooms.length} rooms, no cycle, no import upwards.`)
process.exitCode = problems.length > 0 ? 1 : 0
