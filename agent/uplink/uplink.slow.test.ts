/** The uplink against a link and a hub that lose, double, reorder and refuse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detection, TestBuffers } from '../../buffer/test-kit.ts';
import { slowTest } from '../../hil-tests/needs.ts';
import { STREAM_ALERTS, STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import { sealReceipt } from '../../protocols/uplink/open.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { SeededRandom } from '../platform/random.ts';
import { conversation, newSigner, type Published, UplinkBench } from './test-kit.ts';

const buffers = new TestBuffers();

function started(settings: ConstructorParameters<typeof UplinkBench>[1] = {}): UplinkBench {
  const bench = new UplinkBench(buffers, settings);
  bench.uplink.start();
  return bench;
}

async function ended(bench: UplinkBench): Promise<void> {
  bench.link.down();
  await bench.uplink.stop();
  bench.buffer.close();
}

/** A link that has answered before is known to be fast. */
async function measured(bench: UplinkBench): Promise<void> {
  bench.link.up();
  bench.drain();
  bench.link.down();
  bench.advance(300_000);
}

const raised = { change: 'raised' as const, detection: detection({}) };
const letterOf = ({ topic }: Published): string => topic.slice(-1);
const sequencesOf = (bench: UplinkBench): number[] =>
  bench.deliver().map((message) => message.sequence);

test('the first link carries both epochs, then each summary, and receipts empty the outbox', async () => {
  const bench = started();
  bench.link.up();
  assert.deepEqual(
    bench.deliver().map((message) => [message.kind, message.stream]),
    [
      ['epochBegins', 1],
      ['epochBegins', 2],
    ],
  );
  bench.report();
  bench.advance(2000);
  assert.deepEqual(
    bench.deliver().map((message) => message.kind),
    ['summary'],
  );
  assert.equal(bench.uplink.status().outboxMessages, 3);
  bench.receipt(STREAM_ALERTS);
  bench.receipt(STREAM_SUMMARIES);
  const { outboxMessages, outboxBytes, receiptsApplied, isConnected, receiptAgeSeconds, fault } =
    bench.uplink.status();
  assert.deepEqual(
    [outboxMessages, outboxBytes, receiptsApplied, isConnected, receiptAgeSeconds, fault],
    [0, 0, 2, true, 0, undefined],
  );
  await ended(bench);
});

test('after an outage an alert goes first, then the freshest summary, then the backlog in order', async () => {
  const bench = started();
  bench.summaries(24);
  bench.report({ detections: [raised] });
  bench.link.up();
  const first = bench.link.take();
  assert.deepEqual(first.map(letterOf).slice(0, 4), ['a', 'a', 's', 's']);
  assert.deepEqual(
    first.map((published) => bench.hub.receive(published).sequence).slice(2, 6),
    [25, 1, 2, 3],
  );
  bench.receipt(STREAM_SUMMARIES);
  bench.drain();
  assert.equal(bench.hub.chain(STREAM_SUMMARIES).length, 25);
  assert.deepEqual([bench.hub.duplicates, bench.uplink.status().outboxMessages], [0, 0]);
  await ended(bench);
});

test('an alert overtakes a full window of summaries', async () => {
  const bench = started();
  await measured(bench);
  bench.summaries(24);
  bench.link.answersAtOnce = false;
  bench.link.up(4);
  const before = bench.link.published.length;
  bench.report({ detections: [raised] });
  const after = bench.link.published.slice(before).map(letterOf);
  assert.deepEqual([before, after], [3, ['a']], 'one slot is kept for it');
  await ended(bench);
});

