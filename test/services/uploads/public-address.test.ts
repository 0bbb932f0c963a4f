import t from 'tap'
import { isPublicAddress } from '../../../services/uploads/public-address.ts'

/** First and last address of every special network, and their neighbours outside. */
const SPECIAL_IPV4 = [
  { inside: ['0.0.0.0', '0.255.255.255'], outside: ['1.0.0.0'] },
  { inside: ['10.0.0.0', '10.255.255.255'], outside: ['9.255.255.255', '11.0.0.0'] },
  { inside: ['100.64.0.0', '100.127.255.255'], outside: ['100.63.255.255', '100.128.0.0'] },
  { inside: ['127.0.0.0', '127.0.0.1', '127.255.255.255'], outside: ['126.255.255.255', '128.0.0.0'] },
  { inside: ['168.63.129.16'], outside: ['168.63.129.15', '168.63.129.17'] },
  { inside: ['169.254.0.0', '169.254.169.254', '169.254.255.255'], outside: ['169.253.255.255', '169.255.0.0'] },
  { inside: ['172.16.0.0', '172.31.255.255'], outside: ['172.15.255.255', '172.32.0.0'] },
  { inside: ['192.0.0.0', '192.0.0.255'], outside: ['191.255.255.255', '192.0.1.0'] },
  { inside: ['192.0.2.0', '192.0.2.255'], outside: ['192.0.1.255', '192.0.3.0'] },
  { inside: ['192.88.99.0', '192.88.99.255'], outside: ['192.88.98.255', '192.88.100.0'] },
  { inside: ['192.168.0.0', '192.168.255.255'], outside: ['192.167.255.255', '192.169.0.0'] },
  { inside: ['198.18.0.0', '198.19.255.255'], outside: ['198.17.255.255', '198.20.0.0'] },
  { inside: ['198.51.100.0', '198.51.100.255'], outside: ['198.51.99.255', '198.51.101.0'] },
  { inside: ['203.0.113.0', '203.0.113.255'], outside: ['203.0.112.255', '203.0.114.0'] },
  { inside: ['224.0.0.0', '239.255.255.255', '240.0.0.0', '255.255.255.255'], outside: ['223.255.255.255'] }
]

const publicIpv6 = [
  '2000::', '2001:200::', '2001:db7:ffff::1', '2001:db9::', '2001:4860:4860::8888', '2003::', '2606:4700::1111',
  '3ffe:ffff::1', '3fff:1000::'
]

const specialIpv6 = {
  unspecified: ['::', '0:0:0:0:0:0:0:0'],
  loopback: ['::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001'],
  'mapped IPv4': ['::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:127.0.0.1', '::FFFF:8.8.8.8', '::ffff:0:0'],
  'compatible IPv4': ['::127.0.0.1', '::7f00:1', '::8.8.8.8'],
  'translated IPv4': ['::ffff:0:127.0.0.1', '64:ff9b:1::127.0.0.1', '64:ff9b:1::8.8.8.8', '64:ff9b:0:1::8.8.8.8'],
  'discard-only': ['100::1', '100:0:0:1::1'],
  'IETF protocols': [
    '2001::', '2001:1::1', '2001:2::1', '2001:10::1', '2001:20::1', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'
  ],
  Teredo: ['2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  '6to4': ['2002::', '2002:7f00:1::', '2002:a00:1::1', '2002:808:808::1', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  documentation: ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '3fff::', '3fff:fff:ffff::1'],
  'not given to anybody': ['200::1', '1fff:ffff::1', '4000::', '5f00::1', '8000::1', 'f000::1'],
  'unique local': ['fc00::', 'fd00:ec2::254', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'link-local': ['fe80::1', 'febf::1', 'FE80::1'],
  'site-local': ['fec0::1', 'feff::1'],
  multicast: ['ff00::', 'ff02::1', 'ff0e::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']
}

t.test('excludes every special IPv4 network from its first to its last address', async t => {
  for (const { inside, outside } of SPECIAL_IPV4) {
    for (const address of inside) t.equal(isPublicAddress(address), false, address)
    for (const address of outside) t.equal(isPublicAddress(address), true, address)
  }
  for (const address of ['1.1.1.1', '8.8.8.8', '93.184.216.34']) t.equal(isPublicAddress(address), true, address)
})

t.test('accepts only global unicast addresses of IPv6', async t => {
  for (const address of publicIpv6) t.equal(isPublicAddress(address), true, address)
  for (const [kind, addresses] of Object.entries(specialIpv6)) {
    for (const address of addresses) t.equal(isPublicAddress(address), false, `${address} (${kind})`)
  }
})

t.test('checks the IPv4 address in a NAT64 address', async t => {
  for (const { inside, outside } of SPECIAL_IPV4) {
    for (const address of inside) t.equal(isPublicAddress(`64:ff9b::${address}`), false, `64:ff9b::${address}`)
    for (const address of outside) t.equal(isPublicAddress(`64:ff9b::${address}`), true, `64:ff9b::${address}`)
  }
  t.equal(isPublicAddress('64:ff9b::7f00:1'), false)
  t.equal(isPublicAddress('0064:ff9b:0000:0000:0000:0000:0a00:0001'), false)
  t.equal(isPublicAddress('64:ff9b::808:808'), true)
})

t.test('refuses texts that are not addresses, and addresses with a zone', async t => {
  const others = [
    '', ' ', 'localhost', 'example.com', '8.8.8', '8.8.8.8.', '8.8.8.8 ', '8.8.8.8/32', '8.8.8.8:80', '0x8.8.8.8',
    '010.8.8.8', '134744072', '[2606:4700::1111]', '2606:4700::1111%eth0', 'fe80::1%eth0', '2606:4700::1111%',
    '2606:4700:::1', '::ffff:8.8.8', 'null'
  ]
  for (const text of others) t.equal(isPublicAddress(text), false, JSON.stringify(text))
})
