// Bundles each entry into dist/<entry>/. With --check: fails if the committed dist/ differs from the build.
// ncc keeps the memory of all its builds, so that each entry has a process of its own: `build.mjs --entry NAME DIR`.
import { minify } from '@swc/core'
import ncc from '@vercel/ncc'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const entries = {
  main: 'main',
  post: 'post',
  cleanup: 'cleanup',
  copy: 'copy',
  merge: 'merge',
  cli: 'cli',
  forward: 'bin/forward',
  'cache-service': 'bin/cache-service',
}
const options = { target: 'es2022', sourceMapRegister: false, minify: false, license: 'licenses.txt', quiet: true }
const httpClient = 'http-client.mjs'
const replaced = {
  '@actions/http-client': `./${httpClient}`,
  '@actions/http-client/lib/auth': `./${httpClient}`,
}

async function bundle(entry, source, into) {
  const { code, assets } = await ncc(join(root, `src/${source}.ts`), {
    ...options,
    externals: entry === 'cache-service' ? {} : replaced,
  })
  mkdirSync(into)
  if (code.includes(httpClient)) cpSync(join(root, '.ci', httpClient), join(into, httpClient))
  for (const [name, source] of Object.entries({ 'index.js': code, ...sourcesOf(assets) }))
    writeFileSync(join(into, name), name.endsWith('.js') ? await minified(source) : source)
}

function sourcesOf(assets) {
  return Object.fromEntries(Object.entries(assets).map(([name, { source }]) => [name, source]))
}

// ncc neither minifies chunks that are loaded on demand nor compresses. Names stay for the stacks of unexpected errors.
const names = { keep_classnames: true, keep_fnames: true }

async function minified(source) {
  const { code } = await minify(String(source), {
    module: true,
    compress: names,
    mangle: names,
    format: { comments: false },
  })
  return code
}

async function bundleAll(out) {
  const waiting = Object.keys(entries)
  const worker = async () => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift())
      await promisify(execFile)(process.execPath, [program, '--entry', entry, join(out, entry)])
  }
  await Promise.all([worker(), worker()])
}

process.chdir(root)
const program = fileURLToPath(import.meta.url)
const [option, entry, into] = process.argv.slice(2)
if (option === '--entry') {
  await bundle(entry, entries[entry], into)
  process.exit()
}
// All bundles are replaced at once, or none.
const out = mkdtempSync(join(tmpdir(), 'mab-dist-'))
try {
  await bundleAll(out)
  if (option === '--check') {
    const { status, stdout } = spawnSync('diff', ['-rq', out, dist], { encoding: 'utf8' })
    if (status !== 0) {
      console.error(`dist/ differs from the build of src/. Run npm run build and commit dist/:\n${stdout}`)
      process.exitCode = 1
    } else console.error('dist/ matches the build of src/.')
  } else {
    rmSync(dist, { recursive: true, force: true })
    cpSync(out, dist, { recursive: true })
  }
} finally {
  rmSync(out, { recursive: true, force: true })
}