// biome-ignore format: one case per line
const windows = [
  { name: 'messages of the window',             window: { messagesMax: 5, bytesMax: 1e6, receiptTimeoutMs: 1e5 },  receiveMaximum: 100, underWay: 5,     unanswered: 5 },
  { name: 'bytes of the window',                window: { messagesMax: 50, bytesMax: 1,  receiptTimeoutMs: 1e5 },  receiveMaximum: 100, underWay: 1,     unanswered: 1 },
  { name: "the broker's Receive Maximum",       window: { messagesMax: 50, bytesMax: 1e6, receiptTimeoutMs: 1e5 }, receiveMaximum: 3,   underWay: 2,     unanswered: 2 },
  { name: 'a broker that takes one at a time',  window: { messagesMax: 50, bytesMax: 1e6, receiptTimeoutMs: 1e5 }, receiveMaximum: 1,   underWay: 1,     unanswered: 1 },
];
for (const { name, window, receiveMaximum, underWay, unanswered } of windows) {
  test(`never more under way than ${name} allows`, async () => {
    const bench = started({ window });
    await measured(bench);
    bench.summaries(16);
    bench.link.answersAtOnce = false;
    bench.link.unansweredMost = 0;
    bench.link.up(receiveMaximum);
    bench.advance(10_000);
    assert.equal(bench.link.published.length, underWay);
    for (let round = 0; round < 200; round++) {
      const [next] = bench.link.published.splice(0, 1);
      if (next === undefined) break;
      bench.hub.receive(next);
      next.done({ kind: 'accepted' });
      bench.receipt(STREAM_ALERTS);
      bench.receipt(STREAM_SUMMARIES);
    }
    assert.equal(bench.link.unansweredMost, unanswered);
    assert.equal(bench.uplink.status().outboxMessages, 0);
    await ended(bench);
  });
}

test('a PUBACK proves nothing: without a receipt the same bytes go again, later each time', async () => {
  const bench = started();
  bench.link.up();
  const [, first] = bench.link.take();
  bench.advance(14_000);
  assert.equal(bench.link.published.length, 0);
  bench.advance(2000);
  const [, second] = bench.link.take();
  assert.deepEqual(second.bytes, first.bytes);
  bench.advance(28_000);
  assert.equal(bench.link.published.length, 0);
  bench.advance(4000);
  assert.equal(bench.link.take().length, 2);
  assert.equal(bench.uplink.status().outboxMessages, 2);
  assert.equal(bench.uplink.status().messagesResent, 4);
  await ended(bench);
});

test('what was under way when the link broke goes again on the next one', async () => {
  const bench = started();
  bench.link.up();
  const first = bench.link.take();
  bench.link.down();
  bench.advance(300_000);
  bench.link.up();
  assert.deepEqual(
    bench.link.take().map((each) => each.bytes),
    first.map((each) => each.bytes),
  );
  await ended(bench);
});

test('a restart sends the bytes that were signed before it', async () => {
  const bench = started();
  bench.summaries(3);
  bench.link.up();
  const before = bench.link
    .take()
    .map((each) => Buffer.from(each.bytes).toString('hex'))
    .sort();
  bench.restart();
  bench.uplink.start();
  bench.link.up();
  assert.deepEqual(
    bench.link
      .take()
      .map((each) => Buffer.from(each.bytes).toString('hex'))
      .sort(),
    before,
  );
  await ended(bench);
});

slowTest(
  'losses, doubles and reordering on both ways end with each message at the hub, once',
  async () => {
    for (const seed of [1, 2]) {
      const random = new SeededRandom(seed);
      const bench = started({
        window: { messagesMax: 6, bytesMax: 20_000, receiptTimeoutMs: 3000 },
      });
      bench.link.up();
      const late: Uint8Array[] = [];
      for (let round = 0; round < 60; round++) {
        if (round < 25)
          bench.report(
            round % 7 === 0
              ? {
                  detections: [
                    {
                      change: 'raised',
                      detection: detection({ detectionId: `00000000000000${round + 10}` }),
                    },
                  ],
                }
              : {},
          );
        bench.advance(1000);
        if (random.fraction() < 0.1) {
          bench.link.down();
          bench.advance(300_000);
          bench.link.up(1 + Math.floor(random.fraction() * 9));
        }
        const sent = bench.link.take().sort(() => random.fraction() - 0.5);
        for (const each of sent) {
          if (random.fraction() < 0.3) continue;
          bench.hub.receive(each);
          if (random.fraction() < 0.2) bench.hub.receive(each);
        }
        late.push(bench.hub.receipt(STREAM_ALERTS), bench.hub.receipt(STREAM_SUMMARIES));
        late.sort(() => random.fraction() - 0.5);
        for (const receipt of late.splice(0, 3))
          if (random.fraction() < 0.7) bench.receive(receipt);
      }
      for (let round = 0; round < 20; round++) {
        bench.advance(300_000);
        bench.drain();
      }
      assert.deepEqual(
        [bench.uplink.status().outboxMessages, bench.uplink.status().refusedMessages],
        [0, 0],
        `seed ${seed}`,
      );
      const alerts = bench.hub.chain(STREAM_ALERTS);
      assert.equal(alerts.length, 1 + 4);
      assert.equal(
        bench.hub.chain(STREAM_SUMMARIES).at(-1)?.sequence,
        1 + bench.uplink.status().summariesSigned,
      );
      await ended(bench);
    }
  },
);

