import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readInputs } from '../../../../src/inputs/inputs.ts'
import { secretsToMask } from '../../../../src/inputs/secrets-to-mask.ts'
import { InputError } from '../../../../src/lib/issues.ts'
import { signAws } from '../../../../src/registry/credentials/aws-sign.ts'
import { exchangeEcrKeys } from '../../../../src/registry/credentials/ecr.ts'
import { ecrRegion } from '../../../../src/registry/credentials/exchanged-logins.ts'
import { credentialsFor } from '../../../../src/registry/credentials/login.ts'
import { dropTokenIfJobHasLogin } from '../../../../src/registry/credentials/platform-token.ts'
import { writeScopedLogins } from '../../../../src/registry/credentials/scoped.ts'
import { createRegistryAccess } from '../../../../src/job/registries.ts'
import { saveRegistryHosts, loadRegistryHosts } from '../../../../src/registry/hosts.ts'
import { certificate, jobWith, type Given } from '../../fixtures/job.ts'
import { answer, user, withServer } from '../../registry/server.ts'
import { RunDir } from '../../../../src/run/run-dir.ts'
import { formatDaemonFiles } from '../../../../src/nodes/registry-config.ts'
import { createDockerConfig, withAuths } from '../../../../src/registry/credentials/docker-config.ts'
import type { Login } from '../../../../src/registry/auth.ts'

const read = (given: Given = {}) => readInputs(...jobWith({ ...given }))
const basic = ({ username, password }: { readonly username: string; readonly password: string }) =>
  Buffer.from(`${username}:${password}`).toString('base64')
const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com'

