import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isolatedEnv, run } from '../farm/exec.ts'
import { tryRead, type Farm } from './harness.ts'
import type { Job, StepResult } from './runner.ts'

interface LaterBuild {
  readonly platforms: readonly string[]
  /** Names the directory of its output; several may run at once. */
  readonly name?: string
  /** More arguments of `buildx build`. */
  readonly args?: readonly string[]
}

/**
 * What a later step builds with the builder of a step with `use: true`, from an environment with nothing else: a large
 * context and a secret, on every platform. @returns whether each platform has the right result
 */
export async function buildLater(
  farm: Farm,
  job: Job,
  main: StepResult,
  { platforms, name = 'later', args = [] }: LaterBuild,
): Promise<readonly boolean[]> {
  const [context, out] = [join(job.workspace, `${name}-context`), join(job.workspace, name)]
  const large = randomBytes(8 * 1024 * 1024)
  mkdirSync(context)
  writeFileSync(join(context, 'large'), large)
  const step = 'RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = hidden && sha256sum /large >/sum'
  writeFileSync(join(context, 'Dockerfile'), `FROM ${farm.images.base}\nCOPY large /\n${step}\n`)
  const env = isolatedEnv(job.home, { BUILDX_CONFIG: main.exported['BUILDX_CONFIG'] ?? '', TOKEN: 'hidden' })
  const options = [
    '--builder',
    main.outputs['builder'] ?? '',
    '--secret',
    'id=token,env=TOKEN',
    '--output',
    out,
    ...args,
  ]
  await run(farm.tools.buildx, ['build', '--no-cache', '--platform', platforms.join(), ...options, context], { env })
  const sum = createHash('sha256').update(large).digest('hex')
  const paths = platforms.map((platform) => join(out, platforms.length > 1 ? platform.replace('/', '_') : ''))
  return paths.map((path) => tryRead(join(path, 'sum')) === `${sum}  /large\n`)
}
