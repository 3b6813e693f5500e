/**
 * The kernel's filter, run here by an interpreter of classic BPF: what is ours is refused in both
 * directions, and everything else passes, also what is cut or hostile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as filter from './exclude-filter.ts';

/** Bytes that the kernel would keep. As there, a load past the end of the frame refuses it. */
function runFilter(program: readonly filter.FilterInstruction[], frame: Uint8Array): number {
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, ifTrue, ifFalse, operand } = program[at];
    const load = (offset: number, bytes: number): boolean => {
      if (offset + bytes > frame.length) return false;
      a = 0;
      for (let each = 0; each < bytes; each++) a = a * 256 + frame[offset + each];
      return true;
    };
    switch (code) {
      case filter.LOAD_BYTE:
        if (!load(operand, 1)) return 0;
        break;
      case filter.LOAD_HALF:
        if (!load(operand, 2)) return 0;
        break;
      case filter.LOAD_WORD:
        if (!load(operand, 4)) return 0;
        break;
      case filter.LOAD_HALF_INDEXED:
        if (!load(operand + x, 2)) return 0;
        break;
      case filter.LOAD_LENGTH:
        a = frame.length;
        break;
      case filter.LOAD_MEMORY:
        a = memory[operand];
        break;
      case filter.STORE_MEMORY:
        memory[operand] = a;
        break;
      case filter.LOAD_X_HEADER_BYTES:
        if (operand >= frame.length) return 0;
        x = 4 * (frame[operand] & 15);
        break;
      case filter.SUBTRACT_X:
        a = (a - x) >>> 0;
        break;
      case filter.JUMP:
        at += operand;
        break;
      case filter.JUMP_EQUAL:
        at += a === operand ? ifTrue : ifFalse;
        break;
      case filter.JUMP_AT_LEAST:
        at += a >= operand ? ifTrue : ifFalse;
        break;
      case filter.JUMP_AT_LEAST_X:
        at += a >= x ? ifTrue : ifFalse;
        break;
      case filter.JUMP_ANY_BIT:
        at += (a & operand) !== 0 ? ifTrue : ifFalse;
        break;
      case filter.RETURN:
        return operand;
      default:
        throw new Error(`no such operation 0x${code.toString(16)}`);
    }
  }
  throw new Error('the program ran past its end');
}

const bytesOf = (wire: string): Uint8Array =>
  Uint8Array.from(Buffer.from(wire.replaceAll(/[ |]/g, ''), 'hex'));
const passes = (exclusions: readonly filter.Exclusion[], frame: Uint8Array): boolean =>
  runFilter(filter.excludeFilter(exclusions), frame) >= frame.length && frame.length > 0;

const MAC = '020000000002 020000000001';
const V4 = `${MAC} 0800 | 45 00 0028 0000 4000 40 06 0000`;
const V4_OPTIONS = `${MAC} 0800 | 46 00 002c 0000 4000 40 06 0000`;
const HUB = 'c6336407';
const OWN = '0a000005';
const V6 = `${MAC} 86dd | 60000000 0014 06 40`;
const HUB6 = '20010db8000000000000000000000007';
const OWN6 = 'fe800000000000000000000000000001';
const MQTTS = '22b3';
const ANY = 'c001';
const REST = '00000000 00000000 5018 7fff 0000 0000';
const hub = [{ ipAddress: '198.51.100.7', port: 8883 }];
const hub6 = [{ ipAddress: '2001:db8::7', port: 8883 }];
const anyHost = [{ port: 8883 }];

