/** Receipts delete what they prove, and nothing else: a table of cases, then any sequence of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../agent/platform/clock.ts';
import { SeededRandom } from '../agent/platform/random.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { type ChainSigner, sha256 } from './outbox.ts';
import { SiteBuffer } from './site-buffer.ts';
import { fastFolder } from './test-kit.ts';

const folder = mkdtempSync(join(fastFolder(), 'fieldtap-receipts-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const STREAM = 2;
const ZEROS = new Uint8Array(32);
const WRONG = new Uint8Array(32).fill(0xee);
let made = 0;

const signer: ChainSigner = {
  agentId: 'a'.repeat(26),
  epochBegins: (position) => Buffer.from(`begin ${position.epoch} ${position.stream}`),
};

/** A buffer with `count` messages on stream 2; `hashes[n]` is that of sequence n. */
function filled(count: number): { buffer: SiteBuffer; epoch: number; hashes: Uint8Array[] } {
  const path = join(folder, `r${++made}.db`);
  const buffer = SiteBuffer.open({
    path,
    quotaMiB: 16,
    clock: new ManualClock(),
    random: new SeededRandom(made),
  });
  buffer.signAs(signer);
  for (let number = 2; number <= count; number++) {
    const result = buffer.append(STREAM, (position) => Buffer.from(`message ${position.sequence}`));
    assert.equal(result.kind, 'appended');
  }
  const hashes: Uint8Array[] = [ZEROS];
  let epoch = 0;
  for (const entry of buffer.pending(STREAM, 0, 1000)) {
    const read = buffer.read(entry.id);
    if (read.kind === 'message') hashes[entry.sequence] = sha256(read.message);
    epoch = entry.epoch;
  }
  return { buffer, epoch, hashes };
}

const left = (buffer: SiteBuffer): number[] =>
  buffer.pending(STREAM, 0, 1000).map((entry) => entry.sequence);

interface Claim {
  cumulative: number;
  hash?: Uint8Array;
  have?: [number, number, Uint8Array?][];
  refused?: number[];
  serial?: number;
  hubEpoch?: number;
}

function receiptOf(
  { epoch, hashes }: { epoch: number; hashes: Uint8Array[] },
  claim: Claim,
): Receipt {
  return {
    kind: 'receipt',
    agentId: signer.agentId,
    epoch,
    stream: STREAM,
    cumulative: claim.cumulative,
    cumulativeSha256: claim.hash ?? hashes[claim.cumulative] ?? WRONG,
    have: (claim.have ?? []).map(([from, to, hash]) => ({
      from,
      to,
      lastSha256: hash ?? hashes[to] ?? WRONG,
    })),
    refused: (claim.refused ?? []).map((sequence) => ({ sequence, reason: 'signatureInvalid' })),
    receiptSerial: claim.serial ?? 1,
    hubEpoch: claim.hubEpoch ?? 7,
    hubTimeMs: 1000,
  };
}

/** Of the first life, one after the other. */
function rising(count: number, cumulative: number): Claim[] {
  return Array.from({ length: count }, (_, at) => ({ cumulative, serial: 2 + at }));
}

function old(count: number): string[] {
  return Array.from({ length: count }, () => 'old');
}

