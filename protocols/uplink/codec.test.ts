/** The messages through their tables: round trips, limits, later versions, and the size promised. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { alertShape } from './alert.ts';
import { decodeCbor, encodeCbor, type WireValue } from './cbor.ts';
import { decodeAgentMessage, decodeReceipt, encodeAgentMessage, encodeReceipt } from './codec.ts';
import type { AgentMessage, Alert, Summary } from './messages.ts';
import { sealAgentMessage } from './open.ts';
import {
  sampleAdvisoryAnswer,
  sampleEvidence,
  sampleKeyRotation,
  sampleNextSigner,
  sampleRenewalRequest,
  sampleStatement,
  sampleSummaryDelta,
  sampleTombstone,
} from './sample-hub-messages.ts';
import { sampleSigner } from './sample-keys.ts';
import {
  busySummary,
  sampleAlert,
  sampleBytes,
  sampleConversation,
  sampleEpochBegins,
  sampleReceipt,
  sampleSummary,
} from './sample-messages.ts';
import { encodeShape } from './shape.ts';

const signer = sampleSigner('agent');
const ID = signer.signerId;

function roundTrip(message: AgentMessage): AgentMessage {
  const decoded = decodeAgentMessage(encodeAgentMessage(message));
  assert.equal(decoded.kind, 'message', JSON.stringify(decoded));
  return decoded.kind === 'message' ? decoded.message : message;
}

// biome-ignore format: one case per line
const messages: readonly { name: string; message: AgentMessage }[] = [
  { name: 'epochBegins',                message: sampleEpochBegins(ID, 1) },
  { name: 'summary',                    message: sampleSummary(ID, 2) },
  { name: 'summary of a busy minute',   message: busySummary(ID, 2) },
  { name: 'alert',                      message: sampleAlert(ID, 2) },
  { name: 'tombstone',                  message: sampleTombstone(ID, 2) },
  { name: 'statement',                  message: sampleStatement(ID, 2) },
  { name: 'advisoryAnswer',             message: sampleAdvisoryAnswer(ID, 2) },
  { name: 'keyRotation',                message: sampleKeyRotation(sampleNextSigner(2), 2) },
  { name: 'evidence',                   message: sampleEvidence(ID, 2) },
  { name: 'renewalRequest',             message: sampleRenewalRequest(ID, 2) },
  { name: 'summaryDelta',               message: sampleSummaryDelta(ID, 20) },
];

for (const { name, message } of messages) {
  test(`${name} comes back as it was, with the same bytes`, () => {
    assert.deepEqual(roundTrip(message), message);
    assert.deepEqual(encodeAgentMessage(roundTrip(message)), encodeAgentMessage(message));
  });

  test(`${name}: every prefix and any flipped bit give an answer`, () => {
    const bytes = encodeAgentMessage(message);
    for (let length = 0; length < bytes.length; length += 1 + (length >> 6)) {
      assert.equal(decodeAgentMessage(bytes.subarray(0, length)).kind, 'refused');
    }
    fc.assert(
      fc.property(fc.nat(), fc.nat(7), (place, bit) => {
        const copy = Uint8Array.from(bytes);
        copy[place % copy.length] ^= 1 << bit;
        decodeAgentMessage(copy);
        decodeReceipt(copy);
      }),
      { numRuns: 200 },
    );
  });
}

test('receipt comes back as it was', () => {
  const receipt = {
    ...sampleReceipt(ID, 3),
    have: [{ from: 19, to: 20, lastSha256: sampleBytes('x', 32) }],
    refused: [{ sequence: 18, reason: 'forked' }],
  };
  assert.deepEqual(decodeReceipt(encodeReceipt(receipt)), { kind: 'message', message: receipt });
});

test('50 conversations and 5 detections fit 2.8 kB signed', () => {
  const bytes = sealAgentMessage(signer, busySummary(ID, 4711));
  assert.ok(bytes.length <= 2800, `${bytes.length} bytes`);
});

test('500 conversations, the most of a report, fit what a hub takes', () => {
  const busy = busySummary(ID, 2);
  const conversations = Array.from({ length: 10 }, () => busy.conversations).flat();
  const bytes = sealAgentMessage(signer, { ...busy, conversations });
  assert.ok(bytes.length <= 48 * 1024, `${bytes.length} bytes`);
});

/** The payload as a map, with one of its fields replaced, added or taken away. */
function edited(message: AgentMessage, key: number, value: WireValue | undefined): Uint8Array {
  const decoded = decodeCbor(encodeAgentMessage(message));
  assert.ok(decoded.kind === 'value' && decoded.value instanceof Map);
  // What encodeAgentMessage made is a map of WireValue under integer keys.
  const wire = decoded.value as Map<number, WireValue>;
  if (value === undefined) wire.delete(key);
  else wire.set(key, value);
  return encodeCbor(wire);
}