// biome-ignore format: one case per line
const refusals = [
  { reason: 'kindUnknown', code: 'UPLINK_MESSAGES_REFUSED', remedy: /Ask at the hub for the reason/ },
  { reason: 'revoked',     code: 'UPLINK_KEY_REVOKED',      remedy: /factory-reset --keep-buffer.*enroll --replaces/ },
] as const;
for (const { reason, code, remedy } of refusals) {
  test(`refused as ${reason}: kept for the operator, shown, and not sent again`, async () => {
    const bench = started();
    bench.summaries(1);
    bench.link.up();
    const sent = bench.link.take();
    for (const each of sent) if (letterOf(each) === 'a') bench.hub.receive(each);
    bench.receipt(STREAM_ALERTS);
    const epoch = [...bench.hub.messages.values()][0].message.epoch;
    bench.receive(
      sealReceipt(bench.hub.signer, {
        kind: 'receipt',
        agentId: bench.agent.signerId,
        epoch,
        stream: 2,
        cumulative: 0,
        cumulativeSha256: new Uint8Array(32),
        have: [],
        refused: [
          { sequence: 1, reason },
          { sequence: 2, reason },
        ],
        receiptSerial: 99,
        hubEpoch: 77,
        hubTimeMs: 1,
      }),
    );
    const { fault, refusedMessages, outboxMessages } = bench.uplink.status();
    assert.deepEqual([fault?.code, refusedMessages, outboxMessages], [code, 2, 0]);
    assert.match(fault?.remedy ?? '', remedy);
    bench.advance(600_000);
    assert.equal(bench.link.published.length, 0);
    await ended(bench);
  });
}

test('a PUBACK of 0x80 or more is a fault that is shown, and the message stays', async () => {
  const bench = started();
  bench.link.answersAtOnce = false;
  bench.link.up();
  const fault = new OperatorFault({ code: 'UPLINK_PUBLISH_REFUSED', problem: 'p', remedy: 'r' });
  for (const each of bench.link.take()) each.done({ kind: 'refused', fault });
  assert.equal(bench.uplink.status().fault?.code, 'UPLINK_PUBLISH_REFUSED');
  assert.equal(bench.uplink.status().outboxMessages, 2);
  bench.advance(16_000);
  assert.equal(bench.link.published.length, 2);
  await ended(bench);
});

// biome-ignore format: one case per line
const forgeries: { name: string; spoil: (bench: UplinkBench, right: Uint8Array) => Uint8Array; code?: string }[] = [
  { name: 'from another hub',       spoil: (bench) => { const other = newSigner(); const hub = bench.hub; return sealReceipt(other, { kind: 'receipt', agentId: bench.agent.signerId, epoch: 1, stream: 2, cumulative: 1, cumulativeSha256: new Uint8Array(32), have: [], refused: [], receiptSerial: 1, hubEpoch: hub.hubEpoch, hubTimeMs: 1 }); }, code: 'UPLINK_RECEIPT_REJECTED' },
  { name: 'with a flipped bit',     spoil: (_, right) => right.map((byte, index) => (index === right.length - 70 ? byte ^ 1 : byte)), code: 'UPLINK_RECEIPT_REJECTED' },
  { name: 'for another agent',      spoil: (bench) => sealReceipt(bench.hub.signer, { kind: 'receipt', agentId: newSigner().signerId, epoch: 1, stream: 2, cumulative: 1, cumulativeSha256: new Uint8Array(32), have: [], refused: [], receiptSerial: 1, hubEpoch: 77, hubTimeMs: 1 }), code: 'UPLINK_RECEIPT_REJECTED' },
  { name: 'of no bytes',            spoil: () => new Uint8Array(0), code: 'UPLINK_RECEIPT_REJECTED' },
  { name: 'of an unknown epoch',    spoil: (bench) => sealReceipt(bench.hub.signer, { kind: 'receipt', agentId: bench.agent.signerId, epoch: 1, stream: 2, cumulative: 1, cumulativeSha256: new Uint8Array(32).fill(1), have: [], refused: [], receiptSerial: 1, hubEpoch: 77, hubTimeMs: 1 }) },
];
for (const { name, spoil, code } of forgeries) {
  test(`a receipt ${name} deletes nothing`, async () => {
    const bench = started();
    bench.link.up();
    bench.deliver();
    bench.receive(spoil(bench, bench.hub.receipt(STREAM_SUMMARIES)));
    assert.deepEqual(
      [bench.uplink.status().outboxMessages, bench.uplink.status().fault?.code],
      [2, code],
    );
    await ended(bench);
  });
}

