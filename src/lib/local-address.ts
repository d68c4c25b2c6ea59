import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Addresses of this machine, of its link, and of the metadata services of clouds. */
const local = new BlockList()
local.addSubnet('0.0.0.0', 8)
local.addSubnet('127.0.0.0', 8)
local.addSubnet('169.254.0.0', 16)
local.addAddress('168.63.129.16')
local.addAddress('100.100.100.200')
local.addSubnet('::', 127, 'ipv6')
local.addSubnet('fe80::', 10, 'ipv6')
local.addAddress('fd00:ec2::254', 'ipv6')

/** Begins as the codes of errors that do not change within minutes. */
export const localAddressCode = 'ERR_INVALID_LOCAL_ADDRESS'

/** Whether an address, without brackets, is of this machine, its link or a metadata service. */
export function isLocalAddress(address: string): boolean {
  return local.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function localAddressError(host: string): Error {
  const message = `${host}, an address of this machine or of the metadata service of a cloud`
  return Object.assign(new Error(message), { code: localAddressCode })
}

/** @throws if a URL contains a local address; for a name, `lookupPublic` decides */
export function refuseLocalUrl({ hostname, host }: URL): void {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0 && isLocalAddress(address)) throw localAddressError(host)
}

/** Resolves a name for a connection; an error if one of its addresses is local. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) callback(error, [])
    else if (addresses.some(({ address }) => isLocalAddress(address))) callback(localAddressError(hostname), [])
    else if (options.all === true) callback(null, addresses)
    else callback(null, addresses[0]?.address ?? '', addresses[0]?.family)
  })
}

/** Whether a host, given as an address or a name, is this machine; false if the name is not known. */
export async function isLocalHost(hostname: string): Promise<boolean> {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0) return isLocalAddress(address)
  return await new Promise((resolve) => {
    lookup(address, { all: true }, (error, addresses) => {
      resolve(error === null && addresses.some((one) => isLocalAddress(one.address)))
    })
  })
}
