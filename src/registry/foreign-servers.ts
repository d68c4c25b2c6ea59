import { findErrorCode, type RawFetch } from '../lib/http.ts'
import { isLocalAddress, isLocalHost, localAddressCode } from '../lib/local-address.ts'
import { serverHost } from './base-url.ts'

/**
 * A registry names other servers: in redirects, as token server and for uploads. None of them may be this machine or a
 * metadata service, whose answers would otherwise reach that registry or a second one. A registry on this machine may
 * name others on it. Where it is, its connections show: a hostile name could have another address for each lookup. A
 * proxy hides them, and resolves the names of the other servers itself.
 */
export function protectLocalServers(raw: RawFetch, registry: string): RawFetch {
  const { hostname } = new URL(`https://${serverHost(registry)}`)
  const addresses: string[] = []
  const isRegistryLocal = async () =>
    addresses.length > 0 ? addresses.every(isLocalAddress) : await isLocalHost(hostname)
  return async (url, init) => {
    if (new URL(url).hostname === hostname) {
      const response = await raw(url, init)
      if (response.address !== undefined && !addresses.includes(response.address)) addresses.push(response.address)
      return response
    }
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
