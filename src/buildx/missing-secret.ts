/** The kinds of runs whose builds get no secrets, or only their own. */
export type WithoutSecrets = 'fork' | 'Dependabot'

const hints: Readonly<Record<WithoutSecrets, string>> = {
  fork:
    'This run builds the code of a fork, so its builds get no secrets. Remove `required` from the mount, or, if you ' +
    'review the code before it runs, set `fork-secrets: true` and run on an event that has secrets.',
  Dependabot:
    'Dependabot triggered this run, and its runs have secrets of their own: add the secret to the Dependabot secrets ' +
    'of the repository, or remove `required` from the mount.',
}

/** PURE: what to do about a secret that a step requires and the build did not get. */
export function explainMissingSecret(error: string, without: WithoutSecrets | undefined): string {
  if (without) return hints[without]
  const id = /\bsecret ([\w.-]+):/.exec(error)?.[1] ?? 'id'
  return (
    `The step sets no secret with the id \`${id}\`, or an empty one: add \`${id}=\${{ secrets.NAME }}\` to ` +
    '`secrets`, and check that a secret of this name exists.'
  )
}