describe('logins', () => {
  const byToken = { registry: 'ghcr.io', username: 'octo', password: 't', isPlatformToken: true }
  test.each<[string, Given, unknown]>([
    [
      'a list',
      { 'registry-auth': '- registry: quay.io\n  username: a\n  password: "1"\n- {username: b, password: 0123}' },
      [
        { registry: 'quay.io', username: 'a', password: '1' },
        { registry: 'docker.io', username: 'b', password: '0123' },
      ],
    ],
    [
      'an address',
      { 'registry-auth': '- {registry: https://index.docker.io/v1/, username: b, password: c}' },
      [{ registry: 'index.docker.io', username: 'b', password: 'c' }],
    ],
    [
      'a scope',
      { 'registry-auth': '- {registry: quay.io, username: a, password: b, scope: acme/app@push}' },
      [{ registry: 'quay.io', username: 'a', password: 'b', scope: 'acme/app@push' }],
    ],
    [
      'a list and the forge’s own',
      { 'registry-auth': '- {registry: quay.io, username: a, password: b}', 'github-token': 't' },
      [{ registry: 'quay.io', username: 'a', password: 'b' }, byToken],
    ],
    [
      'the forge’s own in the list',
      { 'registry-auth': '- {registry: ghcr.io, username: a, password: b}', 'github-token': 't' },
      [{ registry: 'ghcr.io', username: 'a', password: 'b' }],
    ],
    [
      'an additional registry',
      { registry: 'docker.io', username: 'a', password: 'b', 'github-token': 't' },
      [{ registry: 'docker.io', username: 'a', password: 'b' }, byToken],
    ],
    [
      "the platform's registry by name: the token is not added",
      { registry: 'https://GHCR.io', username: 'a', password: 'b', 'github-token': 't' },
      [{ registry: 'ghcr.io', username: 'a', password: 'b' }],
    ],
    [
      'AWS: by its address',
      { registry: `https://${ecr}`, image: `${ecr}/app`, AWS_ACCESS_KEY_ID: 'AKIA' },
      [{ registry: ecr, username: '', password: '', ecr: true }],
    ],
    [
      'AWS: a key',
      { image: `${ecr}/app`, username: 'AKIA', password: 'k' },
      [{ registry: ecr, username: 'AKIA', password: 'k', ecr: true }],
    ],
    [
      'AWS: the job’s key',
      { image: `${ecr}/app`, AWS_ACCESS_KEY_ID: 'AKIA' },
      [{ registry: ecr, username: '', password: '', ecr: true }],
    ],
    [
      'AWS: listed',
      { 'registry-auth': `- registry: ${ecr}`, image: `${ecr}/app` },
      [{ registry: ecr, username: '', password: '', ecr: true }],
    ],
    [
      'AWS: a password already',
      { image: `${ecr}/app`, username: 'AWS', password: 'k' },
      [{ registry: ecr, username: 'AWS', password: 'k' }],
    ],
    [
      'AWS: none of it',
      { image: `${ecr}/app`, username: 'AKIA', password: 'k', ecr: 'false' },
      [{ registry: ecr, username: 'AKIA', password: 'k' }],
    ],
    [
      'AWS: by another name',
      { image: 'ecr.example.com/app', username: 'AKIA', password: 'k', ecr: 'true' },
      [{ registry: 'ecr.example.com', username: 'AKIA', password: 'k', ecr: true }],
    ],
    [
      'AWS: by another name, with the key of the job',
      { image: 'ecr.example.com/app', registry: 'ecr.example.com', ecr: 'true', AWS_ACCESS_KEY_ID: 'AKIA' },
      [{ registry: 'ecr.example.com', username: '', password: '', ecr: true }],
    ],
    [
      'AWS: by another name, without any key',
      { image: 'ecr.example.com/app', registry: 'ecr.example.com', ecr: 'true' },
      [{ registry: 'ecr.example.com', username: '', password: '', ecr: true }],
    ],
  ])('%s', async (_, given, expected) => {
    expect((await read(given)).logins).toEqual(expected)
  })

  test.each<[string, string, Given]>([
    ['username', '', { username: 'a', image: 'acme/app' }],
    ['registry', ' at docker.io', { username: 'a', registry: 'docker.io', image: 'acme/app' }],
    ['both empty', ' at docker.io', { registry: 'docker.io', image: 'acme/app' }],
    ['a list', ' at docker.io', { 'registry-auth': '- {username: a, password: ""}', image: 'acme/app' }],
  ])('where nothing is pushed, an empty password is no login, as in runs for forks: %s', async (_, where, given) => {
    const { logins, warnings } = await read({ push: 'false', ...given })
    expect([logins, warnings]).toEqual([
      [],
      [
        `The login${where} is not used, because its \`password\` is empty. ` +
          'The run continues, because it pushes nothing.',
      ],
    ])
    await expect(read(given)).rejects.toThrow(InputError)
  })

  test('AWS: where nothing is pushed, a missing key of the job is no login', async () => {
    const given = { registry: 'ecr.example.com', ecr: 'true', image: 'acme/app', push: 'false' }
    const { logins, warnings } = await read(given)
    expect([logins, warnings.length]).toEqual([[], 1])
    expect((await read({ ...given, AWS_ACCESS_KEY_ID: 'AKIA' })).logins).toHaveLength(1)
  })

  test('AWS: an identity that only its own tools would find causes a warning', async () => {
    expect((await read({ image: `${ecr}/app`, AWS_WEB_IDENTITY_TOKEN_FILE: '/token' })).warnings).toEqual([
      expect.stringContaining('AWS_ACCESS_KEY_ID is not set'),
    ])
    expect((await read({ image: 'ghcr.io/acme/app', AWS_WEB_IDENTITY_TOKEN_FILE: '/token' })).warnings).toEqual([])
  })

  test('of two for one registry builds use the first, as we do', () => {
    const two = [
      { registry: 'ghcr.io', username: 'c', password: 'd' },
      { registry: 'ghcr.io', username: 'a', password: 'b' },
    ]
    expect(createDockerConfig({}, two)).toEqual({ auths: { 'ghcr.io': { auth: 'Yzpk' } } })
  })

  test.each<[string, { readonly auths?: object; readonly credsStore?: string }, boolean, 'token' | 'job']>([
    ['none', {}, true, 'token'],
    ['one that may push', { auths: { HOST: { auth: basic(user) } } }, true, 'job'],
    ['one that is out of date', { auths: { HOST: { auth: basic({ ...user, password: 'old' }) } } }, true, 'token'],
    [
      'one that is out of date, where nothing is pushed',
      { auths: { HOST: { auth: basic({ ...user, password: 'old' }) } } },
      false,
      'token',
    ],
    ['one that reads, where nothing is pushed', { auths: { HOST: { auth: basic(user) } } }, false, 'job'],
    ['one elsewhere', { auths: { 'quay.io': { auth: basic(user) } } }, true, 'token'],
    ['a helper that is not there', { credsStore: 'nobody-has-this' }, true, 'token'],
  ])('a login of the job that may push is used instead of the token: %s', async (_, config, push, expected) => {
    const serve = ({ method, url = '', headers }: IncomingMessage, response: ServerResponse) => {
      if (headers.authorization !== `Basic ${basic(user)}`)
        return answer(response, 401, { 'www-authenticate': 'Basic realm="x"' })
      return answer(response, method === 'POST' ? 202 : 200, { location: url })
    }
    await withServer(serve, async (host) => {
      const own = JSON.parse(JSON.stringify(config).replace('HOST', host)) as unknown
      const said: string[] = []
      const logins = [
        { registry: 'quay.io', username: 'a', password: 'b' },
        { ...byToken, registry: host },
      ]
      const left = await dropTokenIfJobHasLogin(logins, {
        images: [{ registry: host, path: 'acme/app' }],
        push,
        registries: createRegistryAccess([], own),
        log: { info: (text) => said.push(text) },
      })
      expect([left, said]).toEqual(
        expected === 'token'
          ? [logins, []]
          : [logins.slice(0, 1), [`${host}: using the existing login instead of \`github-token\`.`]],
      )
    })
  })

  test('DOCKER_AUTH_CONFIG is over the file and its helpers', async () => {
    const config = withAuths(
      { auths: { 'ghcr.io': { auth: 'Yzpk' }, 'quay.io': { auth: 'Yzpk' } }, credsStore: 'x' },
      { auths: { 'https://ghcr.io': { auth: 'YTpi' } } },
    )
    const ask = () => Promise.resolve(JSON.stringify({ Username: 'h', Secret: 's' }))
    expect(
      await Promise.all(
        ['ghcr.io', 'quay.io'].map((registry) => credentialsFor({ registry, path: 'acme/app' }, [], config, ask)),
      ),
    ).toEqual([
      { username: 'a', password: 'b', origin: 'job' },
      { username: 'h', password: 's', origin: 'job' },
    ])
    // What docker does not take whole, it does not take.
    for (const bad of [
      undefined,
      {},
      { auths: {} },
      { auths: { 'ghcr.io': {} } },
      { auths: { 'ghcr.io': { auth: 'YTpi' } }, more: 1 },
      { auths: { 'ghcr.io': { auth: 'x' } } },
    ])
      expect(withAuths({ a: 1 }, bad)).toEqual({ a: 1 })
  })

  test('one with a scope comes first for its repository, the more exact one before others, also in post', async () => {
    const scoped = (scope: string) => ({ registry: 'ghcr.io', username: scope, password: 'd', scope })
    const whole = { registry: 'ghcr.io', username: 'whole', password: 'b' }
    const userOf = async (path: string, logins: readonly Login[]) =>
      (await credentialsFor({ registry: 'ghcr.io', path }, logins, {}, () => Promise.resolve(undefined)))?.username
    for (const scope of ['acme/app@push', 'acme/app', '@push', 'acme/app@pull,push'])
      expect(await userOf('acme/app', [whole, scoped(scope)])).toBe(scope)
    for (const scope of ['acme/app@pull', 'acme/other@push'])
      expect(await userOf('acme/app', [whole, scoped(scope)])).toBe('whole')
    const several = [scoped('@push'), scoped('acme/app@push'), scoped('acme/other'), whole]
    expect(await Promise.all(['acme/app', 'acme/other', 'acme/third'].map((path) => userOf(path, several)))).toEqual([
      'acme/app@push',
      'acme/other',
      '@push',
    ])
  })

  test('their passwords are masked however they are quoted', () => {
    expect(
      secretsToMask({
        'INPUT_REGISTRY-AUTH':
          '- registry: a\n  password: plain-one\n- {password: \'quoted two\', username: x}\n- {"password": "three,3"}',
      }),
    ).toEqual(expect.arrayContaining(['plain-one', 'quoted two', 'three,3']))
  })

  test('one with a scope is for buildx alone', () => {
    const dir = mkdtempSync(join(tmpdir(), 'scoped-'))
    try {
      const logins = [
        { registry: 'docker.io', username: 'a', password: 'b', scope: 'acme/app@push' },
        { registry: 'quay.io', username: 'c', password: 'd' },
      ]
      writeScopedLogins(new RunDir(dir).scopedConfigs, logins)
      expect(
        JSON.parse(readFileSync(join(dir, 'buildx/config/registry-1.docker.io/acme/app@push/config.json'), 'utf8')),
      ).toEqual({ auths: { 'https://index.docker.io/v1/': { auth: 'YTpi' } } })
      expect(createDockerConfig({}, logins)).toEqual({ auths: { 'quay.io': { auth: 'Yzpk' } } })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('AWS', () => {
  let server: Server
  let answer: { status: number; body: unknown } = { status: 200, body: {} }
  let asked: { target: unknown; authorization: unknown; token: unknown; body: string } | undefined

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        asked = {
          target: request.headers['x-amz-target'],
          authorization: request.headers.authorization,
          token: request.headers['x-amz-security-token'],
          body,
        }
        response.writeHead(answer.status).end(JSON.stringify(answer.body))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => void server.close())

  const env = () => ({
    AWS_ENDPOINT_URL_ECR: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    AWS_ENDPOINT_URL_ECR_PUBLIC: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  })
  const login = { registry: ecr, username: 'AKIA', password: 'k', ecr: true }
  const token = Buffer.from('AWS:pass:word').toString('base64')

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-test-suite.html: get-vanilla, post-vanilla
  test.each([
    ['GET', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['POST', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  ])('signs as AWS’ own examples: %s', (method, signature) => {
    const request = {
      method,
      host: 'example.amazonaws.com',
      path: '/',
      region: 'us-east-1',
      service: 'service',
      headers: {},
      body: '',
      time: '20150830T123600Z',
    }
    expect(
      signAws(request, {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
        sessionToken: '',
      }),
    ).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
        `SignedHeaders=host;x-amz-date, Signature=${signature}`,
    )
  })

  test('a key becomes a password, other logins stay', async () => {
    answer = { status: 200, body: { authorizationData: [{ authorizationToken: token }] } }
    const other = { registry: 'ghcr.io', username: 'a', password: 'b' }
    expect(await exchangeEcrKeys([login, other], { env: env(), fetch })).toEqual([
      { registry: ecr, username: 'AWS', password: 'pass:word', ecr: false },
      other,
    ])
    expect(asked).toEqual({
      target: 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
      authorization: expect.stringMatching(
        new RegExp(
          '^AWS4-HMAC-SHA256 Credential=AKIA/\\d{8}/eu-west-1/ecr/aws4_request, ' +
            'SignedHeaders=content-type;host;x-amz-date;x-amz-target,',
        ),
      ),
      body: '{"registryIds":["123456789012"]}',
    })
  })

  test('a redirect is not followed: the session token is in a header of its own', async () => {
    const elsewhere: unknown[] = []
    await withServer(
      (request, response) => {
        elsewhere.push(request.headers['x-amz-security-token'])
        response.end('{}')
      },
      async (other) =>
        withServer(
          (_, response) => void response.writeHead(307, { location: `http://${other}/` }).end(),
          async (host) => {
            const session = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SESSION_TOKEN: 'the session token' }
            const access = { env: { ...env(), ...session, AWS_ENDPOINT_URL_ECR: `http://${host}/` }, fetch }
            await expect(exchangeEcrKeys([login], access)).rejects.toThrow('answers 307')
          },
        ),
    )
    expect(elsewhere).toEqual([])
  })

  test('the accounts of AWS_ACCOUNT_IDS get the same login, each at its registry', async () => {
    const at = (account: string) => `${account}.dkr.ecr.eu-west-1.amazonaws.com`
    const data = ['210987654321', '123456789012'].map((account) => ({
      authorizationToken: Buffer.from(`AWS:of ${account}`).toString('base64'),
      proxyEndpoint: `https://${at(account)}`,
    }))
    answer = { status: 200, body: { authorizationData: data } }
    const options = { env: { ...env(), AWS_ACCOUNT_IDS: '210987654321, 123456789012' }, fetch }
    expect(await exchangeEcrKeys([login], options)).toEqual([
      { registry: ecr, username: 'AWS', password: 'of 123456789012', ecr: false },
      { registry: at('210987654321'), username: 'AWS', password: 'of 210987654321', ecr: false },
    ])
    expect(asked).toMatchObject({ body: '{"registryIds":["123456789012","210987654321"]}' })
  })

  test.each([
    ['123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu', 'eusc-de-east-1'],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['123456789012.dkr-ecr.eu-west-1.on.aws', 'eu-west-1'],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['public.ecr.aws', 'us-east-1'],
    ['ecr-public.aws.com', 'us-east-1'],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.eu.example.com', undefined],
    ['ghcr.io', undefined],
  ])('%s is in the region %s', (registry, region) => expect(ecrRegion(registry)).toBe(region))

  test('the job’s key, for the public registry', async () => {
    answer = { status: 200, body: { authorizationData: { authorizationToken: token } } }
    const resolved = await exchangeEcrKeys([{ registry: 'public.ecr.aws', username: '', password: '', ecr: true }], {
      env: { ...env(), AWS_ACCESS_KEY_ID: 'ASIA', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 'session' },
      fetch,
    })
    expect(resolved).toMatchObject([{ username: 'AWS', password: 'pass:word' }])
    expect(asked).toMatchObject({
      target: 'SpencerFrontendService.GetAuthorizationToken',
      token: 'session',
      authorization: expect.stringContaining('/us-east-1/ecr-public/aws4_request'),
    })
  })

  test.each([
    [
      'AWS refuses',
      {
        status: 400,
        body: { __type: 'com.amazon#UnrecognizedClientException', message: 'The security token is invalid.' },
      },
      login,
      `No login at ${ecr}: AWS answers 400 UnrecognizedClientException`,
    ],
    ['no password', { status: 200, body: {} }, login, `No login at ${ecr}: AWS returned no password`],
    ['no key', { status: 200, body: {} }, { ...login, username: '' }, `No login at ${ecr}: there is no AWS key`],
    [
      'no region',
      { status: 200, body: {} },
      { ...login, registry: 'ecr.example.com' },
      'No login at ecr.example.com: its name contains no AWS region',
    ],
  ])('%s', async (_, given, asking, expected) => {
    answer = given
    await expect(exchangeEcrKeys([asking], { env: env(), fetch })).rejects.toThrow(expected)
  })
})

describe('registries', () => {
  test('reach the daemons, and the post step', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----'
    const { registries } = await read({
      registries: [
        '"10.0.0.1:5000": {http: true}',
        `reg.example.com:\n  ca: |\n    ${pem.replaceAll('\n', '\n    ')}`,
        `line.example.com: {ca: "${pem.replaceAll('\n', ' ')}"}`,
        'docker.io: {mirrors: [mirror.example.com, other.example.com/hub]}',
        'old.example.com: {insecure: "true"}',
      ].join('\n'),
    })
    const path = `certs/reg.example.com/ca-${createHash('sha256').update(`${pem}\n`).digest('hex').slice(0, 8)}.pem`
    expect(formatDaemonFiles(registries)).toEqual({
      toml: [
        '[registry."10.0.0.1:5000"]\n  http = true\n',
        `[registry."reg.example.com"]\n  ca = ["/etc/buildkit/${path}"]\n`,
        `[registry."line.example.com"]\n  ca = ["/etc/buildkit/${path.replace('reg.', 'line.')}"]\n`,
        '[registry."docker.io"]\n  mirrors = ["mirror.example.com","other.example.com/hub"]\n',
        '[registry."old.example.com"]\n  insecure = true\n',
      ].join(''),
      files: { [path]: `${pem}\n`, [path.replace('reg.', 'line.')]: `${pem}\n` },
    })
    const dir = mkdtempSync(join(tmpdir(), 'hosts-'))
    const file = join(dir, 'registries.json')
    try {
      expect(loadRegistryHosts(file)).toEqual({})
      expect(await saveRegistryHosts(file, registries)).toEqual(registries)
      expect(loadRegistryHosts(file)).toEqual(registries)
    } finally {
      rmSync(dir, { recursive: true })
    }
    expect((await read({ registries: 'a.example.com: {ca: ca.pem}' })).registries).toEqual({
      'a.example.com': { ca: certificate, http: false, insecure: false, mirrors: [] },
    })
  })
})
