/** Parts of evidence come in any order and more than once, and only what was asked for counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Evidence } from '../protocols/uplink/messages.ts';
import { sampleIdentity } from '../protocols/uplink/sample-messages.ts';
import { EvidenceAnswers } from './evidence-answers.ts';

const requestId = '00112233445566aa';
const detectionId = 'aa11223344556677';
const asked = new Map([[requestId, detectionId]]);

function part(number: number, of: number, changes: Partial<Evidence> = {}): Evidence {
  return {
    kind: 'evidence',
    ...sampleIdentity('a'.repeat(26), 3, number + 1),
    requestId,
    detectionId,
    part: { number, of },
    pcap: Uint8Array.of(number),
    ...changes,
  };
}

const frames = { kind: 'frames', detectionId, pcap: Uint8Array.of(1, 2, 3) };
const notShared = part(1, 1, { pcap: new Uint8Array(0), absence: 'notShared' });
const absent = { kind: 'absent', detectionId, absence: 'notShared' };

// biome-ignore format: one case per line
const cases: readonly { name: string; parts: readonly Evidence[]; expect: readonly object[] }[] = [
  { name: 'nothing came',                         parts: [],                                                  expect: [] },
  { name: 'the last part is missing',             parts: [part(1, 3), part(2, 3)],                            expect: [] },
  { name: 'all parts, in another order',          parts: [part(3, 3), part(1, 3), part(2, 3)],                expect: [frames] },
  { name: 'a part twice is one part',             parts: [part(1, 3), part(1, 3), part(3, 3)],                expect: [] },
  { name: 'parts of another count',               parts: [part(1, 3), part(2, 2), part(3, 3)],                expect: [] },
  { name: 'the agent may not share frames',       parts: [notShared],                                         expect: [absent] },
  { name: 'an answer to somebody else',           parts: [part(1, 1, { requestId: 'ff'.repeat(8) })],         expect: [] },
  { name: 'evidence of a detection not asked for', parts: [part(1, 1, { detectionId: 'ff'.repeat(8) })],      expect: [] },
];

for (const { name, parts, expect } of cases) {
  test(name, () => {
    const answers = new EvidenceAnswers(asked);
    for (const one of parts) answers.add(one);
    assert.deepEqual(answers.whole, expect);
    assert.equal(answers.isComplete, expect.length === 1);
  });
}