const alert = sampleAlert(ID, 2);
const summary = sampleSummary(ID, 2);

// biome-ignore format: one case per line
const refused: readonly { name: string; bytes: Uint8Array; reason: string; detail?: string }[] = [
  { name: 'no map',                                  bytes: encodeCbor([1]),                        reason: 'kindUnknown' },
  { name: 'a kind of a later version',               bytes: edited(alert, 1, 99),                   reason: 'kindUnknown' },
  { name: 'a receipt from an agent',                 bytes: encodeReceipt(sampleReceipt(ID, 1)),    reason: 'kindUnknown' },
  { name: 'an agentId of 15 bytes',                  bytes: edited(alert, 2, new Uint8Array(15)),   reason: 'fieldLimit', detail: 'agentId' },
  { name: 'epoch 0',                                 bytes: edited(alert, 3, 0),                    reason: 'fieldLimit', detail: 'epoch' },
  { name: 'stream 4',                                bytes: edited(alert, 4, 4),                    reason: 'fieldLimit', detail: 'stream' },
  { name: 'sequence 0',                              bytes: edited(alert, 5, 0),                    reason: 'fieldLimit', detail: 'sequence' },
  { name: 'a sequence with a fraction',              bytes: edited(alert, 5, 2.5),                  reason: 'fieldType', detail: 'sequence' },
  { name: 'a hash of 31 bytes',                      bytes: edited(alert, 6, new Uint8Array(31)),   reason: 'fieldLimit', detail: 'previousSha256' },
  { name: 'a hash as text',                          bytes: edited(alert, 6, 'x'),                  reason: 'fieldType', detail: 'previousSha256' },
  { name: 'a time before 1970',                      bytes: edited(alert, 7, -1),                   reason: 'fieldLimit', detail: 'signedAtMs' },
  { name: 'no remedy',                               bytes: edited(alert, 26, undefined),           reason: 'fieldMissing', detail: 'remedy' },
  { name: 'null for an absent field of a map',       bytes: edited(alert, 22, null),                reason: 'fieldType', detail: 'unitId' },
  { name: 'unit 256',                                bytes: edited(alert, 22, 256),                 reason: 'fieldLimit', detail: 'unitId' },
  { name: 'a title of 257 bytes',                    bytes: edited(alert, 15, 'x'.repeat(257)),     reason: 'fieldLimit', detail: 'title' },
  { name: 'a title of 100 characters, 300 bytes',    bytes: edited(alert, 15, '水'.repeat(100)),     reason: 'fieldLimit', detail: 'title' },
  { name: '33 records',                              bytes: edited(alert, 23, Array(33).fill('0')), reason: 'fieldLimit', detail: 'records' },
  { name: 'an address of 5 bytes',                   bytes: edited(alert, 20, new Uint8Array(5)),   reason: 'fieldLimit', detail: 'client' },
  { name: 'an IPv6 address as text',                 bytes: edited(alert, 20, '2001:db8::1'),       reason: 'notCanonical', detail: 'client' },
  { name: 'a negative key',                          bytes: edited(alert, -1, 0),                   reason: 'fieldType' },
  { name: 'an end before its beginning',             bytes: edited(alert, 18, -1),                  reason: 'timeReversed' },
  { name: 'columns of different length',             bytes: edited(summary, 16, [['a', 'b'], [1], [0], [0], [1], [true], [1], [1]]), reason: 'fieldType' },
  { name: 'columns without rows',                    bytes: edited(summary, 16, [[], [], [], [], [], [], [], []]), reason: 'notCanonical' },
  { name: 'a column missing',                        bytes: edited(summary, 16, [['a'], [1], [0]]), reason: 'fieldMissing' },
  { name: 'a row cut short',                         bytes: edited(summary, 17, [1, 2, 3]),         reason: 'fieldMissing' },
  { name: '501 conversations',                       bytes: edited(summary, 18, [Array(501).fill(0)]), reason: 'fieldLimit' },
  { name: 'part 3 of 2',                             bytes: edited(summary, 23, [3, 2]),            reason: 'fieldLimit', detail: 'part' },
];

for (const { name, bytes, reason, detail } of refused) {
  test(`refused: ${name}`, () => {
    const decoded = decodeAgentMessage(bytes);
    assert.ok(decoded.kind === 'refused');
    assert.deepEqual([decoded.layer, decoded.reason], ['rule', reason]);
    if (detail !== undefined) assert.equal(decoded.detail, detail);
  });
}

