/** A real error of BuildKit, buildx, a registry or a cluster, and how it is explained. */
interface FailureCase {
  /** The vertex that failed; empty if only buildx itself reported the error. */
  readonly vertex: string
  readonly error: string
  readonly code: string
  /** The headline; `…` stands for any text: the error is too long for a headline. */
  readonly message: string
  /** A part of the hint. */
  readonly hint: string
}

/** One line, written on several. */
function fold(strings: TemplateStringsArray): string {
  return strings
    .join('')
    .trim()
    .replace(/\s*\n\s*/g, ' ')
}

/** From builds on real engines and registries, and from public issue trackers. */
export const failureCases: readonly FailureCase[] = [
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      failed to solve: r.example:5000/fb/x:1: failed to resolve source metadata for r.example:5000/fb/x:1: error getting
      credentials - err: exec: "docker-credential-desktop": executable file not found in $PATH, out: \`\`
    `,
    code: 'runner',
    message: 'docker-credential-desktop is not installed',
    hint: 'remove it from `credsStore` and `credHelpers` in the Docker configuration',
  },
  {
    vertex: '',
    error: fold`
      ERROR: error getting credentials - err: exec: "docker-credential-ecr-login": executable file not found in $PATH,
      out: \`\`
    `,
    code: 'runner',
    message: 'docker-credential-ecr-login is not installed',
    hint: 'Install it on this runner',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 401 Unauthorized
    `,
    code: 'registry',
    message: 'r.example:5000/fb/x:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 401 Unauthorized
    `,
    code: 'registry',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 401 Unauthorized
    `,
    code: 'registry',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 403 Forbidden
      unavailable: fault 403
    `,
    code: 'registry',
    message: 'r.example:5000/fb/x:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 403 Forbidden
      unavailable: fault 403
    `,
    code: 'registry',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 403 Forbidden
      unavailable: fault 403
    `,
    code: 'registry',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: 'r.example:5000/fb/x:1: not found',
    code: 'build',
    message: 'r.example:5000/fb/x:1 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: 'r.example:5000/fb/front:1: not found',
    code: 'build',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: 'r.example:5000/fb/scan:1: not found',
    code: 'build',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 413 Payload Too Large
    `,
    code: 'node',
    message: 'r.example:5000/fb/x:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 413 Payload Too
      Large
    `,
    code: 'node',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 413 Payload Too
      Large
    `,
    code: 'node',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 429 Too Many Requests
    `,
    code: 'busy',
    message: 'r.example:5000/fb/x:1 could not be pulled for linux/arm64 slim: pull rate limit exceeded',
    hint: 'raises the limit',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 429 Too Many
      Requests
    `,
    code: 'busy',
    message: '…',
    hint: 'raises the limit',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 429 Too Many
      Requests
    `,
    code: 'busy',
    message: '…',
    hint: 'raises the limit',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 500 Internal Server
      Error
    `,
    code: 'busy',
    message: 'r.example:5000/fb/x:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 500 Internal
      Server Error
    `,
    code: 'busy',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 500 Internal Server
      Error
    `,
    code: 'busy',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 502 Bad Gateway
    `,
    code: 'busy',
    message: 'r.example:5000/fb/x:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 502 Bad Gateway
    `,
    code: 'busy',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 502 Bad Gateway
    `,
    code: 'busy',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/fb/x:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/x/manifests/1: 503 Service
      Unavailable
    `,
    code: 'busy',
    message: 'r.example:5000/fb/x:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/front:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/front/manifests/1: 503 Service
      Unavailable
    `,
    code: 'busy',
    message: 'Frontend or scanner image r.example:5000/fb/front:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/fb/scan:1',
    error: fold`
      unexpected status from HEAD request to http://r.example:5000/v2/fb/scan/manifests/1: 503 Service
      Unavailable
    `,
    code: 'busy',
    message: 'Frontend or scanner image r.example:5000/fb/scan:1 could not be pulled for linux/arm64 slim',
    hint: 'check the registry’s status',
  },
  {
    vertex: 'exporting to image',
    error: 'failed to push r.example:5000/t/f-push503: unavailable: fault 503',
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: 'failed to push r.example:5000/t: unknown: provided digest did not match uploaded content',
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: 'failed to push r.example:5000/t: unknown: blob unknown to registry - sha256:0',
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: '[internal] load metadata for 127.0.0.1:1/x:1',
    error: fold`
      failed to do request: Head "http://127.0.0.1:1/v2/x/manifests/1": dial tcp 127.0.0.1:1: connect:
      connection refused
    `,
    code: 'busy',
    message: '127.0.0.1:1/x:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[internal] load metadata for nosuch.invalid/x:1',
    error: fold`
      failed to do request: Head "https://nosuch.invalid/v2/x/manifests/1": dial tcp: lookup nosuch.invalid on
      127.0.0.1:53: read udp 127.0.0.1:36777->127.0.0.1:53: read: connection refused
    `,
    code: 'busy',
    message: 'nosuch.invalid/x:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: 'resolve image config for docker-image://127.0.0.1:1/frontend:1',
    error: fold`
      failed to do request: Head "http://127.0.0.1:1/v2/frontend/manifests/1": dial tcp 127.0.0.1:1: connect:
      connection refused
    `,
    code: 'busy',
    message: 'Frontend or scanner image 127.0.0.1:1/frontend:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: 'resolve image config for docker-image://nosuch.invalid/frontend:1',
    error: fold`
      failed to do request: Head "https://nosuch.invalid/v2/frontend/manifests/1": dial tcp: lookup
      nosuch.invalid on 127.0.0.1:53: read udp 127.0.0.1:36777->127.0.0.1:53: read: connection refused
    `,
    code: 'busy',
    message: 'Frontend or scanner image nosuch.invalid/frontend:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/no/frontend:1',
    error: 'r.example:5000/no/frontend:1: not found',
    code: 'build',
    message: 'Frontend or scanner image r.example:5000/no/frontend:1 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: 'resolve image config for docker-image://nosuch.invalid/scanner:1',
    error: fold`
      failed to do request: Head "https://nosuch.invalid/v2/scanner/manifests/1": dial tcp: lookup
      nosuch.invalid on 127.0.0.1:53: read udp 127.0.0.1:36777->127.0.0.1:53: read: connection refused
    `,
    code: 'busy',
    message: 'Frontend or scanner image nosuch.invalid/scanner:1 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: 'resolve image config for docker-image://r.example:5000/no/scanner:1',
    error: 'r.example:5000/no/scanner:1: not found',
    code: 'build',
    message: 'Frontend or scanner image r.example:5000/no/scanner:1 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/no/such:1',
    error: 'r.example:5000/no/such:1: not found',
    code: 'build',
    message: 'r.example:5000/no/such:1 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: '[internal] load metadata for r.example:5000/acme/base:latest',
    error: 'no match for platform in manifest: not found',
    code: 'build',
    message: 'r.example:5000/acme/base:latest does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push nosuch.invalid/t: failed to do request: Head
      "https://nosuch.invalid/v2/t/blobs/sha256:91728744": dial tcp: lookup nosuch.invalid on 127.0.0.1:53:
      read udp 127.0.0.1:36777->127.0.0.1:53: read: connection refused
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Check the host name in `image` (nosuch.invalid)',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push nosuch.invalid/t: failed to do request: Head
      "https://nosuch.invalid/v2/t/blobs/sha256:91728744": dial tcp: lookup nosuch.invalid on 192.0.2.53:53:
      no such host
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Check the host name in `image` (nosuch.invalid)',
  },
  {
    vertex: 'resolve image config for docker-image://docker.io/docker/buildkit-syft-scanner:stable-1',
    error: fold`
      failed to do request: Head "https://registry-1.docker.io/v2/docker/buildkit-syft-scanner/manifests/stable-1":
      dial tcp: lookup registry-1.docker.io on 127.0.0.1:53: read udp 127.0.0.1:52395->127.0.0.1:53: read:
      connection refused
    `,
    code: 'busy',
    message: 'Frontend or scanner image docker/buildkit-syft-scanner:sta… could not be pulled for linux/arm64 slim',
    hint: 'The image docker/buildkit-syft-scanner:stable-1 is named by',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push 127.0.0.1:1/t: failed to do request: Head
      "http://127.0.0.1:1/v2/t/blobs/sha256:06938a10": dial tcp 127.0.0.1:1: connect: connection refused
    `,
    code: 'busy',
    message: 'No registry listens at 127.0.0.1:1, where linux/arm64 slim is pushed',
    hint: 'Check the host and the port in `image`',
  },
  {
    vertex: '[2/2] ADD http://nosuch.invalid/x /x',
    error: fold`
      Get "http://nosuch.invalid/x": dial tcp: lookup nosuch.invalid on 127.0.0.1:53: read udp
      127.0.0.1:36777->127.0.0.1:53: read: connection refused
    `,
    code: 'busy',
    message: 'linux/arm64 slim: [2/2] ADD http://nosuch.invalid/x /x could not be downloaded',
    hint: 'Check the URL',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)
    `,
    code: 'build',
    message: fold`
      linux/arm64 slim: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)
    `,
    hint: 'Correct the Dockerfile',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: dockerfile parse error on line 2: ARG requires at least one argument',
    code: 'build',
    message: 'linux/arm64 slim: dockerfile parse error on line 2: ARG requires at least one argument',
    hint: 'Correct the Dockerfile',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: dockerfile parse error on line 2: unknown flag: --bogus',
    code: 'build',
    message: 'linux/arm64 slim: dockerfile parse error on line 2: unknown flag: --bogus',
    hint: 'Correct the Dockerfile',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: dockerfile parse error on line 3: COPY requires at least two arguments, but only
      one was provided. Destination could not be determined
    `,
    code: 'build',
    message: '…',
    hint: 'Correct the Dockerfile',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: the Dockerfile cannot be empty',
    code: 'build',
    message: 'linux/arm64 slim: the Dockerfile cannot be empty',
    hint: 'Correct the Dockerfile',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: no build stage in current context',
    code: 'build',
    message: 'linux/arm64 slim: no build stage in current context',
    hint: 'starts with `FROM`',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: failed to parse stage name "Foo:Bar:1": invalid reference format: repository
      name (library/Foo) must be lowercase
    `,
    code: 'build',
    message: '…',
    hint: 'image name in lower case',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: failed to read dockerfile: open Nope: no such file or directory',
    code: 'build',
    message: 'linux/arm64 slim: failed to read dockerfile: open Nope: no such file or directory',
    hint: 'Check `file` and `context`',
  },
  {
    vertex: '[2/2] COPY nope /',
    error: 'failed to calculate checksum of ref wzd28ha2::5zqa2uyq: "/nope": not found',
    code: 'build',
    message: 'linux/arm64 slim: "/nope": not found',
    hint: 'not in the build context',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: target stage "nope" could not be found',
    code: 'build',
    message: 'linux/arm64 slim: target stage "nope" could not be found',
    hint: 'must be the name of a stage',
  },
  {
    vertex: '[stage-0 2/2] RUN --mount=type=secret,id=x,required=true cat /run/secrets/x',
    error: 'secret x: not found',
    code: 'build',
    message: 'linux/arm64 slim: secret x: not found',
    hint: 'add `x=${{ secrets.NAME }}` to `secrets`',
  },
  {
    vertex: '[stage-0 2/2] RUN --mount=type=ssh,required=true true',
    error: 'unset ssh forward key default',
    code: 'build',
    message: 'linux/arm64 slim: unset ssh forward key default',
    hint: '`ssh: default`',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: failed to load LLB: network.host is not allowed',
    code: 'build',
    message: 'linux/arm64 slim: failed to load LLB: network.host is not allowed',
    hint: 'Add the entitlement to `allow`',
  },
  {
    vertex: '[2/2] RUN true',
    error: fold`
      process "/bin/sh -c true" did not complete successfully: unable to find user nobody2: no matching
      entries in passwd file
    `,
    code: 'build',
    message: '…',
    hint: 'See the full log',
  },
  {
    vertex: '[2/2] RUN nosuchcommand',
    error: 'process "/bin/sh -c nosuchcommand" did not complete successfully: exit code: 127',
    code: 'build',
    message: 'linux/arm64 slim: [2/2] RUN nosuchcommand failed: exit code: 127',
    hint: 'See the full log',
  },
  {
    vertex: "[2/2] RUN printf '\\177ELF' > /x && chmod +x /x && /x",
    error: fold`
      process "/bin/sh -c printf '\\\\177ELF' > /x && chmod +x /x && /x" did not complete successfully: exit
      code: 127
    `,
    code: 'build',
    message: '…',
    hint: 'See the full log',
  },
  {
    vertex: '[2/2] RUN x',
    error: 'process "/bin/nosuch -c x" did not complete successfully: exit code: 1',
    code: 'build',
    message: 'linux/arm64 slim: [2/2] RUN x failed: exit code: 1',
    hint: 'See the full log',
  },
  {
    vertex: '[2/2] RUN sleep 1; echo boom; exit 3',
    error: 'process "/bin/sh -c sleep 1; echo boom; exit 3" did not complete successfully: exit code: 3',
    code: 'build',
    message: 'linux/arm64 slim: [2/2] RUN sleep 1; echo boom; exit 3 failed: exit code: 3',
    hint: 'See the full log',
  },
  {
    vertex: '[2/2] RUN false',
    error: 'process "/bin/sh -c false" did not complete successfully: exit code: 1',
    code: 'build',
    message: 'linux/arm64 slim: [2/2] RUN false failed: exit code: 1',
    hint: 'See the full log',
  },
  {
    vertex: '[1/1] RUN sleep 2; exit 7',
    error: 'process "/bin/sh -c sleep 2; exit 7" did not complete successfully: exit code: 7',
    code: 'build',
    message: 'linux/arm64 slim: [1/1] RUN sleep 2; exit 7 failed: exit code: 7',
    hint: 'See the full log',
  },
  {
    vertex: '',
    error: 'ERROR: docker exporter does not support exporting manifest lists, use the oci exporter instead',
    code: 'build',
    message: '…',
    hint: 'use `type=oci`',
  },
  {
    vertex: '',
    error: fold`
      ERROR: additional privileges requested: pass "--allow=fs.write=/tmp/F/outside" to grant requested
      privileges
    `,
    code: 'build',
    message: '…',
    hint: 'out of the workspace',
  },
  {
    vertex: '',
    error: fold`
      ERROR: additional privileges requested: pass "--allow=fs.read=/tmp/F/outside" to grant requested
      privileges
    `,
    code: 'build',
    message: '…',
    hint: 'out of the workspace',
  },
  {
    vertex: '',
    error: fold`
      ERROR: additional privileges requested: pass "--allow=fs.read=/tmp/F/outside/Dockerfile" to grant
      requested privileges
    `,
    code: 'build',
    message: '…',
    hint: 'out of the workspace',
  },
  {
    vertex: '',
    error: 'ERROR: unable to prepare context: path "link" not found',
    code: 'build',
    message: 'linux/arm64 slim: unable to prepare context: path "link" not found',
    hint: 'Check `file` and `context`',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push ghcr.io/acme/app: unexpected status from POST request to
      https://ghcr.io/v2/acme/app/blobs/uploads/: 403 Forbidden
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim',
    hint: 'permissions: packages: write',
  },
  {
    vertex: 'exporting to image',
    error: 'failed to push ghcr.io/acme/app: denied: permission_denied: write_package',
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim',
    hint: 'permissions: packages: write',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push ghcr.io/acme/app: denied: installation not allowed to Create organization package
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim',
    hint: 'permissions: packages: write',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push docker.io/acme/app: push access denied, repository does not exist or may require
      authorization: server message: insufficient_scope: authorization failed
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim',
    hint: 'permissions: packages: write',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push docker.io/acme/app: failed to authorize: failed to fetch oauth token: unexpected status
      from POST request to https://auth.docker.io/token: 401 Unauthorized: incorrect username or password
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim',
    hint: 'permissions: packages: write',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app: unexpected status from HEAD request to
      https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/v2/app/blobs/sha256:0: 403 Forbidden
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim',
    hint: 'permissions: packages: write',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push harbor.example/p/app: unexpected status from PUT request to
      https://harbor.example/v2/p/app/blobs/uploads/1: 403 Forbidden: denied: adding 50 MiB of storage
      resource, which when updated to current usage of 9.9 GiB will exceed the configured upper limit of 10.0
      GiB, quota exceeded
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim: quota exceeded',
    hint: 'raise the quota',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: unexpected status from PATCH request to
      https://r.example/v2/app/blobs/uploads/1: 413 Request Entity Too Large
    `,
    code: 'registry',
    message: 'The registry refuses the push of linux/arm64 slim: a layer is too large',
    hint: 'client_max_body_size',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Head "https://r.example/v2/app/blobs/sha256:0":
      http: server gave HTTP response to HTTPS client
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim: the registry uses plain http',
    hint: '{http: true}',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Head "https://r.example/v2/app/blobs/sha256:0": tls:
      failed to verify certificate: x509: certificate signed by unknown authority
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim: the certificate is not trusted',
    hint: '{ca: /path/to/ca.pem}',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Head "https://r.example/v2/app": tls: failed to
      verify certificate: x509: certificate is valid for other.example, not r.example
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim: the certificate is not trusted',
    hint: '`insecure: true`',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Put "https://r.example/v2/app/blobs/uploads/1":
      write tcp 10.0.0.2:41000->10.0.0.1:443: write: connection reset by peer
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Put "https://r.example/v2/app/blobs/uploads/1":
      net/http: TLS handshake timeout
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Head "https://r.example/v2/app": dial tcp
      10.0.0.1:443: i/o timeout
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Head "https://r.example/v2/app": dial tcp: lookup
      r.example on 10.0.0.53:53: server misbehaving
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed to do request: Head "https://r.example/v2/app": dial tcp: lookup
      r.example: no such host
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Check the host name in `image` (r.example)',
  },
  {
    vertex: 'exporting to image',
    error: 'failed to push r.example/app: toomanyrequests: retry-after: 1ms, allowed: 44000/minute',
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: unexpected status from PUT request to
      https://r.example/v2/app/manifests/sha256:0: 500 Internal Server Error
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: unexpected status from PUT request to
      https://r.example/v2/app/manifests/sha256:0: 504 Gateway Timeout
    `,
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: unexpected status from PUT request to
      https://r.example/v2/app/manifests/sha256:0: 400 Bad Request
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to push r.example/app: failed commit on ref "layer-sha256:0": unexpected status from PUT request
      to https://r.example/v2/app/blobs/uploads/1: 405 Method Not Allowed
    `,
    code: 'registry',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: 'exporting to image',
    error: 'failed to copy: failed to do request: Put "https://r.example/v2/app/blobs/uploads/1": EOF',
    code: 'busy',
    message: 'The registry failed during the push of linux/arm64 slim',
    hint: 'Run the job again',
  },
  {
    vertex: '[internal] load metadata for docker.io/library/alpine:3',
    error: fold`
      docker.io/library/alpine:3: failed to resolve source metadata for docker.io/library/alpine:3: failed to
      copy: httpReadSeeker: failed open: unexpected status code
      https://registry-1.docker.io/v2/library/alpine/manifests/sha256:0: 429 Too Many Requests - Server
      message: toomanyrequests: You have reached your unauthenticated pull rate limit.
      https://www.docker.com/increase-rate-limit
    `,
    code: 'busy',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim: pull rate limit exceeded',
    hint: 'raises the limit',
  },
  {
    vertex: '[internal] load metadata for docker.io/acme/private:1',
    error: fold`
      pull access denied, repository does not exist or may require authorization: server message:
      insufficient_scope: authorization failed
    `,
    code: 'registry',
    message: 'docker.io/acme/private:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: '[internal] load metadata for ghcr.io/acme/base:1',
    error: fold`
      failed to authorize: failed to fetch anonymous token: unexpected status from GET request to
      https://ghcr.io/token?scope=repository%3Aacme%2Fbase%3Apull&service=ghcr.io: 401 Unauthorized
    `,
    code: 'registry',
    message: 'ghcr.io/acme/base:1 is not accessible for linux/arm64 slim',
    hint: 'to `registry-auth`',
  },
  {
    vertex: '[internal] load metadata for docker.io/library/alpin:3',
    error: 'docker.io/library/alpin:3: not found',
    code: 'build',
    message: 'docker.io/library/alpin:3 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: '[internal] load metadata for mcr.microsoft.com/windows/nanoserver:1809',
    error: 'no match for platform in manifest sha256:0: not found',
    code: 'build',
    message: 'mcr.microsoft.com/windows/nanoserver:1809 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: '[internal] load metadata for docker.io/library/alpine:3',
    error: fold`
      failed to do request: Head "https://registry-1.docker.io/v2/library/alpine/manifests/3": dial tcp:
      lookup registry-1.docker.io: no such host
    `,
    code: 'node',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[internal] load metadata for docker.io/library/alpine:3',
    error: fold`
      failed to do request: Head "https://registry-1.docker.io/v2/library/alpine/manifests/3": net/http: TLS
      handshake timeout
    `,
    code: 'busy',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[internal] load metadata for docker.io/library/alpine:3',
    error: fold`
      failed to do request: Head "https://registry-1.docker.io/v2/library/alpine/manifests/3": dial tcp:
      lookup registry-1.docker.io: Temporary failure in name resolution
    `,
    code: 'busy',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[internal] load metadata for docker.io/library/alpine:3',
    error: fold`
      failed to do request: Head "https://registry-1.docker.io/v2/library/alpine/manifests/3": dial tcp
      34.194.164.123:443: connect: no route to host
    `,
    code: 'busy',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[internal] load metadata for git.lan/acme/base:1',
    error: fold`
      failed to do request: Head "https://git.lan/v2/acme/base/manifests/1": tls: failed to verify
      certificate: x509: certificate signed by unknown authority
    `,
    code: 'registry',
    message: 'git.lan/acme/base:1 could not be pulled for linux/arm64 slim: the certificate is not trusted',
    hint: '{ca: /path/to/ca.pem}',
  },
  {
    vertex: '[internal] load metadata for git.lan/acme/base:1',
    error: fold`
      failed to do request: Head "https://git.lan/v2/acme/base/manifests/1": http: server gave HTTP response
      to HTTPS client
    `,
    code: 'registry',
    message: 'git.lan/acme/base:1 could not be pulled for linux/arm64 slim: the registry uses plain http',
    hint: '{http: true}',
  },
  {
    vertex: '[1/3] FROM docker.io/library/alpine:3@sha256:0',
    error: fold`
      failed to copy: httpReadSeeker: failed open: read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset
      by peer
    `,
    code: 'busy',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[1/3] FROM docker.io/library/alpine:3@sha256:0',
    error: 'failed to extract layer sha256:0: mount callback failed: unexpected EOF',
    code: 'busy',
    message: 'docker.io/library/alpine:3 could not be pulled for linux/arm64 slim',
    hint: 'can reach its registry',
  },
  {
    vertex: '[1/3] FROM docker.io/library/alpine:3@sha256:0',
    error: fold`
      failed to copy: httpReadSeeker: failed open: content at
      https://registry-1.docker.io/v2/library/alpine/blobs/sha256:0 not found: not found
    `,
    code: 'build',
    message: 'docker.io/library/alpine:3 does not exist for linux/arm64 slim',
    hint: 'has this platform',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to initialize builder n (n): Error response from daemon: pull access denied for
      moby/buildkit, repository does not exist or may require 'docker login'
    `,
    code: 'node',
    message: 'BuildKit does not start on node arm',
    hint: 'privileged containers',
  },
  {
    vertex: '',
    error: fold`
      ERROR: Error response from daemon: Head
      "https://registry-1.docker.io/v2/moby/buildkit/manifests/buildx-stable-1": toomanyrequests: You have
      reached your unauthenticated pull rate limit. error during connect
    `,
    code: 'busy',
    message: 'BuildKit does not start on node arm: pull rate limit exceeded',
    hint: 'privileged containers',
  },
  {
    vertex: '',
    error: 'ERROR: error during connect: Post "http://docker/v1.51/images/create": EOF',
    code: 'node',
    message: 'BuildKit does not start on node arm',
    hint: 'privileged containers',
  },
  {
    vertex: '',
    error: 'ERROR: failed to find driver "docker-container"',
    code: 'node',
    message: 'BuildKit does not start on node arm',
    hint: 'privileged containers',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      runc run failed: unable to start container process: error during container init: operation not permitted
    `,
    code: 'node',
    message: 'BuildKit does not start on node arm',
    hint: 'privileged containers',
  },
  {
    vertex: '[internal] booting buildkit',
    error: 'Error response from daemon: privileged mode is incompatible with user namespaces',
    code: 'node',
    message: 'BuildKit does not start on node arm',
    hint: 'privileged containers',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      Error response from daemon: Conflict. The container name "/buildx_buildkit_x" is already in use by
      container "0". You have to remove (or rename) that container to be able to reuse that name.
    `,
    code: 'busy',
    message: 'Another build is starting BuildKit on node arm',
    hint: 'Run the job again',
  },
  {
    vertex: '[internal] booting buildkit',
    error: 'Error response from daemon: no space left on device',
    code: 'node',
    message: 'Node arm is out of disk space (linux/arm64 slim)',
    hint: 'docker system df',
  },
  {
    vertex: '[internal] booting buildkit',
    error: 'error for bootstrap "mab-1": Unauthorized',
    code: 'node',
    message: 'Authentication to the cluster of arm failed',
    hint: 'write a new kubeconfig',
  },
  {
    vertex: '[internal] booting buildkit',
    error: 'error for bootstrap "mab-1": the server has asked for the client to provide credentials',
    code: 'node',
    message: 'Authentication to the cluster of arm failed',
    hint: 'write a new kubeconfig',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      error for bootstrap "mab-1": Get "https://k/": getting credentials: exec: executable aws not found
    `,
    code: 'node',
    message: 'Authentication to the cluster of arm failed',
    hint: 'write a new kubeconfig',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      error for bootstrap "mab-1": Get "https://k/": tls: failed to verify certificate: x509: certificate
      signed by unknown authority
    `,
    code: 'node',
    message: 'Authentication to the cluster of arm failed',
    hint: 'another cluster',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      error for bootstrap "mab-1": Get "https://k/apis/apps/v1/namespaces/default/deployments/mab-1": dial
      tcp: lookup k: no such host
    `,
    code: 'node',
    message: 'The cluster of arm cannot be reached',
    hint: 'Check the server in the kubeconfig',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      error for bootstrap "mab-1": Get "https://10.0.0.1:6443/apis": dial tcp 10.0.0.1:6443: i/o timeout
    `,
    code: 'node',
    message: 'The cluster of arm cannot be reached',
    hint: 'this runner can reach it',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      error while calling Create for "mab-1": deployments.apps is forbidden: User "ci" cannot create resource
      "deployments"
    `,
    code: 'node',
    message: 'The account of the kubeconfig has no permission to build on arm',
    hint: 'In the namespace',
  },
  {
    vertex: '[internal] booting buildkit',
    error: 'error while calling Create for "mab-1": namespaces "elsewhere" not found',
    code: 'node',
    message: 'The cluster of arm rejected the BuildKit pod for linux/arm64 slim',
    hint: 'Check the namespace',
  },
  {
    vertex: '[internal] booting buildkit',
    error: fold`
      error while calling Create for "mab-1": Deployment.apps "mab-1" is invalid:
      spec.template.spec.nodeSelector: Invalid value: "-"
    `,
    code: 'node',
    message: 'The cluster of arm rejected the BuildKit pod for linux/arm64 slim',
    hint: '`driver-opts`',
  },
  {
    vertex: '[internal] booting buildkit',
    error: 'expected 1 replicas to be ready, got 0',
    code: 'node',
    message: 'No BuildKit pod of arm was ready in time',
    hint: 'kubectl describe pods',
  },
  {
    vertex: '',
    error: fold`
      ERROR: pods is forbidden: User "ci" cannot list resource "pods" in API group "" in the namespace
      "default"
    `,
    code: 'node',
    message: 'The account of the kubeconfig has no permission to build on arm',
    hint: 'In the namespace',
  },
  {
    vertex: '',
    error: fold`
      ERROR: pods "mab-1-5d4f8" is forbidden: User "ci" cannot create resource "pods/exec" in API group "" in
      the namespace "default"
    `,
    code: 'node',
    message: 'The account of the kubeconfig has no permission to build on arm',
    hint: 'pods/exec',
  },
  {
    vertex: '',
    error: 'ERROR: no running buildkit pods found',
    code: 'node',
    message: 'No BuildKit pod of arm was ready in time',
    hint: 'kubectl describe pods',
  },
  {
    vertex: '[2/3] RUN make',
    error: 'rpc error: code = Unavailable desc = error reading from server: EOF',
    code: 'node',
    message: 'Node arm was lost during the build of linux/arm64 slim',
    hint: 'BuildKit exited',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to receive status: rpc error: code = Unavailable desc = closing transport due to:
      connection error: desc = "error reading from server: EOF", received prior goaway: code: NO_ERROR
    `,
    code: 'node',
    message: 'Node arm was lost during the build of linux/arm64 slim',
    hint: 'BuildKit exited',
  },
  {
    vertex: '',
    error: fold`
      ERROR: listing workers for Build: failed to list workers: Unavailable: connection error: desc =
      "transport: Error while dialing: dial unix /run/n.sock: connect: connection reset by peer"
    `,
    code: 'node',
    message: 'Node arm was lost during the build of linux/arm64 slim',
    hint: 'memory and disk',
  },
  {
    vertex: '',
    error: 'ERROR: Error response from daemon: No such container: buildx_buildkit_x',
    code: 'node',
    message: 'Node arm was lost during the build of linux/arm64 slim',
    hint: 'BuildKit exited',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to receive status: rpc error: code = Unavailable desc = keepalive ping failed to receive
      ACK within timeout
    `,
    code: 'node',
    message: 'Node arm was lost during the build of linux/arm64 slim',
    hint: 'BuildKit exited',
  },
  {
    vertex: '[2/3] COPY x /',
    error: 'failed to copy: write /x: no space left on device',
    code: 'node',
    message: 'Node arm is out of disk space (linux/arm64 slim)',
    hint: 'docker builder prune',
  },
  {
    vertex: 'exporting to image',
    error: fold`
      failed to write: write /var/lib/buildkit/runc-overlayfs/content/ingest/0/data: no space left on device
    `,
    code: 'node',
    message: 'Node arm is out of disk space (linux/arm64 slim)',
    hint: 'docker builder prune',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: failed to configure gha cache exporter: invalid token without expiration time
    `,
    code: 'cache',
    message: 'The cache of linux/arm64 slim cannot be written',
    hint: '`cache` or `cache-to`',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: failed to configure s3 cache exporter: bucket ("S3_BUCKET") not set for s3 cache
    `,
    code: 'cache',
    message: 'The cache of linux/arm64 slim cannot be written',
    hint: '`cache` or `cache-to`',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: rpc error: code = Unknown desc = unknown cache exporter: "s3"',
    code: 'cache',
    message: 'The cache of linux/arm64 slim cannot be written',
    hint: '`cache` or `cache-to`',
  },
  {
    vertex: '[2/3] RUN make',
    error: 'process "/bin/sh -c make" did not complete successfully: exit code: 137',
    code: 'build',
    message: 'linux/arm64 slim: [2/3] RUN make failed: exit code: 137',
    hint: 'ran out of memory',
  },
  {
    vertex: '[2/3] RUN make',
    error: 'process "/bin/sh -c make" did not complete successfully: cannot allocate memory',
    code: 'build',
    message: 'linux/arm64 slim: [2/3] RUN make failed: cannot allocate memory',
    hint: 'See the full log',
  },
  {
    vertex: '[2/3] RUN x',
    error: 'process "/bin/sh -c x" did not complete successfully: exit code: 126',
    code: 'build',
    message: 'linux/arm64 slim: [2/3] RUN x failed: exit code: 126',
    hint: 'See the full log',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: failed to parse stage name "": base name (${BASE}) should not be blank',
    code: 'build',
    message: '…',
    hint: '`build-args`',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: circular dependency detected on stage: a',
    code: 'build',
    message: 'linux/arm64 slim: circular dependency detected on stage: a',
    hint: 'depend on each other',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: granting entitlement network.host is not allowed by build daemon configuration
    `,
    code: 'build',
    message: fold`
      linux/arm64 slim: granting entitlement network.host is not allowed by build daemon configuration
    `,
    hint: 'to `buildkitd-flags`',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: security.insecure is not allowed',
    code: 'build',
    message: 'linux/arm64 slim: security.insecure is not allowed',
    hint: 'Add the entitlement to `allow`',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: docker exporter does not currently support exporting manifest lists',
    code: 'build',
    message: '…',
    hint: 'use `type=oci`',
  },
  {
    vertex: '',
    error: fold`
      ERROR: failed to solve: failed to fetch remote https://github.com/acme/app.git: git stderr: fatal: could
      not read Username for 'https://github.com': terminal prompts disabled: exit status 128
    `,
    code: 'build',
    message: '…',
    hint: '`github-token`',
  },
  {
    vertex: '',
    error: 'ERROR: failed to solve: unexpected thing that nobody has seen before',
    code: 'build',
    message: 'linux/arm64 slim: unexpected thing that nobody has seen before',
    hint: 'BuildKit’s own output',
  },
  {
    vertex: '',
    error: 'ERROR: invalid exporter attribute foo',
    code: 'build',
    message: 'linux/arm64 slim: invalid exporter attribute foo',
    hint: 'BuildKit’s own output',
  },
]
