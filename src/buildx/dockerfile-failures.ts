import { wordingOf } from '../forge/wording.ts'
import type { UserError } from '../lib/errors.ts'

/**
 * One known failure. Names in braces in `message` and `hint` are filled in: `{target}`, `{machine}`, `{image}` and
 * others of `valuesOf`.
 */
export interface FailureRow {
  /** Matches the error text. */
  readonly pattern: RegExp
  readonly code: UserError['code']
  readonly message: string
  readonly hint: string
  /** The hint if the step printed nothing; absent: `hint`. */
  readonly silentHint?: string
}

const fileHint = 'The path is not in the build context: check its spelling, `context` and `.dockerignore`.'
const nameHint =
  'Write the image name in lower case. If it contains a build argument, check that `build-args` gives it a value.'
const archiveHint =
  'The output `type=docker` cannot contain attestations: set `provenance: false` and `sbom: false`, or use `type=oci`.'
const pathHint =
  'A path in an input leads out of the workspace, for example through a symbolic link: use a path in the workspace.'
const stageHint = 'Check `target` and `test-target`: each must be the name of a stage of the Dockerfile.'
const cycleHint = 'Two stages depend on each other: remove one of their `FROM` or `COPY --from` references.'
const entitlementHint =
  'The BuildKit daemon does not allow it: add `--allow-insecure-entitlement …` to `buildkitd-flags`.'
const gitHint = 'Check the URL. For a private repository, check `github-token` or the secret `GIT_AUTH_TOKEN.<host>`.'

/** Known mistakes in Dockerfiles and in the inputs of a build; the hint says which part to change. */
const hints: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/dockerfile parse error|unknown instruction|Dockerfile cannot be empty/i, 'Correct the Dockerfile at this line.'],
  [/no build stage in current context|no build stage/i, 'A Dockerfile starts with `FROM`; only `ARG` may precede it.'],
  [/failed to read dockerfile|failed to find Dockerfile|unable to prepare context/i, wordingOf('noDockerfile')],
  [/target stage "?[^"]*"? could not be found/i, stageHint],
  [/circular dependency detected/i, cycleHint],
  [/failed to parse stage name|invalid reference format|base name \(.*\) should not be blank/i, nameHint],
  [/secret .*not found|failed to get secret/i, '{secretHint}'],
  [/unset ssh forward key|no SSH key|ssh forwarding/i, 'Pass the SSH agent of the job with `ssh: default`.'],
  [/granting entitlement \S+ is not allowed/i, entitlementHint],
  [/(?:network\.host|security\.insecure|device) is not allowed/i, 'Add the entitlement to `allow`.'],
  [/exporter .*does not (?:currently )?support exporting manifest lists/i, archiveHint],
  [/additional privileges requested/i, pathHint],
  [/"[^"]*": not found$|failed to (?:compute cache key|calculate checksum)/im, fileHint],
  [
    /no match for platform|does not provide the specified platform/i,
    'Check `platforms` and the platforms of the image.',
  ],
  [/could not read Username|Authentication failed for|failed to fetch remote/i, gitHint],
]

export const dockerfileRows: readonly FailureRow[] = hints.map(([pattern, hint]) => ({
  pattern,
  code: 'build',
  message: '{target}: {cause}',
  hint,
}))

const testStartHint =
  'No tag was updated. The image must have the program of `test`; a script needs `/bin/sh`. For an image without a ' +
  'shell, write a JSON array: `["/app", "--version"]`.'
const memoryHint =
  'The kernel killed a process of this step, often because {machine} ran out of memory: use a node with more ' +
  'memory, or set a lower `max-parallelism` in `buildkitd-config-inline`. See the full log for the complete output.'

/** The rows for a step of the Dockerfile that failed. */
export const stepRows: readonly FailureRow[] = [
  {
    pattern: /exit code: 137$/,
    code: 'build',
    message: '{target}: {step} failed: {cause}',
    hint: memoryHint,
  },
  {
    pattern: /^/,
    code: 'build',
    message: '{target}: {step} failed: {cause}',
    hint: 'The lines above are from the output of the step. See the full log for the complete output.',
    silentHint: 'To see which command of the step failed, begin it with `RUN set -x;`.',
  },
]

const testOutputHint = 'No tag was updated. The lines above are the end of its output; the log has all of it.'
const traceHint = 'write `set -x` in the first line of `test`.'

/** The rows for the command of `test`. */
export const testRows: readonly FailureRow[] = [
  {
    pattern:
      /unable to start container process|executable file not found|^exec .*: (?:exec format error|permission denied)/m,
    code: 'build',
    message: 'The test of {target} cannot start',
    hint: testStartHint,
  },
  {
    pattern: /exit code: 137$/m,
    code: 'build',
    message: 'The test of {target} failed with {cause}',
    hint: memoryHint,
  },
  {
    // A shell does not report the command that failed.
    pattern: /process "\/bin\/sh -ec /,
    code: 'build',
    message: 'The test of {target} failed with {cause}',
    hint: `${testOutputHint} If it does not show which command failed, ${traceHint}`,
    silentHint: `No tag was updated. To see which command of the test failed, ${traceHint}`,
  },
  {
    pattern: /^/,
    code: 'build',
    message: 'The test of {target} failed with {cause}',
    hint: testOutputHint,
    silentHint: 'No tag was updated.',
  },
]
