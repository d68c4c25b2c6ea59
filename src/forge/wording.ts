import { runsForCommandLine } from '../lib/command-line.ts'

interface Wording {
  readonly ci: string
  readonly commandLine: string
}

const fingerprint = '`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`'

/** Texts that differ on the command line, which has no workflow, no variables and no page of a run. */
const wordings = {
  pathNotFound: { ci: '; does a step with `actions/checkout` run before this one?', commandLine: '' },
  noDockerfile: {
    ci: 'Check `file` and `context`; a step with `actions/checkout` must run before this one.',
    commandLine: 'Check the directory of the build context, and `--file`.',
  },
  afterwards: { ci: 'The post step deletes', commandLine: 'When the command ends, it deletes' },
  runDirectory: {
    ci: "on this runner the run's private directory, with agent, connections and logins",
    commandLine: 'on this machine the private directory of the command, with connections and logins',
  },
  cancelled: {
    ci: 'Cancelled by a user, a newer run (`concurrency`), or `timeout-minutes`: run the job again to build',
    commandLine: 'Stopped by a signal, for example Ctrl-C',
  },
  cancelledHint: {
    ci:
      'The page of the run names the reason. If the job needs more time, raise `timeout-minutes`. The post step ' +
      'removes what this run created.',
    commandLine: 'What this run created is removed now. Run the command again to build.',
  },
  unknownHost: {
    ci:
      'has no line for {name}: run `{scan}` on a machine that you trust, never in the job; compare ' +
      `\`{scan} | ssh-keygen -lf -\` with the output of ${fingerprint} on the node itself; ` +
      'then store the lines in a variable and pass it here',
    commandLine:
      'has no line for {name}, and neither has your `known_hosts`: connect once with `ssh {host} true`, and compare ' +
      `the fingerprint with the output of ${fingerprint} on the node itself`,
  },
} as const satisfies Readonly<Record<string, Wording>>

/** The text for where this step runs, with values for its names in braces. */
export function wordingOf(name: keyof typeof wordings, values: Readonly<Record<string, string>> = {}): string {
  const text = wordings[name][runsForCommandLine() ? 'commandLine' : 'ci']
  return text.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole)
}
