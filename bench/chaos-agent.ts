/**
 * Agents in a hurry, for the kill test of a whole chain: real buffers and the real uplink, several
 * sites in one process, with a clock that runs faster. May be killed at any moment and started
 * again on the same folder. chaos-agent.ts FOLDER BROKER SITES SUMMARIES_A_SITE
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, SystemClock } from '../agent/platform/clock.ts';
import { SiteDigest } from '../agent/platform/digest.ts';
import { silentLog } from '../agent/platform/log.ts';
import { SystemRandom } from '../agent/platform/random.ts';
import { loadReceiptKey, openAgentIdentity } from '../agent/uplink/credentials.ts';
import { MqttLink } from '../agent/uplink/mqtt-link.ts';
import { Uplink } from '../agent/uplink/uplink.ts';
import { SiteBuffer } from '../buffer/site-buffer.ts';
import { report } from '../buffer/test-kit.ts';

/** Seconds of the agent in one of ours: summaries, backoff and overdue receipts alike. */
const FASTER = 20;
const LOOK_MS = 50;

class FastClock implements Clock {
  readonly #clock = new SystemClock();
  readonly #startMs = this.#clock.monotonicMs();

  wallMs(): number {
    return this.#clock.wallMs();
  }

  monotonicMs(): number {
    return this.#startMs + (this.#clock.monotonicMs() - this.#startMs) * FASTER;
  }

  after(delayMs: number, call: () => void): () => void {
    return this.#clock.after(delayMs / FASTER, call);
  }
}

const [folder, broker, sitesText, summariesText] = process.argv.slice(2);
const clock = new FastClock();
const random = new SystemRandom();
let reports = 0;
const sites = Array.from({ length: Number(sitesText) }, (_, number) => openSite(number));

function openSite(number: number) {
  const place = join(folder, `site-${number}`);
  mkdirSync(place, { recursive: true });
  const { agentId, signer } = openAgentIdentity(join(place, 'enrolment'));
  const path = join(place, 'agent.db');
  const buffer = SiteBuffer.open({ path, quotaMiB: 64, clock, random });
  const uplink = new Uplink({
    buffer,
    signer,
    receiptKeys: loadReceiptKey(join(place, 'enrolment')),
    link: new MqttLink({ broker, agentId }),
    clock,
    random,
    log: silentLog,
    digest: new SiteDigest(new Uint8Array(32)),
    settings: {
      broker,
      siteName: `Chaos ${number}`,
      sharing: 'minimal',
      programVersion: '0',
      summaryIntervalMs: 1000,
    },
  });
  uplink.start();
  return { buffer, uplink };
}

/** Sequences signed on the stream of summaries, over all lives. */
function signedCount(buffer: SiteBuffer): number {
  const heads = buffer.statistics()?.streams ?? [];
  return heads.reduce((most, { stream, lastSequence }) => {
    return stream === 2 ? Math.max(most, lastSequence) : most;
  }, 0);
}

function look(): void {
  let isDone = true;
  for (const { buffer, uplink } of sites) {
    const isSigned = signedCount(buffer) > Number(summariesText);
    if (!isSigned) {
      const next = report(++reports);
      buffer.recordReport(next);
      uplink.report(next);
    }
    isDone &&= isSigned && uplink.status().outboxMessages === 0;
  }
  if (isDone) {
    process.stdout.write('{"done":true}\n');
    return;
  }
  setTimeout(look, LOOK_MS);
}

process.stdout.write('{"ready":true}\n');
look();
