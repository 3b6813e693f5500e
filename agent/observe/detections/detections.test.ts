/** The pathfinder rules by their rows in DETECTIONS.md, and what evidence may hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FrameEvidence } from '../../../protocols/frame-block.ts';
import type { Detection } from '../../../protocols/interval-report.ts';
import { SiteDigest } from '../../platform/digest.ts';
import {
  activateSessionBody,
  BEGIN_US,
  clientFrame,
  madeFlow,
  madeModbus,
  madeOpcua,
  madeSide,
  noDecode,
  uaBytes,
  uaChunk,
  uaResponse,
} from '../made-traffic.ts';
import { MASK_BYTE, maskFrame } from '../mask-frame.ts';
import { Observer } from '../observer.ts';

const ZERO = {
  name: 'functionCodeZero',
  field: 'functionCode',
  offsetBytes: 7,
  expected: '1..127',
  actual: '0',
};
const PASSWORD = 'correct horse battery staple';
const NO_DECODE = noDecode();
const HOUR_US = 3_600_000_000;

function observer(evidence?: FrameEvidence): Observer {
  return new Observer({ interfaces: [] }, new SiteDigest(new Uint8Array(32)), evidence);
}

/** A history that holds these frames one behind the other. */
class MadeHistory implements FrameEvidence {
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  copy(address: number, bytes: number): Uint8Array | undefined {
    if (address < 0 || address + bytes > this.#bytes.length) return undefined;
    return this.#bytes.slice(address, address + bytes);
  }
}

// biome-ignore format: one case per line
const zeroCases = [
  { name: 'request 0, refused', request: '00', response: '8001', anomalies: [ZERO], hits: 1, words: 'refused it with exception 1' },
  { name: 'request 0, answered', request: '0000', response: '00', anomalies: [ZERO], hits: 1, words: 'as if it were a real function' },
  { name: 'request 0, alone', request: '00', response: '', anomalies: [ZERO], hits: 1, words: 'No answer was seen' },
  { name: 'response alone', request: '', response: '8001', anomalies: [ZERO], hits: 0, words: '' },
  { name: 'request 128 is another fault', request: '80', response: '', anomalies: [ZERO], hits: 0, words: '' },
  { name: 'function 3 with another anomaly', request: '0300000000', response: '', anomalies: [ZERO], hits: 0, words: '' },
  { name: 'ordinary poll', request: '0300000002', response: '030400010002', anomalies: [], hits: 0, words: '' },
] as const;

for (const { name, request, response, anomalies, hits, words } of zeroCases) {
  test(`MODBUS_FUNCTION_ZERO: ${name}`, () => {
    const watched = observer();
    watched.modbusTransaction(madeModbus(request, response, { anomalies }));
    const { detections } = watched.totals();
    assert.equal(detections.length, hits);
    if (hits === 0) return;
    const [found] = detections;
    assert.equal(found.code, 'MODBUS_FUNCTION_ZERO');
    assert.equal(found.severity, 'high');
    assert.deepEqual(found.techniques, ['T0814']);
    assert.deepEqual(found.evidence.records, ['0-1']);
    assert.match(found.detectionId, /^[0-9a-f]{16}$/);
    assert.ok(found.explanation.includes(words), found.explanation);
    assert.ok(found.remedy.includes('10.0.0.5'));
  });
}

test('a storm is one case: repeats raise the count and are told once an hour', () => {
  const watched = observer();
  const hit = (afterUs: number, unitId = 3) =>
    watched.modbusTransaction(
      madeModbus('00', '', { anomalies: [ZERO], requestTimeUs: BEGIN_US + afterUs, unitId }),
    );
  const changes = () =>
    watched
      .report(0, 1, [], NO_DECODE)
      .detections.map(({ change, detection }) => `${change} ${detection.occurrencesCount}`);
  for (let second = 0; second < 100; second++) hit(second * 1_000_000);
  assert.deepEqual(changes(), ['raised 100']);
  hit(200_000_000);
  assert.deepEqual(changes(), [], 'within the hour nothing is told again');
  hit(HOUR_US + 1);
  assert.deepEqual(changes(), ['repeated 102']);
  hit(HOUR_US + 2, 4);
  assert.deepEqual(changes(), ['raised 1'], 'another unit is another case');
  const [first, second] = watched.totals().detections;
  assert.notEqual(first.detectionId, second.detectionId);
  assert.equal(first.lastSeenUs, BEGIN_US + HOUR_US + 1);
});

test('the evidence of a Modbus detection is its frames, copied at once', () => {
  const request = clientFrame(madeFlow(), Uint8Array.of(0, 1, 0, 0, 0, 2, 3, 0));
  const watched = observer(new MadeHistory(request));
  const frames = { requestFrameAddress: 0, requestFrameBytes: request.length };
  watched.modbusTransaction(madeModbus('00', '', { anomalies: [ZERO], ...frames }));
  const { evidence } = watched.totals().detections[0];
  assert.deepEqual(evidence.frames, [request]);
  assert.equal(evidence.framesSha256, sha256(request));
  assert.equal(evidence.evidenceTruncated, undefined);
});

function login(body: Uint8Array, payload: Uint8Array, frameBytes?: number): Detection[] {
  const transaction = madeOpcua('ActivateSession', {});
  const frame = clientFrame(transaction.flow, payload);
  const watched = observer(new MadeHistory(frame));
  watched.opcuaTransaction({
    ...transaction,
    matched: true,
    request: madeSide(body, 467, { frameAddress: 0, frameBytes: frameBytes ?? frame.length }),
    response: madeSide(uaResponse(470, 0), 470, { timeUs: BEGIN_US + 900 }),
  });
  const report = watched.report(0, 1, [], NO_DECODE);
  assertNoSecret(report);
  assert.deepEqual(
    watched.totals().detections.map((one) => one.evidence.frames),
    report.detections.map(() => undefined),
  );
  return report.detections.map((change) => change.detection);
}

/** The planted password stands nowhere: not as text, not as bytes, not in a buffer behind a view. */
function assertNoSecret(value: unknown): void {
  const secret = new TextEncoder().encode(PASSWORD);
  const walk = (part: unknown): void => {
    if (part instanceof Uint8Array) {
      const whole = Buffer.from(part.buffer);
      for (let length = secret.length; length >= 6; length -= 2) {
        assert.equal(whole.indexOf(secret.subarray(0, length)), -1, 'password in bytes');
        assert.equal(
          whole.indexOf(secret.subarray(secret.length - length)),
          -1,
          'its end in bytes',
        );
      }
    } else if (typeof part === 'string') assert.ok(!part.includes('horse'), part);
    else if (typeof part === 'object' && part !== null) Object.values(part).forEach(walk);
  };
  walk(value);
}

const clear = activateSessionBody('operator', PASSWORD);
const encrypted = activateSessionBody(
  'operator',
  PASSWORD,
  'http://www.w3.org/2001/04/xmlenc#rsa-oaep',
);

test('OPCUA_PASSWORD_CLEAR_TEXT: a clear password, its frame masked', () => {
  const [found] = login(clear, uaChunk(clear));
  assert.equal(found.code, 'OPCUA_PASSWORD_CLEAR_TEXT');
  assert.equal(found.severity, 'critical');
  assert.deepEqual(found.techniques, ['T0859', 'T0842']);
  const [frame] = found.evidence.frames ?? [];
  assert.equal(found.evidence.evidenceMasked, true);
  assert.equal(found.evidence.evidenceTruncated, undefined);
  assert.equal(found.evidence.framesSha256, sha256(frame), 'the hash is over the masked bytes');
  const at = Buffer.from(clientFrame(madeFlow(), uaChunk(clear))).indexOf(PASSWORD);
  const masked = frame.subarray(at, at + PASSWORD.length);
  assert.ok(
    masked.every((byte) => byte === MASK_BYTE),
    Buffer.from(masked).toString(),
  );
  assert.ok(!Buffer.from(frame).includes('operator'), 'the user name is personal too');
  assert.ok(Buffer.from(frame).includes('username'), 'the policy id may stay');
});

test('OPCUA_PASSWORD_CLEAR_TEXT: an encrypted password is none', () => {
  assert.deepEqual(login(encrypted, uaChunk(encrypted)), []);
});

test('a neighbour in the same segment is masked whole: it may hold a secret of its own', () => {
  const [found] = login(clear, uaBytes(uaChunk(clear), uaChunk(clear)));
  const [frame] = found.evidence.frames ?? [];
  assert.equal(frame.at(-1), MASK_BYTE);
});

test('a message over several frames leaves only a hash of its masked bytes', () => {
  const chunk = uaChunk(clear);
  const [found] = login(clear, chunk.subarray(chunk.length - 60));
  assert.equal(found.evidence.frames, undefined);
  assert.match(found.evidence.framesSha256 ?? '', /^[0-9a-f]{64}$/);
  assert.equal(found.evidence.evidenceTruncated, true);
  assert.equal(found.evidence.evidenceMasked, true);
});

test('a frame that left the ring is told as truncated', () => {
  const [found] = login(clear, uaChunk(clear), 9999);
  assert.equal(found.evidence.frames, undefined);
  assert.equal(found.evidence.evidenceTruncated, true);
});

test('a reconnecting client with the same clear password stays one case', () => {
  const watched = observer();
  for (let channel = 1; channel <= 50; channel++) {
    const request = madeSide(clear, 467, { timeUs: BEGIN_US + channel });
    watched.opcuaTransaction(madeOpcua('ActivateSession', { secureChannelId: channel, request }));
  }
  assert.deepEqual(
    watched.totals().detections.map((one) => one.occurrencesCount),
    [50],
  );
});

test('any frame, any message: no throw, and what is kept has no secret in it', () => {
  const flow = madeFlow({ protocol: 'opcua' });
  const secret = Uint8Array.of(0xd1, 0xe2, 0xd3, 0xe4, 0xd5, 0xe6, 0xd7, 0xe8);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.boolean(),
      (before, head, tail, isWhole) => {
        const body = uaBytes(head, secret, tail);
        const payload = isWhole ? uaBytes(before, body, secret) : before;
        const frame = clientFrame(flow, payload);
        const span = { bytes: body, offset: 0, length: body.length };
        const spans = [{ offset: head.length, length: secret.length }];
        if (!maskFrame(frame, { flow, body: span, spans })) return;
        for (const part of [secret.subarray(0, 4), secret.subarray(4)]) {
          assert.equal(Buffer.from(frame.subarray(54)).indexOf(part), -1);
        }
      },
    ),
  );
});

function sha256(bytes: Uint8Array): string {
  return new SiteDigest(new Uint8Array(32)).sha256(bytes, 0, bytes.length);
}
