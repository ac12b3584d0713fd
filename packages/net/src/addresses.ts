import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Public by the registries, but on every machine in Azure this address belongs to the platform itself. */
const AZURE_PLATFORM = '168.63.129.16';

/**
 * True for an address that anyone on the Internet could call: global unicast. An IPv6 address that the system or a NAT64
 * gateway turns into an IPv4 address counts as that IPv4 address; other transition formats are refused. Source: the
 * special-purpose address registries of IANA (RFC 6890), RFC 4291, RFC 6052.
 */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return isPublicV4(address);
    case 6:
      return isPublicV6(address);
    default:
      return false;
  }
}

function isPublicV4(address: string): boolean {
  return address !== AZURE_PLATFORM && ipaddr.IPv4.parse(address).range() === 'unicast';
}

function isPublicV6(address: string): boolean {
  // ipaddr.js reads `::1.2.3.4` as `::ffff:1.2.3.4`, which is another address. The form that URLs use has no such trap.
  const url = URL.parse(`http://[${address}]`);
  if (url === null) return false;
  const parsed = ipaddr.IPv6.parse(url.hostname.slice(1, -1));
  const range = parsed.range();
  const [first = 0, second = 0, third = 0] = parsed.parts;
  const isNat64 = first === 0x64 && second === 0xff9b && third === 0;
  if (range === 'ipv4Mapped' || (range === 'rfc6052' && isNat64)) {
    return isPublicV4(parsed.toByteArray().slice(12).join('.'));
  }
  const isGlobalUnicast = (first & 0xe000) === 0x2000;
  return isGlobalUnicast && range === 'unicast';
}