test('a broker that drops every link is tried ever more rarely, and nothing is lost', async () => {
  const bench = started();
  bench.summaries(2);
  const before = bench.link.attempts;
  for (let seconds = 0; seconds < 3600; seconds++) {
    if (bench.link.handlers !== undefined) {
      if (seconds % 2 === 0) bench.link.up();
      bench.link.down(
        new OperatorFault({ code: 'UPLINK_BROKER_UNREACHABLE', problem: 'p', remedy: 'r' }),
      );
    }
    bench.advance(1000);
  }
  const attempts = bench.link.attempts - before;
  assert.ok(attempts > 15 && attempts < 60, `${attempts} attempts in an hour`);
  assert.equal(bench.uplink.status().fault?.code, 'UPLINK_BROKER_UNREACHABLE');
  assert.equal(bench.uplink.status().outboxMessages, 4);
  await ended(bench);
});

test('a summary that the disk refused is covered by the next one', async () => {
  const bench = started();
  bench.report({ conversations: [conversation(1)] });
  const append = bench.buffer.append.bind(bench.buffer);
  bench.buffer.append = () => ({
    kind: 'fault',
    fault: new OperatorFault({ code: 'BUFFER_DISK_FULL', problem: 'p', remedy: 'r' }),
  });
  bench.advance(2000);
  bench.buffer.append = append;
  bench.report({ conversations: [conversation(1)] });
  bench.advance(2000);
  bench.link.up();
  const summary = bench.deliver().find((message) => message.kind === 'summary');
  assert.ok(summary?.kind === 'summary');
  assert.deepEqual(
    [summary.toUs - summary.fromUs, summary.conversations[0].requests],
    [2_000_000, 1998],
  );
  await ended(bench);
});

test('stop signs what was reported, waits for receipts a second at most, and ends', async () => {
  const bench = started();
  bench.link.up();
  bench.deliver();
  bench.report({ conversations: [conversation(1)] });
  const stopped = bench.uplink.stop();
  assert.deepEqual(sequencesOf(bench), [2]);
  bench.receipt(STREAM_ALERTS);
  bench.receipt(STREAM_SUMMARIES);
  await stopped;
  assert.equal(bench.uplink.status().outboxMessages, 0);
  const slow = started();
  slow.link.up();
  slow.report();
  const stoppedSlowly = slow.uplink.stop();
  slow.advance(1000);
  await stoppedSlowly;
  assert.equal(slow.uplink.status().outboxMessages, 3);
  slow.buffer.close();
  bench.buffer.close();
});

test('a restored hub is followed, and its older life no longer believed', async () => {
  const bench = started();
  bench.summaries(2);
  bench.link.up();
  bench.deliver();
  bench.receipt(STREAM_ALERTS);
  const older = bench.hub.receipt(STREAM_SUMMARIES);
  bench.hub.hubEpoch = 78;
  bench.receipt(STREAM_ALERTS);
  assert.equal(bench.uplink.status().outboxMessages, 3);
  bench.receive(older);
  assert.equal(bench.uplink.status().outboxMessages, 3);
  bench.receipt(STREAM_SUMMARIES);
  assert.equal(bench.uplink.status().outboxMessages, 0);
  await ended(bench);
});
