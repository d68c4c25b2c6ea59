import type { UserError } from '../lib/errors.ts'

/**
 * One known failure. `{target}`, `{node}` and `{image}` in `message` and `hint` are filled in, `{step}` and `{cause}`
 * in the message too.
 */
export interface FailureRow {
  /** Matches the error text. */
  readonly pattern: RegExp
  readonly code: UserError['code']
  readonly message: string
  readonly hint: string
}

const secretHint =
  'Pass it in `secrets`, `secret-files` or `secret-envs` with this id; runs for forks and Dependabot get no secrets.'
const fileHint = 'The path is not in the build context: check its spelling, `context` and `.dockerignore`.'
const dockerfileHint = 'Check `file` and `context`; a step with `actions/checkout` must run before this one.'
const nameHint = 'Image names are lower case; a build argument in the name may be empty: check `build-args`.'
const archiveHint =
  'Such archives cannot have attestations: set `provenance: false` and `sbom: false`, or use `type=oci`.'
const pathHint =
  'An input names a path outside the workspace, or a link that leads there: use a path inside the workspace.'

/** Known mistakes in Dockerfiles and in the inputs of a build; the hint says which part to change. */
const hints: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/dockerfile parse error|unknown instruction|Dockerfile cannot be empty/i, 'Correct the Dockerfile at this line.'],
  [/no build stage in current context|no build stage/i, 'A Dockerfile starts with `FROM`; only `ARG` may precede it.'],
  [/failed to read dockerfile|failed to find Dockerfile|unable to prepare context/i, dockerfileHint],
  [/target stage "?[^"]*"? could not be found/i, 'Check `target`: it must be the name of a stage of the Dockerfile.'],
  [/circular dependency detected/i, 'A stage copies from a stage that is built from it: change the order.'],
  [/failed to parse stage name|invalid reference format|base name \(.*\) should not be blank/i, nameHint],
  [/secret .*not found|failed to get secret/i, secretHint],
  [/unset ssh forward key|no SSH key|ssh forwarding/i, 'Pass the SSH agent of the job with `ssh: default`.'],
  [/granting entitlement \S+ is not allowed/i, 'The BuildKit daemon must permit it too: see `buildkitd-flags`.'],
  [/(?:network\.host|security\.insecure|device) is not allowed/i, 'Add the entitlement to `allow`.'],
  [/exporter .*does not (?:currently )?support exporting manifest lists/i, archiveHint],
  [/additional privileges requested/i, pathHint],
  [/"[^"]*": not found$|failed to (?:compute cache key|calculate checksum)/im, fileHint],
  [
    /no match for platform|does not provide the specified platform/i,
    'Check `platforms` and the platforms of the image.',
  ],
  [/could not read Username|Authentication failed for|failed to fetch remote/i, 'Check the URL and the Git token.'],
]

export const dockerfileRows: readonly FailureRow[] = hints.map(([pattern, hint]) => ({
  pattern,
  code: 'build',
  message: '{target}: {cause}',
  hint,
}))
