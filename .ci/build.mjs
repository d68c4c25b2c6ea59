// Bundles each entry into dist/<entry>/. With --check: fails if the committed dist/ differs from the build.
import { minify } from '@swc/core'
import ncc from '@vercel/ncc'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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
const options = { target: 'es2022', sourceMapRegister: false, minify: true, license: 'licenses.txt', quiet: true }
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
  writeFileSync(join(into, 'index.js'), code)
  for (const [name, asset] of Object.entries(assets))
    writeFileSync(join(into, name), name.endsWith('.js') ? await minified(asset.source) : asset.source)
}

// ncc does not minify chunks that are loaded on demand.
async function minified(source) {
  return (await minify(String(source), { module: true, compress: true, mangle: true, format: { comments: false } }))
    .code
}

process.chdir(root)
// All bundles are replaced at once, or none.
const out = mkdtempSync(join(tmpdir(), 'mab-dist-'))
try {
  for (const [entry, source] of Object.entries(entries)) await bundle(entry, source, join(out, entry))
  if (process.argv.includes('--check')) {
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
