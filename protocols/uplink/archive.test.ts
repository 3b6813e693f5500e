/** Archives piece by piece: whole, cut at every byte, with flipped bits, and as arbitrary bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type ArchiveItem,
  ArchiveReader,
  type ArchiveRecord,
  encodeArchiveRecord,
} from './archive.ts';
import { sampleSigner } from './sample-keys.ts';

const signer = sampleSigner('agent');
const records: readonly ArchiveRecord[] = [
  { kind: 'begins', writer: 'agent', writtenAtMs: 1_790_000_000_000 },
  {
    kind: 'key',
    key: {
      role: 'agent',
      signerId: signer.signerId,
      keyNumber: 1,
      algorithm: 'Ed25519',
      publicKeyHex: Buffer.from(signer.publicKey).toString('hex'),
    },
  },
  { kind: 'message', bytes: Uint8Array.from({ length: 300 }, (_, at) => at & 0xff) },
  { kind: 'receipt', bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'advisory', bytes: new Uint8Array(0) },
];
const encoded = records.map(encodeArchiveRecord);
const file = Buffer.concat(encoded);
const ends = encoded.map((_, index) => Buffer.concat(encoded.slice(0, index + 1)).byteLength);

function read(bytes: Uint8Array, pieceBytes = bytes.byteLength || 1): ArchiveItem[] {
  const reader = new ArchiveReader();
  const items: ArchiveItem[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    items.push(...reader.push(bytes.subarray(at, at + pieceBytes)));
  }
  items.push(...reader.end());
  return items;
}

test('what was written is read, whatever the pieces', () => {
  for (const pieceBytes of [1, 7, 64, file.byteLength]) {
    const plain = read(file, pieceBytes).map(({ offset: _, ...record }) => record);
    assert.deepEqual(
      plain.map(({ kind }) => kind),
      records.map(({ kind }) => kind),
    );
    assert.deepEqual(plain[1], records[1]);
    assert.deepEqual(plain[2], records[2]);
  }
});

test('a file cut at any byte gives its whole records, and says that it was cut', () => {
  for (let cut = 0; cut <= file.byteLength; cut++) {
    const items = read(file.subarray(0, cut), 50);
    const whole = ends.filter((end) => end <= cut).length;
    const isCut = cut > 0 && !ends.includes(cut);
    assert.equal(items.filter(({ kind }) => kind !== 'damaged').length, whole, `cut at ${cut}`);
    assert.deepEqual(
      items.filter((item) => item.kind === 'damaged').map((item) => item.reason),
      isCut ? ['cut'] : [],
    );
  }
});

test('a flipped bit costs one record, and the damage is told with its place', () => {
  for (let at = 0; at < file.byteLength; at++) {
    const damaged = Uint8Array.from(file);
    damaged[at] ^= 0x10;
    const items = read(damaged, 64);
    const whole = items.filter(({ kind }) => kind !== 'damaged').length;
    assert.equal(whole, records.length - 1, `byte ${at}`);
    const told = items.filter((item) => item.kind === 'damaged');
    assert.equal(told.length, 1, `byte ${at}`);
    assert.ok(told[0].offset <= at && told[0].offset + told[0].bytes > at, `byte ${at}`);
  }
});

test('a resumed writer goes on behind the last whole record', () => {
  const reader = new ArchiveReader();
  Array.from(reader.push(file.subarray(0, file.byteLength - 1)));
  assert.equal(reader.wholeUpTo, ends[ends.length - 2]);
});

test('any bytes: no throw, and every byte is in a record or in a damage', () => {
  const piece = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...encoded));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.integer({ min: 1, max: 90 }), (parts, by) => {
      const bytes = Buffer.concat(parts);
      let expectedAt = 0;
      for (const item of read(bytes, by)) {
        assert.ok(item.offset >= expectedAt);
        expectedAt = item.offset;
      }
    }),
  );
});
