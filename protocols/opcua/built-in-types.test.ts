/**
 * Built-in types against hexadecimal written from OPC 10000-6 §5.2: one case a line, and for every
 * type that no bytes make its decoder throw or read past the end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cpuMsOf } from '../../hil-tests/machine-load.ts';
import type { Digest } from '../decoded.ts';
import { ByteReader } from './byte-reader.ts';
import { dateTime } from './date-time.ts';
import { diagnosticInfo } from './diagnostic-info.ts';
import { unknownExtensionObject } from './extension-object.ts';
import { expandedNodeId, nodeId, secretNodeId } from './node-id.ts';
import * as scalars from './scalars.ts';
import { statusCode } from './status-code.ts';
import type { Decoder } from './structure.ts';
import { byteString, localizedText, qualifiedName, secretLength, string } from './text.ts';
import { dataValue, variant } from './variant.ts';

const digest: Digest = {
  pseudonym: (_bytes, _offset, length) => `p${length}`,
  sha256: (_bytes, _offset, length) => `s${length}`,
};

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
}

function reader(bytes: Uint8Array, isTruncated = false): ByteReader {
  return new ByteReader({ bytes, offset: 0, length: bytes.length }, isTruncated, digest);
}

const GOOD = { code: 0, name: 'Good' };

interface Case {
  readonly name: string;
  readonly decode: Decoder<unknown>;
  readonly wire: string;
  readonly expect: unknown;
}

// biome-ignore format: one case per line
const cases: readonly Case[] = [
  { name: 'Boolean true is any byte but 0', decode: scalars.boolean, wire: '02', expect: true },
  { name: 'SByte is signed', decode: scalars.sByte, wire: 'ff', expect: -1 },
  { name: 'Int16 is little-endian', decode: scalars.int16, wire: '0080', expect: -32768 },
  { name: 'UInt32 above 2^31 stays positive', decode: scalars.uint32, wire: 'ffffffff', expect: 4294967295 },
  { name: 'Int64 minimum is exact text', decode: scalars.int64, wire: '00000000 00000080', expect: '-9223372036854775808' },
  { name: 'Int64 -1', decode: scalars.int64, wire: 'ffffffffffffffff', expect: '-1' },
  { name: 'UInt64 maximum is exact text', decode: scalars.uint64, wire: 'ffffffffffffffff', expect: '18446744073709551615' },
  { name: 'Float of §5.2.2.3', decode: scalars.float, wire: '0000d0c0', expect: -6.5 },
  { name: 'Double', decode: scalars.double, wire: '0000000000404840', expect: 48.5 },
  { name: 'Double NaN is text', decode: scalars.double, wire: '000000000000f87f', expect: 'NaN' },
  { name: 'Double -Infinity is text', decode: scalars.double, wire: '000000000000f0ff', expect: '-Infinity' },
  { name: 'String of §5.2.2.4', decode: string, wire: '06000000 e6b0b4426f79', expect: '水Boy' },
  { name: 'String null is absent', decode: string, wire: 'ffffffff', expect: undefined },
  { name: 'String empty', decode: string, wire: '00000000', expect: '' },
  { name: 'String that is not UTF-8 keeps a character a byte', decode: string, wire: '02000000 c328', expect: 'Ã(' },
  { name: 'DateTime 0 is no time', decode: dateTime, wire: '0000000000000000', expect: undefined },
  { name: 'DateTime of 1970', decode: dateTime, wire: '00803ed5deb19d01', expect: '1970-01-01T00:00:00.000Z' },
  { name: 'DateTime beyond the calendar', decode: dateTime, wire: 'ffffffffffffff7f', expect: '9999-12-31T23:59:59Z' },
  { name: 'Guid of §5.2.2.6', decode: scalars.guid, wire: '912b9672 75fa e64a 8d28b404dc7daf63', expect: '72962b91-fa75-4ae6-8d28-b404dc7daf63' },
  { name: 'ByteString short is kept whole', decode: byteString, wire: '03000000 010203', expect: { byteCount: 3, bytesBase64: 'AQID' } },
  { name: 'ByteString long gets its hash', decode: byteString, wire: `41000000 ${'00'.repeat(65)}`, expect: { byteCount: 65, bytesBase64: `${'A'.repeat(85)}A==`.slice(0, 88), sha256: 's65' } },
  { name: 'a secret is only a length', decode: secretLength, wire: '03000000 010203', expect: 3 },
  { name: 'NodeId two byte of §5.2.2.9', decode: nodeId, wire: '0048', expect: 'i=72' },
  { name: 'NodeId four byte of §5.2.2.9', decode: nodeId, wire: '01050104', expect: 'ns=5;i=1025' },
  { name: 'NodeId numeric', decode: nodeId, wire: '02 0200 ffffffff', expect: 'ns=2;i=4294967295' },
  { name: 'NodeId string of §5.2.2.9', decode: nodeId, wire: '03 0100 06000000 486f74e6b0b4', expect: 'ns=1;s=Hot水' },
  { name: 'NodeId guid', decode: nodeId, wire: '04 0000 912b967275fae64a8d28b404dc7daf63', expect: 'g=72962b91-fa75-4ae6-8d28-b404dc7daf63' },
  { name: 'NodeId opaque', decode: nodeId, wire: '05 0100 02000000 beef', expect: 'ns=1;b=vu8=' },
  { name: 'NodeId may not carry a namespace URI', decode: nodeId, wire: '80 01', expect: undefined },
  { name: 'ExpandedNodeId with URI and server', decode: expandedNodeId, wire: 'c1 00 0a00 01000000 75 07000000', expect: 'svr=7;nsu=u;i=10' },
  { name: 'authenticationToken is a pseudonym', decode: secretNodeId, wire: '02 0100 04030201', expect: 'hash:p7' },
  { name: 'authenticationToken null is absent', decode: secretNodeId, wire: '0000', expect: undefined },
  { name: 'StatusCode good', decode: statusCode, wire: '00000000', expect: GOOD },
  { name: 'StatusCode with its parts', decode: statusCode, wire: '00003480', expect: { code: 0x80340000, name: 'BadNodeIdUnknown', severity: 2, subCode: 0x34 } },
  { name: 'StatusCode with data value bits', decode: statusCode, wire: '81 c6 00 00', expect: { code: 0xc681, name: 'Good', severity: 0, subCode: 0, structureChanged: true, semanticsChanged: true, infoType: 1, limitBits: 2, overflow: true, historianBits: 1 } },
  { name: 'StatusCode without a name', decode: statusCode, wire: '0000ff8f', expect: { code: 0x8fff0000, name: '0x8FFF0000', severity: 2, subCode: 0xfff } },
  { name: 'QualifiedName', decode: qualifiedName, wire: '0100 01000000 41', expect: { namespaceIndex: 1, name: 'A' } },
  { name: 'LocalizedText: locale first', decode: localizedText, wire: '03 02000000 656e 01000000 41', expect: { locale: 'en', text: 'A' } },
  { name: 'ExtensionObject null', decode: unknownExtensionObject, wire: '0000 00', expect: undefined },
  { name: 'ExtensionObject unknown', decode: unknownExtensionObject, wire: '01000a00 01 02000000 0102', expect: { typeId: 'i=10', encoding: 'binary', bodyBytes: 2 } },
  { name: 'DiagnosticInfo: locale stands before localizedText', decode: diagnosticInfo, wire: '0c 07000000 08000000', expect: { locale: 7, localizedText: 8 } },
  { name: 'DiagnosticInfo inner', decode: diagnosticInfo, wire: '60 00003480 10 01000000 41', expect: { innerStatusCode: { code: 0x80340000, name: 'BadNodeIdUnknown', severity: 2, subCode: 0x34 }, innerDiagnosticInfo: { additionalInfo: 'A' } } },
  { name: 'DiagnosticInfo index -1 is none', decode: diagnosticInfo, wire: '01 ffffffff', expect: {} },
  { name: 'Variant null', decode: variant, wire: '00', expect: { type: 'Null' } },
  { name: 'Variant scalar', decode: variant, wire: '0b 0000000000404840', expect: { type: 'Double', value: 48.5 } },
  { name: 'Variant array', decode: variant, wire: '85 02000000 0100 0200', expect: { type: 'UInt16', value: [1, 2], arrayLength: 2 } },
  { name: 'Variant matrix', decode: variant, wire: 'c3 04000000 01020304 02000000 02000000 02000000', expect: { type: 'Byte', value: [1, 2, 3, 4], arrayLength: 4, arrayDimensions: [2, 2] } },
  { name: 'Variant null array', decode: variant, wire: '86 ffffffff', expect: { type: 'Int32' } },
  { name: 'Variant with a null String in its list', decode: variant, wire: '8c 02000000 ffffffff 01000000 41', expect: { type: 'String', value: ['', 'A'], arrayLength: 2 } },
  { name: 'Variant type 26 is a ByteString', decode: variant, wire: '1a 01000000 ff', expect: { type: 'ByteString', value: { byteCount: 1, bytesBase64: '/w==' } } },
  { name: 'Variant type 32 is illegal', decode: variant, wire: '20', expect: undefined },
  { name: 'Variant list of Null is illegal', decode: variant, wire: '80 ffffff7f', expect: undefined },
  { name: 'Variant in a Variant', decode: variant, wire: '98 01000000 03 07', expect: { type: 'Variant', value: [{ type: 'Byte', value: 7 }], arrayLength: 1 } },
  { name: 'DataValue empty is good', decode: dataValue, wire: '00', expect: { status: GOOD } },
  { name: 'DataValue in wire order', decode: dataValue, wire: '3f 03 07 00003480 00803ed5deb19d01 0100 00803ed5deb19d01 0200', expect: { value: { type: 'Byte', value: 7 }, status: { code: 0x80340000, name: 'BadNodeIdUnknown', severity: 2, subCode: 0x34 }, sourceTimestamp: '1970-01-01T00:00:00.000Z', sourcePicoseconds: 1, serverTimestamp: '1970-01-01T00:00:00.000Z', serverPicoseconds: 2 } },
];

for (const { name, decode, wire, expect } of cases) {
  test(name, () => {
    const bytes = bytesOf(wire);
    const whole = reader(bytes);
    assert.deepEqual(decode(whole), expect);
    if (expect !== undefined) assert.equal(whole.position, bytes.length, 'reads to the end');
  });
}

test('every prefix of every case stops at its end, and says so', () => {
  for (const { decode, wire } of cases) {
    const bytes = bytesOf(wire);
    for (let length = 0; length < bytes.length; length++) {
      const cut = reader(bytes.subarray(0, length));
      decode(cut);
      assert.ok(cut.isStopped, `${wire} cut at ${length}`);
      assert.equal(cut.position, length);
      const known = reader(bytes.subarray(0, length), true);
      decode(known);
      if (!/illegal/i.test(known.faults[0]?.name ?? '')) assert.equal(known.status, 'partial');
    }
  }
});

test('any bytes: no decoder throws or reads past the end', () => {
  const decoders = [...new Set(cases.map(({ decode }) => decode))];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(decoders.length - 1), (bytes, index) => {
      const surrounded = new Uint8Array([...bytes, 0xa5, 0xa5, 0xa5, 0xa5]);
      const span = { bytes: surrounded, offset: 0, length: bytes.length };
      const any = new ByteReader(span, false, digest);
      decoders[index](any);
      assert.ok(any.position <= bytes.length);
    }),
    { numRuns: 3000 },
  );
});

test('a text over the limit is cut between characters', () => {
  const bytes = new Uint8Array(4 + 300);
  bytes[0] = 300 & 0xff;
  bytes[1] = 1;
  bytes.fill(0x41, 4, 4 + 255);
  bytes.set([0xe6, 0xb0, 0xb4], 4 + 255);
  bytes.fill(0x42, 4 + 258);
  const long = reader(bytes);
  assert.equal(string(long), 'A'.repeat(255));
  assert.deepEqual(long.faults, [{ name: 'valueTruncated', offsetBytes: 304 }]);
  assert.equal(long.status, 'partial');
});

test('lengths of 2 GB cost nothing', () => {
  for (const wire of [
    '8b ffffff7f',
    '0c ffffff7f',
    '86 ffffff7f',
    '97 ffffff7f',
    '98 ffffff7f 00',
  ]) {
    const huge = reader(bytesOf(wire));
    const tookMs = cpuMsOf(() => variant(huge));
    assert.equal(huge.status, 'malformed', wire);
    assert.ok(tookMs < 50, `${wire}: ${tookMs} ms`);
  }
});

test('10,000 levels of Variant and DiagnosticInfo end at the limit, as partial', () => {
  const variants = new Uint8Array(50_000);
  for (let at = 0; at < variants.length; at += 5) variants.set([0x98, 1, 0, 0, 0], at);
  const deep = reader(variants);
  variant(deep);
  assert.deepEqual([deep.status, deep.faults[0].name], ['partial', 'nestingTooDeep']);
  const infos = reader(new Uint8Array(10_000).fill(0x40));
  diagnosticInfo(infos);
  assert.deepEqual([infos.status, infos.faults[0].name], ['partial', 'nestingTooDeep']);
});

test('more items than the limit are read past, counted by arrayLength and not built', () => {
  const bytes = new Uint8Array(5 + 10_000 + 1);
  bytes.set([0x81, 10_000 & 0xff, 10_000 >> 8, 0, 0]);
  const many = reader(bytes);
  const value = variant(many);
  assert.equal(value?.arrayLength, 10_000);
  assert.equal(Array.isArray(value?.value) && value.value.length, 4096);
  assert.equal(many.position, bytes.length - 1, 'goes on behind the list');
  assert.deepEqual(
    many.faults.map(({ name }) => name),
    ['itemsTooMany'],
  );
});

test('DateTime is what the calendar says, in any order of days', () => {
  const firstMs = Date.UTC(1601, 0, 1) + 1;
  fc.assert(
    fc.property(
      fc.integer({ min: firstMs, max: Date.UTC(9999, 11, 31) }),
      fc.nat(9999),
      (ms, ticks) => {
        const bytes = new Uint8Array(8);
        const sinceFirst = BigInt(ms - firstMs + 1) * 10_000n + BigInt(ticks);
        new DataView(bytes.buffer).setBigInt64(0, sinceFirst, true);
        assert.equal(dateTime(reader(bytes)), new Date(ms).toISOString());
      },
    ),
    { numRuns: 500 },
  );
});