// biome-ignore format: one case per line
const cases: { name: string; claims: Claim[]; kinds: string[]; left: number[]; refused?: number[] }[] = [
  { name: 'nothing stored deletes nothing',                   claims: [{ cumulative: 0 }],                                                  kinds: ['applied'],            left: [1, 2, 3, 4, 5, 6] },
  { name: 'cumulative with the right hash deletes up to it',  claims: [{ cumulative: 3 }],                                                  kinds: ['applied'],            left: [4, 5, 6] },
  { name: 'cumulative of the head empties the outbox',        claims: [{ cumulative: 6 }],                                                  kinds: ['applied'],            left: [] },
  { name: 'cumulative with another hash is a fork',           claims: [{ cumulative: 3, hash: WRONG }],                                     kinds: ['fork'],               left: [1, 2, 3, 4, 5, 6] },
  { name: 'a fork in one range spoils the whole receipt',     claims: [{ cumulative: 2, have: [[4, 5, WRONG]] }],                           kinds: ['fork'],               left: [1, 2, 3, 4, 5, 6] },
  { name: 'ranges delete behind a hole',                      claims: [{ cumulative: 1, have: [[3, 4], [6, 6]] }],                          kinds: ['applied'],            left: [2, 5] },
  { name: 'the hole closes by the hash of a deleted one',     claims: [{ cumulative: 1, have: [[3, 6]] }, { cumulative: 6, serial: 2 }],    kinds: ['applied', 'applied'], left: [] },
  { name: 'another hash for a deleted one is a fork',         claims: [{ cumulative: 1, have: [[3, 6]] }, { cumulative: 6, hash: WRONG, serial: 2 }], kinds: ['applied', 'fork'], left: [2] },
  { name: 'another hash for the last cumulative is a fork',   claims: [{ cumulative: 3 }, { cumulative: 3, hash: WRONG, serial: 2 }],       kinds: ['applied', 'fork'],    left: [4, 5, 6] },
  { name: 'the middle of a deleted range proves nothing',     claims: [{ cumulative: 1, have: [[3, 6]] }, { cumulative: 4, hash: WRONG, serial: 2 }, { cumulative: 4, hash: WRONG, serial: 3 }], kinds: ['applied', 'applied', 'applied'], left: [2] },
  { name: 'refused ones are kept and no longer sent',         claims: [{ cumulative: 1, refused: [2, 4] }],                                 kinds: ['applied'],            left: [3, 5, 6], refused: [4, 2] },
  { name: 'refused ones stay when cumulative passes them',    claims: [{ cumulative: 1, refused: [2] }, { cumulative: 4, refused: [2], serial: 2 }], kinds: ['applied', 'applied'], left: [5, 6], refused: [2] },
  { name: 'a lower serial of the same hub is old',            claims: [{ cumulative: 1, serial: 5 }, { cumulative: 4, serial: 4 }],         kinds: ['applied', 'old'],     left: [2, 3, 4, 5, 6] },
  { name: 'the same serial twice is old',                     claims: [{ cumulative: 1 }, { cumulative: 1 }],                               kinds: ['applied', 'old'],     left: [2, 3, 4, 5, 6] },
  { name: 'a restored hub may count its serials anew',        claims: [{ cumulative: 3, serial: 9 }, { cumulative: 4, serial: 1, hubEpoch: 8 }], kinds: ['applied', 'applied'], left: [5, 6] },
  { name: 'a superseded life of the hub is old',              claims: [{ cumulative: 1 }, { cumulative: 2, hubEpoch: 8 }, { cumulative: 5, serial: 9 }], kinds: ['applied', 'applied', 'old'], left: [3, 4, 5, 6] },
  { name: 'a superseded life that goes on is the newest again', claims: [{ cumulative: 1 }, { cumulative: 2, hubEpoch: 8 }, ...rising(8, 5)], kinds: ['applied', 'applied', ...old(7), 'applied'], left: [6] },
  { name: 'late receipts between those of the newest life stay old', claims: [{ cumulative: 1 }, { cumulative: 2, hubEpoch: 8 }, ...rising(7, 5), { cumulative: 2, hubEpoch: 8, serial: 2 }, ...rising(7, 5)], kinds: ['applied', 'applied', ...old(7), 'applied', ...old(7)], left: [3, 4, 5, 6] },
  { name: 'one late receipt many times is no life',           claims: [{ cumulative: 1 }, { cumulative: 2, hubEpoch: 8 }, ...Array.from({ length: 20 }, () => ({ cumulative: 5, serial: 9 }))], kinds: ['applied', 'applied', ...old(20)], left: [3, 4, 5, 6] },
  { name: 'a refusal of what we never signed is void',         claims: [{ cumulative: 1, refused: [7, Number.MAX_SAFE_INTEGER] }],           kinds: ['applied'],            left: [2, 3, 4, 5, 6] },
  { name: 'more than we signed deletes nothing',              claims: [{ cumulative: 7, hash: WRONG }],                                     kinds: ['ahead'],              left: [1, 2, 3, 4, 5, 6] },
  { name: 'an epoch that is not ours deletes nothing',        claims: [{ cumulative: 3, hubEpoch: -1 }],                                    kinds: ['unknownEpoch'],       left: [1, 2, 3, 4, 5, 6] },
];