// biome-ignore format: one case per line
const cases = [
  { name: 'to the hub over IPv4',                         exclude: hub,  passes: false, wire: `${V4} ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'from the hub over IPv4',                       exclude: hub,  passes: false, wire: `${V4} ${HUB} ${OWN} | ${MQTTS} ${ANY} ${REST}` },
  { name: 'behind IPv4 options',                          exclude: hub,  passes: false, wire: `${V4_OPTIONS} ${OWN} ${HUB} 01010100 | ${ANY} ${MQTTS} ${REST}` },
  { name: 'to the hub over IPv6',                         exclude: hub6, passes: false, wire: `${V6} ${OWN6} ${HUB6} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'from the hub over IPv6',                       exclude: hub6, passes: false, wire: `${V6} ${HUB6} ${OWN6} | ${MQTTS} ${ANY} ${REST}` },
  { name: 'a port on any address, IPv4',                  exclude: anyHost, passes: false, wire: `${V4} ${OWN} ${OWN} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'a port on any address, IPv6, back',            exclude: anyHost, passes: false, wire: `${V6} ${OWN6} ${OWN6} | ${MQTTS} ${ANY} ${REST}` },
  { name: 'the last of many entries',                     exclude: [...Array.from({ length: 31 }, (_, at) => ({ ipAddress: `2001:db8::1:${at}`, port: 1 })), ...hub6], passes: false, wire: `${V6} ${OWN6} ${HUB6} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'an IPv4 address mapped into IPv6',             exclude: [{ ipAddress: '::ffff:198.51.100.7', port: 8883 }], passes: false, wire: `${V4} ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'an address with its zone',                     exclude: [{ ipAddress: 'fe80::1%eth0', port: 8883 }], passes: false, wire: `${V6} ${HUB6} ${OWN6} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'the hub at another port',                      exclude: hub,  passes: true,  wire: `${V4} ${OWN} ${HUB} | ${ANY} 01f6 ${REST}` },
  { name: 'another host at the port',                     exclude: hub,  passes: true,  wire: `${V4} ${OWN} c6336408 | ${ANY} ${MQTTS} ${REST}` },
  { name: 'the port on the wrong side',                   exclude: hub,  passes: true,  wire: `${V4} ${OWN} ${HUB} | ${MQTTS} ${ANY} ${REST}` },
  { name: 'another host over IPv6, last word differs',    exclude: hub6, passes: true,  wire: `${V6} ${OWN6} 20010db8000000000000000000000008 | ${ANY} ${MQTTS} ${REST}` },
  { name: 'UDP at the port',                              exclude: hub,  passes: true,  wire: `${MAC} 0800 | 45 00 0028 0000 4000 40 11 0000 ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'a first fragment',                             exclude: hub,  passes: true,  wire: `${MAC} 0800 | 45 00 0028 0000 2000 40 06 0000 ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'a later fragment',                             exclude: hub,  passes: true,  wire: `${MAC} 0800 | 45 00 0028 0000 0010 40 06 0000 ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'a VLAN tag in the bytes',                      exclude: hub,  passes: true,  wire: `${MAC} 8100 0064 0800 | 45 00 0028 0000 4000 40 06 0000 ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'IPv6 with an extension header',                exclude: hub6, passes: true,  wire: `${MAC} 86dd | 60000000 0014 2c 40 ${OWN6} ${HUB6} | ${ANY} ${MQTTS} ${REST}` },
  { name: 'ARP',                                          exclude: hub,  passes: true,  wire: `${MAC} 0806 0001 0800 0604 0001` },
  { name: 'an IPv4 header longer than its frame',         exclude: hub,  passes: true,  wire: `${MAC} 0800 | 4f 00 0028 0000 4000 40 06 0000 ${OWN} ${HUB} | ${ANY} ${MQTTS}` },
  { name: 'an IPv4 frame cut before its addresses',       exclude: hub,  passes: true,  wire: `${MAC} 0800 | 45 00 0028 0000` },
  { name: 'an IPv6 frame cut before its ports',           exclude: hub6, passes: true,  wire: `${V6} ${OWN6} ${HUB6}` },
  { name: 'a frame cut inside its Ethernet header',       exclude: hub,  passes: true,  wire: '0200000000' },
  { name: 'anything when nothing is excluded',            exclude: [],   passes: true,  wire: `${V4} ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}` },
] as const;

for (const { name, exclude, passes: expected, wire } of cases) {
  test(`filter: ${expected ? 'keeps' : 'refuses'} ${name}`, () => {
    assert.equal(passes(exclude, bytesOf(wire)), expected);
  });
}

test('filter: every prefix of our own frame that ends before the ports is kept', () => {
  const whole = bytesOf(`${V4} ${OWN} ${HUB} | ${ANY} ${MQTTS} ${REST}`);
  for (let length = 1; length < whole.length; length++) {
    assert.equal(passes(hub, whole.subarray(0, length)), length < 14 + 20 + 4, `${length} bytes`);
  }
});

test('filter: 64 KiB of one frame are kept whole', () => {
  const frame = new Uint8Array(65_550);
  frame.set(bytesOf(`${V4} ${OWN} ${OWN} | ${ANY} ${ANY} ${REST}`));
  assert.equal(passes(hub, frame), true);
});

test('filter: a name where an address belongs is our own mistake', () => {
  assert.throws(() => filter.excludeFilter([{ ipAddress: 'hub.example', port: 8883 }]), /resolve/);
});

test('filter: each frame without the port passes, whatever its bytes', () => {
  const program = filter.excludeFilter([...hub, ...hub6, ...anyHost]);
  const header = fc.constantFrom(...[V4, V6, MAC].map((wire) => [...bytesOf(wire)]));
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 90 }), (start, rest) => {
      const frame = Uint8Array.from([...start, ...rest.filter((byte) => byte !== 0xb3)]);
      assert.equal(runFilter(program, frame), filter.KEEP_ALL);
    }),
    { numRuns: 500 },
  );
});

test('filter: the bytes for the kernel are struct sock_filter, little-endian', () => {
  const bytes = filter.encodeFilter([{ code: 0x15, ifTrue: 1, ifFalse: 2, operand: 0x86dd }]);
  assert.equal(Buffer.from(bytes).toString('hex'), '15000102dd860000');
});
