import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './addresses.ts';

describe('anyone may call', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '172.15.0.1',
    '172.32.0.1',
    '193.0.0.1',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:80b::200e',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ])('%s', (address) => expect(isPublicAddress(address)).toBe(true));
});

describe('inside is', () => {
  it.each([
    ['this network', '0.0.0.0', '0.1.2.3'],
    ['loopback', '127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd00:ec2::254'],
    ['link-local and metadata', '169.254.0.1', '169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
    ['shared by carriers', '100.64.0.1', '100.100.100.200', '100.127.255.255'],
    ['the platform of Azure', '168.63.129.16', '::ffff:168.63.129.16'],
    ['for protocols', '192.0.0.1', '192.0.0.192', '192.88.99.1', '2001::1', '2001:20::1', '100::1'],
    ['for documentation', '192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
    ['for benchmarks', '198.18.0.1', '198.19.255.255', '2001:2::1'],
    ['multicast', '224.0.0.1', '239.255.255.255', 'ff02::1'],
    ['reserved or broadcast', '240.0.0.1', '255.255.255.255', '::', 'fec0::1', '4000::1', '5f00::1', 'c000::1'],
    ['IPv4 inside IPv6, mapped', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe'],
    ['IPv4 inside IPv6, compatible', '::127.0.0.1', '::7f00:1', '::8.8.8.8', '::808:808'],
    ['IPv4 inside IPv6, translated', '::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8'],
    [
      'IPv4 inside IPv6, NAT64',
      '64:ff9b::127.0.0.1',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::8.8.8.8',
      '64:ff9b:0:1::8.8.8.8',
    ],
    ['IPv4 inside IPv6, 6to4', '2002:7f00:1::', '2002:a00:1::1', '2002:808:808::1'],
    ['IPv4 inside IPv6, Teredo', '2001:0:53aa:64c:0:fbff:80ff:fffe', '2001:0:808:808::1'],
    ['IPv4 inside IPv6, ISATAP', '::5efe:127.0.0.1', 'fe80::5efe:127.0.0.1'],
    [
      'no address',
      '',
      'localhost',
      'example.com',
      '127.1',
      '0x7f.0.0.1',
      '010.0.0.1',
      '2130706433',
      '8.8.8.8 ',
      '[::1]',
    ],
  ])('%s', (_, ...addresses) => {
    for (const address of addresses) expect([address, isPublicAddress(address)]).toEqual([address, false]);
  });
});