test('what a later version adds is ignored, wherever it may add', () => {
  const more = decodeAgentMessage(edited(alert, 99, new Map<number, WireValue>([[1, [2, 'x']]])));
  assert.deepEqual(more, { kind: 'message', message: alert });
  const traffic = [...Object.values(summary.traffic), 14, 'new'];
  assert.deepEqual(decodeAgentMessage(edited(summary, 17, traffic)), {
    kind: 'message',
    message: summary,
  });
});

test('a refusal says where the message belongs, as far as it can be read', () => {
  const decoded = decodeAgentMessage(edited(alert, 26, undefined));
  assert.ok(decoded.kind === 'refused');
  assert.deepEqual(decoded.place, { agentId: ID, epoch: alert.epoch, stream: 1, sequence: 2 });
  const loose = Uint8Array.from([...encodeAgentMessage(alert), 0]);
  const unstrict = decodeAgentMessage(loose);
  assert.ok(unstrict.kind === 'refused' && unstrict.layer === 'encoding');
});

// biome-ignore format: one case per line
const ownFaults: readonly { name: string; message: AgentMessage }[] = [
  { name: 'a detectionId that is none',     message: { ...alert, detectionId: 'xyz' } },
  { name: 'an agentId that is none',        message: { ...alert, agentId: 'nobody' } },
  { name: 'a negative count',               message: { ...alert, occurrencesCount: -1 } },
  { name: 'not a number',                   message: { ...alert, occurrencesCount: Number.NaN } },
  { name: 'a hash of another length',       message: { ...alert, previousSha256: new Uint8Array(20) } },
  { name: '501 conversations',              message: { ...summary, conversations: Array(501).fill(sampleConversation()) } },
];

for (const { name, message } of ownFaults) {
  test(`our own mistake ends where it was made: ${name}`, () => {
    assert.throws(() => encodeAgentMessage(message), RangeError);
  });
}

test('text that came from the wire is cut, never a reason to stop', () => {
  const long: Alert = {
    ...alert,
    title: '水'.repeat(200),
    explanation: `\ufeff${'x'.repeat(5000)}`,
    records: Array.from({ length: 90 }, (_, index) => `0-${index}`),
    remedy: '\ud800 broken',
  };
  const back = roundTrip(long);
  assert.ok(back.kind === 'alert');
  assert.equal(back.title, `${'水'.repeat(84)}…`);
  assert.equal(new TextEncoder().encode(back.explanation).length, 2048);
  assert.equal(back.records.length, 32);
  assert.equal(back.remedy, '\ufffd broken');
});

test('fractions of our own measures are rounded', () => {
  const [first] = summary.coverage;
  const back = roundTrip({ ...summary, coverage: [{ ...first, coveredMs: 59_999.6 }] });
  assert.ok(back.kind === 'summary');
  assert.equal(back.coverage[0].coveredMs, 60_000);
});

/** Of an address; longer text is cut, as the test above shows. A grapheme can be many bytes. */
const ADDRESS_TEXT_BYTES_MAX = 64;
const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.replace(/^\ufeff+/, ''))
  .filter((value) => new TextEncoder().encode(value).length <= ADDRESS_TEXT_BYTES_MAX);
const time = fc.integer({ min: 0, max: 4e15 });
const addressArbitrary = fc.oneof(fc.ipV4(), fc.ipV6(), text, fc.constant('0123456789abcdef'));

test('any alert comes back as it was', () => {
  fc.assert(
    fc.property(
      addressArbitrary,
      addressArbitrary,
      text,
      time,
      fc.nat(),
      fc.option(fc.nat(255), { nil: undefined }),
      (client, server, title, firstSeenUs, more, unitId) => {
        const any: Alert = {
          ...alert,
          client,
          server,
          title,
          firstSeenUs,
          lastSeenUs: firstSeenUs + more,
          ...(unitId !== undefined && { unitId }),
        };
        assert.deepEqual(roundTrip(any), any);
        assert.deepEqual(encodeCbor(encodeShape(alertShape, any)), encodeAgentMessage(any));
      },
    ),
  );
});

test('any conversations come back as they were', () => {
  const conversation = fc.record({
    client: addressArbitrary,
    requests: fc.maxSafeNat(),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    first: time,
    hasUnit: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(conversation, { maxLength: 12 }), (rows) => {
      const conversations = rows.map(({ client, requests, confidence, first, hasUnit }) => {
        const { unitId, ...plain } = sampleConversation();
        return {
          ...plain,
          ...(hasUnit && { unitId: unitId ?? 0 }),
          clientIpAddress: client,
          requests,
          roleConfidence: confidence,
          firstSeenUs: first,
          lastSeenUs: first,
        };
      });
      const any: Summary = { ...summary, conversations };
      assert.deepEqual(roundTrip(any), any);
    }),
  );
});
