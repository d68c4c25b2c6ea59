/** Inputs that no command line may contain, because all users of a machine can read it. */
export const secretInputs: readonly string[] = [
  ...['github-token', 'password', 'registry-auth', 'secrets', 'sign-key', 'sign-password', 'ssh-private-key'],
]

/** The variable of the environment that has a secret input: `MULTIARCH_BUILD_PASSWORD`. */
export function secretVariable(input: string): string {
  return `MULTIARCH_BUILD_${input.replaceAll('-', '_').toUpperCase()}`
}
