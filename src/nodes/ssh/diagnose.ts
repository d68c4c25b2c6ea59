import { UserError } from '../../lib/errors.ts'
import { describeTarget, type SshTarget } from './config.ts'

/**
 * Looks, on the node, for an engine's socket that this user may use: DOCKER_HOST as the login shell has it, the usual
 * place, rootless ones. Prints `usable PATH` and `denied PATH` lines, `listening PATH` where the kernel lists a process
 * that does (flag 00010000, __SO_ACCEPTCON); POSIX sh, no Docker client needed.
 */
export const findEngineScript = `
uid=$(id -u)
for s in "\${DOCKER_HOST#unix://}" /var/run/docker.sock "$XDG_RUNTIME_DIR/docker.sock" "/run/user/$uid/docker.sock" "$HOME/.docker/run/docker.sock"; do
  [ -S "$s" ] || continue
  if [ -r "$s" ] && [ -w "$s" ]; then echo "usable $s"; else echo "denied $s"; fi
  grep -qs -e " 00010000 .* $s$" -e " 00010000 .* $(readlink -f "$s")$" /proc/net/unix && echo "listening $s"
done
echo "user $(id -un)"
`

interface EngineSearch {
  readonly usable: readonly string[]
  readonly denied: readonly string[]
  readonly listening: readonly string[]
  readonly user: string
}

/** PURE: reads what `findEngineScript` printed; lines of a login banner are passed over. */
export function readEngineSearch(output: string): EngineSearch {
  const of = (word: string) => [
    ...new Set(
      output
        .split('\n')
        .filter((line) => line.startsWith(`${word} /`) || (word === 'user' && line.startsWith('user ')))
        .map((line) => line.slice(word.length + 1).trim()),
    ),
  ]
  return { usable: of('usable'), denied: of('denied'), listening: of('listening'), user: of('user')[0] ?? '' }
}

/** PURE: whether an engine is there, and only the SSH server keeps us from it. */
export function forbidsForwarding({ usable, listening }: EngineSearch, sshWords: string): boolean {
  // OpenSSH's server says `connect failed` for a socket it may not forward, as it does for one where nobody listens.
  const refused = /open failed/i.test(sshWords) && usable.some((socket) => listening.includes(socket))
  return usable.length > 0 && (refused || /prohibited|forwarding/i.test(sshWords))
}

/** PURE: why the engine of a node that SSH reached cannot be used. */
export function explainNoEngine(target: SshTarget, search: EngineSearch, sshWords: string): UserError {
  const where = describeTarget(target)
  const user = search.user === '' ? (target.user ?? 'the user') : search.user
  if (forbidsForwarding(search, sshWords)) {
    return new UserError({
      code: 'node',
      message: `The SSH server of ${where} does not forward sockets`,
      hint: 'Sessions do not lead to its engine either: no `docker`, `socat` or `nc` is there for this user. On the node, set `AllowStreamLocalForwarding yes` in /etc/ssh/sshd_config (and no `restrict` or `no-port-forwarding` before the key in authorized_keys), then reload sshd.',
    })
  }
  if (search.usable.length > 0) {
    return new UserError({
      code: 'node',
      message: `The Docker Engine of ${where} does not answer`,
      hint: 'On the node, `docker version` should answer at once; `systemctl restart docker` and `journalctl -u docker` help if it does not.',
    })
  }
  if (search.denied.length > 0) {
    return new UserError({
      code: 'node',
      message: `${user} may not use the Docker Engine of ${where}`,
      hint: `On the node, run \`sudo usermod -aG docker ${user}\`; it counts from the next login on.`,
    })
  }
  return new UserError({
    code: 'node',
    message: `No Docker Engine runs on ${where}`,
    hint: 'On the node, install and start one (`systemctl enable --now docker`), or name the socket of a buildkitd: `ssh://…/run/buildkit/buildkitd.sock`.',
  })
}
