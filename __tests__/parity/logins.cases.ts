import type { Login } from '../../src/registry/auth.ts'
import type { Given } from '../unit/fixtures/job.ts'

const a = { username: 'a', password: 'b' }
const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com'
const key = { username: 'AKIA', password: 'secret', ecr: true } as const
const job = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' }
const connection = { DOCKERHUB_OIDC_CONNECTIONID: '123e4567-e89b-42d3-a456-426614174000' }
const hub = { username: 'a', password: '', hubOidc: true } as const
const at = (registry: string) => ({ image: `${registry}/acme/app`, registry, ...a })
const aws = (registry: string) => ({ image: `${registry}/app`, registry, username: 'AKIA', password: 'secret' })

/** Inputs of docker/login-action, with an image there → the logins; a text: the inputs that are wrong. */
export const logins: readonly (readonly [given: Given, expected: readonly Login[] | string])[] = [
  [{ image: 'acme/app', ...a }, [{ registry: 'docker.io', ...a }]],
  [{ image: 'docker.io/acme/app', ...a }, [{ registry: 'docker.io', ...a }]],
  [at('docker.io'), [{ registry: 'docker.io', ...a }]],
  [at('ghcr.io'), [{ registry: 'ghcr.io', ...a }]],
  [at('registry.gitlab.com'), [{ registry: 'registry.gitlab.com', ...a }]],
  [at('myregistry.azurecr.io'), [{ registry: 'myregistry.azurecr.io', ...a }]],
  [at('gcr.io'), [{ registry: 'gcr.io', ...a }]],
  [
    { ...at('europe-docker.pkg.dev'), username: '_json_key', password: '{"a": 1}' },
    [{ registry: 'europe-docker.pkg.dev', username: '_json_key', password: '{"a": 1}' }],
  ],
  [at('fra.ocir.io'), [{ registry: 'fra.ocir.io', ...a }]],
  [at('quay.io'), [{ registry: 'quay.io', ...a }]],
  [at('registry.digitalocean.com'), [{ registry: 'registry.digitalocean.com', ...a }]],
  [at('localhost:5000'), [{ registry: 'localhost:5000', ...a }]],
  [{ ...at('ghcr.io'), registry: 'https://ghcr.io' }, [{ registry: 'ghcr.io', ...a }]],
  [{ ...at('ghcr.io'), registry: 'GHCR.io' }, [{ registry: 'ghcr.io', ...a }]],
  [{ ...at('ghcr.io'), registry: 'ghcr.io/acme' }, [{ registry: 'ghcr.io', ...a }]],
  [{ image: 'acme/app', username: 'a' }, 'password'],
  [{ image: 'acme/app', password: 'b' }, 'username'],
  [{ image: 'quay.io/acme/app', registry: 'quay.io', username: 'a' }, 'password'],
  [{ image: 'quay.io/acme/app', registry: 'quay.io', password: 'b' }, 'registry, username'],
  [{ image: 'quay.io/acme/app', registry: 'quay.io' }, 'registry'],
  // AWS
  [aws(ecr), [{ registry: ecr, ...key }]],
  [{ ...aws(ecr), ecr: 'auto' }, [{ registry: ecr, ...key }]],
  [{ ...aws(ecr), ecr: 'true' }, [{ registry: ecr, ...key }]],
  [{ ...aws(ecr), ecr: 'false' }, [{ registry: ecr, username: 'AKIA', password: 'secret' }]],
  [{ ...aws('ecr.example.com'), ecr: 'true' }, [{ registry: 'ecr.example.com', ...key }]],
  [aws('public.ecr.aws'), [{ registry: 'public.ecr.aws', ...key }]],
  [aws('ecr-public.aws.com'), [{ registry: 'ecr-public.aws.com', ...key }]],
  [
    aws('123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn'),
    [{ registry: '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', ...key }],
  ],
  [
    aws('123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu'),
    [{ registry: '123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu', ...key }],
  ],
  [aws('123456789012.dkr-ecr.eu-west-1.on.aws'), [{ registry: '123456789012.dkr-ecr.eu-west-1.on.aws', ...key }]],
  [{ image: `${ecr}/app`, ...job }, [{ registry: ecr, username: '', password: '', ecr: true }]],
  [{ image: `${ecr}/app`, registry: ecr, ...job }, [{ registry: ecr, username: '', password: '', ecr: true }]],
  [
    { image: `${ecr}/app`, registry: ecr, username: 'AWS', password: 'p' },
    [{ registry: ecr, username: 'AWS', password: 'p' }],
  ],
  // Docker Hub by OIDC
  [{ image: 'acme/app', username: 'a', ...connection }, [{ registry: 'docker.io', ...hub }]],
  [{ image: 'acme/app', registry: 'docker.io', username: 'a', ...connection }, [{ registry: 'docker.io', ...hub }]],
  [{ image: 'acme/app', ...a, ...connection }, [{ registry: 'docker.io', ...a }]],
  [{ image: 'quay.io/acme/app', username: 'a', ...connection }, 'password'],
  // Several logins
  [{ image: 'acme/app', 'registry-auth': '- {username: a, password: b}' }, [{ registry: 'docker.io', ...a }]],
  [
    {
      image: 'acme/app',
      'registry-auth': '- {username: a, password: b}\n- {registry: ghcr.io, username: a, password: b}',
    },
    [
      { registry: 'docker.io', ...a },
      { registry: 'ghcr.io', ...a },
    ],
  ],
  [
    {
      image: 'ghcr.io/acme/app',
      'registry-auth': '- {registry: ghcr.io, username: a, password: b, scope: acme/app@push}',
    },
    [{ registry: 'ghcr.io', ...a, scope: 'acme/app@push' }],
  ],
  [
    { image: 'acme/app', 'registry-auth': '- {registry: ghcr.io, username: a, password: b, scope: "@push"}' },
    [{ registry: 'ghcr.io', ...a, scope: '@push' }],
  ],
  [
    { image: 'acme/app', 'registry-auth': `- {registry: ${ecr}}` },
    [{ registry: ecr, username: '', password: '', ecr: true }],
  ],
  [{ image: 'acme/app', ...a, 'registry-auth': '- {username: a, password: b}' }, 'registry-auth'],
  [{ image: 'acme/app', 'registry-auth': 'nonsense' }, 'registry-auth'],
  [{ image: 'acme/app', 'registry-auth': '- {username: a}' }, 'registry-auth'],
]
