// The pictures in docs/pictures, of runs on a farm: npm run farm -- run -- npx tsx __tests__/demo/pictures.ts
// It needs Chromium as `chromium` or in the variable CHROME.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { TargetState } from '../../src/buildx/live.ts'
import { renderFrame } from '../../src/cli/frame.ts'
import { parseStates } from '../../src/cli/step.ts'
import { attachFarm, farmInputs, farmJob, freshImage, type Farm } from '../e2e/harness.ts'
import { run } from '../farm/exec.ts'
import { ensurePictures } from '../farm/optional-tools.ts'

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const chrome = process.env['CHROME'] ?? 'chromium'
const width = 940
const variants = 'slim: { target: slim }\nfull: { target: full }\n'
const shownImage = 'ghcr.io/acme/app'
/** Bytes. */
const largest = 200_000

const farm = await attachFarm()
const packages = await ensurePictures()
const dir = mkdtempSync(join(tmpdir(), 'pictures-'))
try {
  const image = freshImage(farm)
  const live: TargetState[][] = []
  const onMessage = (message: unknown) => live.push([...parseStates(message, new Set())])
  await release(farm, { image, number: '1', variants, onMessage })
  save('terminal.svg', renderTerminal(live))
  await release(farm, { image, number: '2' })
  await Promise.all([farm.nodes.amd.wipe(), farm.nodes.arm.wipe()])
  const summary = await release(farm, { image, number: '3' })
  await takePicture('summary', summary.replaceAll(image, shownImage))
  const failing = { 'src/hello.sh': 'echo hello\n', Dockerfile: failingFile(farm) }
  const failure = await release(farm, { image, number: '4', files: failing })
  await takePicture('failure', failure.replaceAll(image, shownImage))
} finally {
  rmSync(dir, { recursive: true })
}
process.exit()

function failingFile({ images }: Farm): string {
  return `FROM ${images.base} AS slim\nCOPY src/hello.sh /hello\nRUN sh /hello --version | grep 3.0\n`
}

interface Release {
  readonly image: string
  readonly number: string
  readonly variants?: string
  readonly files?: Readonly<Record<string, string>>
  readonly onMessage?: (message: unknown) => void
}

/** Builds the app of the demo. @returns the summary */
async function release(on: Farm, { image, number, files = {}, onMessage, variants = '' }: Release): Promise<string> {
  const app = pathOf('app')
  const paths = readdirSync(app, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(app, path)).isFile(),
  )
  const texts = paths.map((path): [string, string] => [
    path,
    readFileSync(join(app, path), 'utf8').replace('release 1', `release ${number}`),
  ])
  const job = farmJob(on, { files: { ...Object.fromEntries(texts), ...files }, ...(onMessage && { onMessage }) })
  const tags = `${number}.0`
  const main = await job.main(
    farmInputs(on, {
      image,
      variants,
      target: variants === '' ? 'slim' : '',
      tags,
      'build-args': `BASE=${on.images.base}`,
    }),
  )
  await job.post()
  job.end()
  return main.summary
}

/** Renders Markdown as GitHub does, with its diagrams. */
async function takePicture(name: string, markdown: string): Promise<void> {
  const { marked } = (await import(pathToFileURL(join(packages, 'marked/lib/marked.esm.js')).href)) as {
    marked: { parse(text: string): string }
  }
  const body = marked.parse(markdown).replace(/<pre><code class="language-mermaid">([^]*?)<\/code><\/pre>/g, diagram)
  const page = join(dir, `${name}.html`)
  const css = readFileSync(join(packages, 'github-markdown-css/github-markdown-light.css'), 'utf8')
  const script = pathToFileURL(join(packages, 'mermaid/dist/mermaid.min.js')).href
  const start =
    'mermaid.initialize({ startOnLoad: false }); ' +
    'mermaid.run().then(() => document.body.dataset.height = document.documentElement.scrollHeight)'
  const head = `<meta charset="utf-8"><style>${css} body.markdown-body { padding: 24px }</style>`
  writeFileSync(
    page,
    `<html><head>${head}</head><body class="markdown-body">${body}<script src="${script}"></script>` +
      `<script>${start}</script></body></html>`,
  )
  const headless = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--virtual-time-budget=20000']
  const options = [...headless, '--allow-file-access-from-files', `--user-data-dir=${join(dir, 'profile')}`]
  const url = pathToFileURL(page).href
  const dom = await run(chrome, [...options, `--window-size=${width},600`, '--dump-dom', url])
  const height = /data-height="(\d+)"/.exec(dom)?.[1]
  if (height === undefined) throw new Error(`the diagrams of ${name} were not drawn:\n${dom.slice(-2000)}`)
  const file = join(dir, `${name}.png`)
  await run(chrome, [...options, `--window-size=${width},${height}`, `--screenshot=${file}`, url])
  save(`${name}.png`, readFileSync(file))
}

function diagram(_: string, text: string): string {
  return `<pre class="mermaid">${text}</pre>`
}

/** The view in the middle of the build, when most targets were running. */
function renderTerminal(reports: readonly (readonly TargetState[])[]): string {
  const latest = new Map<string, TargetState>()
  const moments = reports.map((states) => {
    states.forEach((state) => latest.set(state.id, state))
    return [...latest.values()]
  })
  const running = (states: readonly TargetState[]) =>
    states.filter(({ state, step }) => state === 'running' && /^\[.*\d+\/\d+\]/.test(step)).length
  const [moment = []] = [...moments].sort((a, b) => running(b) - running(a))
  const lines = renderFrame(
    moment.map((state) => ({ ...state, rate: 0 })),
    { columns: 100, rows: 24 },
  )
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const texts = lines.map(
    (line, index) => `<text x="12" y="${26 + index * 20}" xml:space="preserve">${escape(line.trimEnd())}</text>`,
  )
  const size = `width="880" height="${20 + lines.length * 20}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="monospace" font-size="14" fill="#e6edf3">`,
    `<rect ${size} rx="6" fill="#0d1117"/>`,
    ...texts,
    '</svg>',
    '',
  ].join('\n')
}

function save(name: string, content: string | Uint8Array): void {
  if (content.length > largest) throw new Error(`${name} has ${content.length} bytes`)
  writeFileSync(pathOf(`../../docs/pictures/${name}`), content)
  process.stdout.write(`docs/pictures/${name}: ${content.length} bytes\n`)
}
