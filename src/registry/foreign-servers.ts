import { findErrorCode, type RawFetch } from '../lib/http.ts'
import { isLocalHost, localAddressCode } from '../lib/local-address.ts'
import { serverHost } from './base-url.ts'

/**
 * A registry names other servers: in redirects, as token server and for uploads. None of them may be this machine or a
 * metadata service, whose answers would otherwise reach that registry or a second one. A registry on this machine may
 * name others on it.
 */
export function protectLocalServers(raw: RawFetch, registry: string): RawFetch {
  const { hostname } = new URL(`https://${serverHost(registry)}`)
  let isLocal: Promise<boolean> | undefined
  const isRegistryLocal = () => (isLocal ??= isLocalHost(hostname))
  return async (url, init) => {
    if (new URL(url).hostname === hostname) return await raw(url, init)
    const isStream = typeof init.body === 'object' && !(init.body instanceof Uint8Array)
    // A stream could not be sent again.
    if (isStream) return await raw(url, { ...init, isForeign: !(await isRegistryLocal()) })
    try {
      return await raw(url, { ...init, isForeign: true })
    } catch (error) {
      if (findErrorCode(error) === localAddressCode && (await isRegistryLocal())) return await raw(url, init)
      throw error
    }
  }
}
