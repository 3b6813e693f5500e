/**
 * A gateway that was without its link for long: signs so many summaries, and evidence as a hub has
 * asked for it, into the buffer of an agent that isn't running. For hil-tests, as a process:
 * `node bench/fill-outbox.ts --buffer FILE --credentials FOLDER --summaries 1000 --evidence 65536`.
 */
import { parseArgs } from 'node:util';
import { ManualClock } from '../agent/platform/clock.ts';
import { SiteDigest } from '../agent/platform/digest.ts';
import { SystemRandom } from '../agent/platform/random.ts';
import { openAgentIdentity } from '../agent/uplink/credentials.ts';
import { MessageSealer } from '../agent/uplink/message-sealer.ts';
import { SharingPolicy } from '../agent/uplink/sharing.ts';
import { SiteTime } from '../agent/uplink/site-time.ts';
import { SiteBuffer } from '../buffer/site-buffer.ts';
import { STREAM_EVIDENCE, STREAM_SUMMARIES } from '../protocols/uplink/messages.ts';
import { busySummary, sampleBytes } from '../protocols/uplink/sample-messages.ts';

/** As a link of 9,600 bit/s asks for. */
const EVIDENCE_PART_BYTES = 2000;

const { values } = parseArgs({
  options: {
    buffer: { type: 'string', default: '' },
    credentials: { type: 'string', default: '' },
    summaries: { type: 'string', default: '1000' },
    evidence: { type: 'string', default: '0' },
  },
});

const clock = new ManualClock(Date.now());
const { agentId, signer } = openAgentIdentity(values.credentials);
const buffer = SiteBuffer.open({
  path: values.buffer,
  quotaMiB: 64,
  clock,
  random: new SystemRandom(),
});
const policy = new SharingPolicy('minimal', new SiteDigest(new Uint8Array(16)));
const time = new SiteTime(clock, () => ({ source: 'ntp', errorMs: 10 }));
const sealer = new MessageSealer(signer, policy, time);
must(buffer.signAs(sealer));

const { kind: _, ...facts } = busySummary(agentId, 2);
for (let count = 0; count < Number(values.summaries); count++) {
  must(
    buffer.append(STREAM_SUMMARIES, (position) =>
      sealer.summary(position, { ...facts, kind: 'summary', observationsCount: count }),
    ),
  );
}
const parts = Math.ceil(Number(values.evidence) / EVIDENCE_PART_BYTES);
for (let number = 1; number <= parts; number++) {
  must(
    buffer.append(STREAM_EVIDENCE, (position) =>
      sealer.evidence(position, {
        kind: 'evidence',
        requestId: '00112233445566aa',
        detectionId: '9f2c00aa11bb22cc',
        part: { number, of: parts },
        pcap: sampleBytes(`part ${number}`, EVIDENCE_PART_BYTES),
      }),
    ),
  );
}
const { outboxMessages, outboxBytes } = buffer.statistics() ?? {};
buffer.close();
process.stdout.write(`${JSON.stringify({ outboxMessages, outboxBytes })}\n`);

function must(result: { readonly kind: string; readonly fault?: Error }): void {
  if (result.kind === 'fault') throw result.fault ?? new Error('the buffer refused');
}
