// Bundles each entry into dist/<entry>/. With --check: fails if the committed dist is not what the sources build.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')
const entries = ['main', 'post', 'sweep', 'relay', 'cache'].filter((entry) => existsSync(join(root, `src/${entry}.ts`)))
// Whole bundles replace the old ones, or nothing does.
const options = ['--target', 'es2022', '--no-source-map-register', '--minify', '--license', 'licenses.txt', '--quiet']
const out = mkdtempSync(join(tmpdir(), 'mab-dist-'))
try {
  for (const entry of entries) execFileSync(join(root, 'node_modules/.bin/ncc'), ['build', `src/${entry}.ts`, '--out', join(out, entry), ...options], { cwd: root, stdio: 'inherit' })
  if (process.argv.includes('--check')) {
    const { status, stdout } = spawnSync('diff', ['-rq', out, dist], { encoding: 'utf8' })
    if (status !== 0) {
      console.error(`dist/ is not what src/ builds; run npm run build and commit it:\n${stdout}`)
      process.exitCode = 1
    } else console.error('dist/ is what src/ builds.')
  } else {
    rmSync(dist, { recursive: true, force: true })
    cpSync(out, dist, { recursive: true })
  }
} finally {
  rmSync(out, { recursive: true, force: true })
}
