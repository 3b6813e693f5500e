/** Which code an operator sees for which refusal of the kernel, and that each says what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as faults from './capture-faults.ts';

const RING_BYTES = 8 * 1024 * 1024;

// biome-ignore format: one case per line
const cases = [
  { name: 'no capability',                step: 'socket',                errno: 'EPERM',           code: 'CAPTURE_PERMISSION_MISSING', remedy: /setcap cap_net_raw\+ep .*root/ },
  { name: 'a security module says no',    step: 'bind',                  errno: 'EACCES',          code: 'CAPTURE_PERMISSION_MISSING', remedy: /AmbientCapabilities=CAP_NET_RAW/ },
  { name: 'kernel without CONFIG_PACKET', step: 'socket',                errno: 'EAFNOSUPPORT',    code: 'CAPTURE_AF_PACKET_MISSING',  remedy: /CONFIG_PACKET/ },
  { name: 'sandbox without the call',     step: 'socket',                errno: 'ENOSYS',          code: 'CAPTURE_AF_PACKET_MISSING',  remedy: /RestrictAddressFamilies=/ },
  { name: 'kernel before 3.2',            step: 'PACKET_VERSION',        errno: 'EINVAL',          code: 'CAPTURE_RING_REFUSED',       remedy: /Linux 3\.2/ },
  { name: 'emulated kernel',              step: 'PACKET_RX_RING',        errno: 'ENOPROTOOPT',     code: 'CAPTURE_RING_REFUSED',       remedy: /TPACKET_V3 is missing/ },
  { name: 'no memory for the ring',       step: 'PACKET_RX_RING',        errno: 'ENOMEM',          code: 'CAPTURE_RING_REFUSED',       remedy: /8 MiB: lower capture\.ringMiB/ },
  { name: 'no room to map it',            step: 'mmap',                  errno: 'EAGAIN',          code: 'CAPTURE_RING_REFUSED',       remedy: /lower capture\.ringMiB/ },
  { name: 'no descriptors left',          step: 'socket',                errno: 'EMFILE',          code: 'CAPTURE_SOCKET_REFUSED',     remedy: /open files/ },
  { name: 'a filter that is too long',    step: 'SO_ATTACH_FILTER',      errno: 'ENOMEM',          code: 'CAPTURE_SOCKET_REFUSED',     remedy: /kernel log/ },
] as const;

for (const { name, step, errno, code, remedy } of cases) {
  test(`capture fault: ${name} is ${code}`, () => {
    const fault = faults.openingFault('eth1', step, errno, RING_BYTES);
    assert.equal(fault.code, code);
    assert.match(fault.problem, new RegExp(errno));
    assert.match(fault.remedy, remedy);
  });
}

test('capture fault: a missing interface is quoted, and those that exist are listed', () => {
  const fault = faults.interfaceMissing('eth9', ['eth0', 'lo']);
  assert.match(fault.problem, /"eth9"/);
  assert.match(fault.remedy, /eth0, lo/);
});

test('capture fault: an interface that is down goes on by itself', () => {
  const fault = faults.interfaceDown('eth1');
  assert.equal(fault.code, 'CAPTURE_INTERFACE_DOWN');
  assert.match(fault.remedy, /ip link set eth1 up.*by itself/);
});

test('capture fault: a tunnel is not Ethernet', () => {
  const fault = faults.linkTypeUnsupported('tun0', 65_534);
  assert.equal(fault.code, 'CAPTURE_LINK_TYPE_UNSUPPORTED');
  assert.match(fault.problem, /"tun0".*65534/);
});
