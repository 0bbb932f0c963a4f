import { BlockList, isIP } from 'node:net'

/**
 * IPv4 networks that are not on the public internet: IANA's registry of special-purpose addresses (RFC 6890 and its
 * updates), multicast, and addresses in public space that clouds use internally.
 */
const SPECIAL_IPV4: ReadonlyArray<[network: string, prefix: number]> = [
  ['0.0.0.0', 8], // this network; Linux connects 0.0.0.0 to the local host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared by a carrier's customers
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // host of virtual machines at Azure
  ['169.254.0.0', 16], // link-local; metadata services of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // IETF protocols
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // relays of 6to4
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4] // reserved, broadcast
]

/** Global unicast addresses of IPv6 that do not belong to a machine on the public internet. */
const SPECIAL_IPV6: ReadonlyArray<[network: string, prefix: number]> = [
  ['2001::', 23], // IETF protocols; Teredo, benchmarks, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: contains an IPv4 address
  ['3fff::', 20] // documentation
]

/** Prefix with which DNS64 represents IPv4 hosts in networks that have only IPv6 (RFC 6052). */
const NAT64 = '64:ff9b::'
const NAT64_PREFIX = 96

const special = new BlockList()
for (const [network, prefix] of SPECIAL_IPV4) {
  special.addSubnet(network, prefix, 'ipv4')
  special.addSubnet(`${NAT64}${network}`, NAT64_PREFIX + prefix, 'ipv6')
}
for (const [network, prefix] of SPECIAL_IPV6) special.addSubnet(network, prefix, 'ipv6')

// All other IPv6 addresses are loopback, mapped or embedded IPv4, local, multicast, or unassigned.
const globalIpv6 = new BlockList()
globalIpv6.addSubnet('2000::', 3, 'ipv6')
globalIpv6.addSubnet(NAT64, NAT64_PREFIX, 'ipv6')

/**
 * Returns whether an address is on the public internet: not private, loopback, link-local, shared, multicast, reserved,
 * for documentation or otherwise special, and not an IPv6 form of such an IPv4 address.
 * @param address IPv4 with four decimal parts, or IPv6 without brackets. Any other text, also an address with a zone
 *   (`fe80::1%eth0`), is not public.
 */
export function isPublicAddress (address: string): boolean {
  if (address.includes('%')) return false
  const version = isIP(address)
  if (version === 4) return !special.check(address, 'ipv4')
  return version === 6 && globalIpv6.check(address, 'ipv6') && !special.check(address, 'ipv6')
}