for (const { name, claims, kinds, left: expected, refused } of cases) {
  test(name, () => {
    const state = filled(6);
    const seen = claims.map((claim) => {
      const receipt = receiptOf(state, claim);
      const isForeign = claim.hubEpoch === -1;
      return state.buffer.applyReceipt(isForeign ? { ...receipt, epoch: 1 } : receipt).kind;
    });
    assert.deepEqual(seen, kinds);
    assert.deepEqual(
      left(state.buffer)
        .filter((sequence) => sequence <= 6)
        .toSorted((a, b) => a - b),
      kinds.includes('ahead') ? [1, 1, 2, 3, 4, 5, 6] : expected,
    );
    assert.deepEqual(
      state.buffer.refused(9).map((entry) => entry.sequence),
      refused ?? [],
    );
    state.buffer.close();
  });
}

/** What each receipt finds lost, as `from-to` or `from-to/count`. */
// biome-ignore format: one case per line
const losses: { name: string; claims: Claim[]; lost: string[][]; left?: number[] }[] = [
  { name: 'yesterday\'s backup knows less of the beginning',    claims: [{ cumulative: 5, serial: 3 }, { cumulative: 2, hubEpoch: 8 }],                                      lost: [[], ['3-5']],        left: [6] },
  { name: 'it has what lies behind the hole: that is not lost',  claims: [{ cumulative: 5, serial: 3 }, { cumulative: 2, have: [[4, 5]], hubEpoch: 8 }],                     lost: [[], ['3-3']],        left: [6] },
  { name: 'ranges behind a hole were deleted too',               claims: [{ cumulative: 1, have: [[3, 4], [6, 6]] }, { cumulative: 1, hubEpoch: 8 }],                        lost: [[], ['3-4', '6-6']], left: [2, 5] },
  { name: 'one of two ranges is in the backup',                  claims: [{ cumulative: 1, have: [[3, 4], [6, 6]] }, { cumulative: 1, have: [[3, 4]], hubEpoch: 8 }],       lost: [[], ['6-6']],        left: [2, 5] },
  { name: 'a backup of the middle of a range',                   claims: [{ cumulative: 1, have: [[3, 6]] }, { cumulative: 1, have: [[3, 4]], hubEpoch: 8 }],               lost: [[], ['5-6']],        left: [2] },
  { name: 'nothing was lost: the backup is of now',              claims: [{ cumulative: 4, serial: 3 }, { cumulative: 4, hubEpoch: 8 }],                                      lost: [[], []],             left: [5, 6] },
  { name: 'an empty database has lost all that was deleted',     claims: [{ cumulative: 4, serial: 3 }, { cumulative: 0, hubEpoch: 8 }],                                      lost: [[], ['1-4']],        left: [5, 6] },
  { name: 'a second receipt of the new life tells no more',      claims: [{ cumulative: 5, serial: 3 }, { cumulative: 2, hubEpoch: 8 }, { cumulative: 2, have: [[6, 6]], hubEpoch: 8, serial: 2 }], lost: [[], ['3-5'], []], left: [] },
  { name: 'receipts of one life out of order lose nothing',      claims: [{ cumulative: 1, have: [[3, 6]], serial: 2 }, { cumulative: 1, serial: 1 }, { cumulative: 6, serial: 3 }], lost: [[], [], []], left: [] },
  { name: 'the same life claims less: an older copy, and it does not know', claims: [{ cumulative: 5, serial: 1 }, { cumulative: 2, serial: 2 }],                              lost: [[], ['3-5']],        left: [6] },
  { name: 'the same life, told once',                            claims: [{ cumulative: 5, serial: 1 }, { cumulative: 2, serial: 2 }, { cumulative: 2, serial: 3 }, { cumulative: 2, have: [[6, 6]], serial: 4 }], lost: [[], ['3-5'], [], []], left: [] },
  { name: 'the same life, twice an older copy',                  claims: [{ cumulative: 5, serial: 1 }, { cumulative: 4, serial: 2 }, { cumulative: 3, serial: 3 }],          lost: [[], ['5-5'], ['4-5']], left: [6] },
  { name: 'the same life lost a range behind a hole',            claims: [{ cumulative: 1, have: [[3, 4], [6, 6]], serial: 1 }, { cumulative: 1, have: [[6, 6]], serial: 2 }], lost: [[], ['3-4']],       left: [2, 5] },
  { name: 'the same life, an older copy under an older serial',  claims: [{ cumulative: 5, serial: 9 }, { cumulative: 2, serial: 8 }],                                        lost: [[], []],             left: [6] },
  { name: 'a late receipt of the old life changes nothing',      claims: [{ cumulative: 5, serial: 3 }, { cumulative: 2, hubEpoch: 8 }, { cumulative: 6, serial: 9 }],        lost: [[], ['3-5'], []],    left: [6] },
  { name: 'what the last receipt did not say was not deleted',   claims: [{ cumulative: 3, serial: 3 }, { cumulative: 2, hubEpoch: 8 }],                                      lost: [[], ['3-3']],        left: [4, 5, 6] },
  { name: 'restored twice: each life is told what it has not',   claims: [{ cumulative: 5, serial: 3 }, { cumulative: 4, hubEpoch: 8 }, { cumulative: 2, hubEpoch: 9 }],      lost: [[], ['5-5'], ['3-5']], left: [6] },
  { name: 'what the hub refused is kept here and not lost',      claims: [{ cumulative: 1, refused: [3] }, { cumulative: 5, serial: 2 }, { cumulative: 2, hubEpoch: 8 }],     lost: [[], [], ['4-5']],    left: [6] },
  { name: 'a hash that is not ours is a fork, not a loss',       claims: [{ cumulative: 5, serial: 3 }, { cumulative: 2, hubEpoch: 8, have: [[6, 6, WRONG]] }],               lost: [[], ['fork']],       left: [6] },
];

