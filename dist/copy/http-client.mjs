// Replaces @actions/http-client, which is half of a bundle, in the actions' bundles (see build.mjs). @actions/core
// needs it to request OIDC tokens, which these bundles do not do. @actions/github takes a proxy agent from it, and the
// API client in src/forge passes a fetch of its own, which knows proxies and private certificate authorities.
export class HttpClient {
  getAgent() {
    return undefined
  }

  getAgentDispatcher() {
    return undefined
  }
}

export class BearerCredentialHandler {}