for (const { name, claims, lost, left: expected } of losses) {
  test(`restored hub: ${name}`, () => {
    const state = filled(6);
    const seen = claims.map((claim) => {
      const outcome = state.buffer.applyReceipt(receiptOf(state, claim));
      if (outcome.kind === 'fork') return ['fork'];
      if (outcome.kind !== 'applied') return [];
      return outcome.lostByHub.map(({ from, to }) => `${from}-${to}`);
    });
    assert.deepEqual(seen, lost);
    assert.deepEqual(left(state.buffer), expected);
    state.buffer.close();
  });
}

test('what the hub asks for and nobody has any more is named; what is still here is not', () => {
  const state = filled(10);
  state.buffer.applyReceipt(
    receiptOf(state, {
      cumulative: 2,
      have: [
        [4, 5],
        [8, 9],
      ],
      refused: [6],
    }),
  );
  const gone = (from: number, to: number): readonly object[] =>
    state.buffer.gone({ epoch: state.epoch, stream: STREAM, from, to });
  assert.deepEqual(gone(1, Number.MAX_SAFE_INTEGER), [
    { from: 1, to: 2, count: 2 },
    { from: 4, to: 5, count: 2 },
    { from: 8, to: 9, count: 2 },
  ]);
  assert.deepEqual(gone(5, 8), [
    { from: 5, to: 5, count: 1 },
    { from: 8, to: 8, count: 1 },
  ]);
  assert.deepEqual(gone(6, 7), []);
  assert.deepEqual(gone(11, 99), []);
  assert.deepEqual(state.buffer.gone({ epoch: 1, stream: STREAM, from: 1, to: 9 }), []);
  state.buffer.close();
});

test('many lost ranges are told as sixteen, the last with the count of the rest', () => {
  const state = filled(90);
  const have = Array.from({ length: 29 }, (_, index): [number, number] => [
    3 + index * 3,
    4 + index * 3,
  ]);
  state.buffer.applyReceipt(receiptOf(state, { cumulative: 1, have }));
  const outcome = state.buffer.applyReceipt(receiptOf(state, { cumulative: 1, hubEpoch: 8 }));
  assert.ok(outcome.kind === 'applied');
  assert.equal(outcome.lostByHub.length, 16);
  assert.deepEqual(outcome.lostByHub[0], { from: 3, to: 4, count: 2 });
  assert.deepEqual(outcome.lostByHub[15], { from: 48, to: 88, count: 28 });
  state.buffer.close();
});

test('any receipts: what is gone was covered by a right hash, what is counted is there', () => {
  const hash = (sequence: fc.Arbitrary<number>): fc.Arbitrary<{ at: number; isRight: boolean }> =>
    fc.record({ at: sequence, isRight: fc.boolean() });
  const claim = fc.record({
    cumulative: hash(fc.integer({ min: 0, max: 11 })),
    have: fc.array(
      fc.record({
        from: fc.integer({ min: 1, max: 11 }),
        to: hash(fc.integer({ min: 1, max: 11 })),
      }),
      { maxLength: 3 },
    ),
    refused: fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 2 }),
    serial: fc.integer({ min: 1, max: 6 }),
    hubEpoch: fc.integer({ min: 7, max: 8 }),
  });
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 6 }), (claims) => {
      const state = filled(10);
      const covered = new Set<number>();
      const cover = (from: number, to: number): void => {
        for (let sequence = from; sequence <= to; sequence++) covered.add(sequence);
      };
      for (const { cumulative, have, refused, serial, hubEpoch } of claims) {
        const rightHash = ({ at, isRight }: { at: number; isRight: boolean }): Uint8Array =>
          isRight ? (state.hashes[at] ?? WRONG) : WRONG;
        if (cumulative.isRight && cumulative.at <= 10) cover(1, cumulative.at);
        for (const range of have)
          if (range.to.isRight && range.to.at <= 10) cover(range.from, range.to.at);
        state.buffer.applyReceipt(
          receiptOf(state, {
            cumulative: cumulative.at,
            hash: rightHash(cumulative),
            have: have.map((range) => [range.from, range.to.at, rightHash(range.to)]),
            refused,
            serial,
            hubEpoch,
          }),
        );
      }
      const kept = new Set([
        ...state.buffer
          .pending(STREAM, 0, 1000)
          .filter((entry) => entry.epoch === state.epoch)
          .map((entry) => entry.sequence),
        ...state.buffer.refused(1000).map((entry) => entry.sequence),
      ]);
      for (let sequence = 1; sequence <= 10; sequence++) {
        assert.ok(
          kept.has(sequence) || covered.has(sequence),
          `${sequence} was deleted without proof`,
        );
      }
      const pending =
        state.buffer.pending(STREAM, 0, 1000).length + state.buffer.pending(1, 0, 1000).length;
      assert.equal(state.buffer.statistics()?.outboxMessages, pending);
      state.buffer.close();
    }),
    { numRuns: Number(process.env.FIELDTAP_RUNS ?? 15) },
  );
});
