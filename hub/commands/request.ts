/**
 * `fieldtap-hub request`: asks an agent for the frames of its detections, signed by the receipt
 * key, and waits until they are in the store. Data is asked for; nothing is executed over there.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock } from '../../agent/platform/clock.ts';
import { writeWhole } from '../../agent/platform/durable-file.ts';
import { silentLog } from '../../agent/platform/log.ts';
import { OperatorFault } from '../../agent/platform/operator-fault.ts';
import { SystemRandom } from '../../agent/platform/random.ts';
import { escapeText } from '../../agent/platform/wire-text.ts';
import { DETECTION_ID_BYTES } from '../../protocols/uplink/alert.ts';
import type { HubRequest } from '../../protocols/uplink/messages.ts';
import { openAgentMessage, sealRequest } from '../../protocols/uplink/open.ts';
import { REQUEST_EVIDENCE_MAX, REQUEST_ID_BYTES } from '../../protocols/uplink/request.ts';
import { requestTopic } from '../../protocols/uplink/topics.ts';
import { AgentRegistry } from '../agent-registry.ts';
import { type HubConfig, loadHubConfig } from '../config.ts';
import { type EvidenceAnswer, EvidenceAnswers } from '../evidence-answers.ts';
import { openStore } from '../open-store.ts';
import { publishOnce } from '../publish-once.ts';
import { openReader } from '../reader.ts';
import { openReceiptSigner } from '../receipt-key.ts';

const POLL_MS = 500;
/** A worker on another machine stamps by a clock of its own. */
const CLOCK_ERROR_MS = 600_000;
const DETECTION_ID = new RegExp(`^[0-9a-f]{${2 * DETECTION_ID_BYTES}}$`);

export interface RequestOptions {
  readonly config: string;
  readonly agent: string;
  readonly detection: readonly string[];
  /** Folder for a pcap file of each detection. */
  readonly out?: string;
  readonly waitSeconds: number;
  readonly json: boolean;
}

/** Answers the exit code: 1 when an answer is missing or has no frames. */
export async function request(options: RequestOptions): Promise<number> {
  const config = loadHubConfig(options.config);
  const clock = new SystemClock();
  const registry = new AgentRegistry(config.agents, clock, silentLog);
  if (!registry.isEnrolled(options.agent)) throw notEnrolled(options.agent);
  checkDetections(options.detection);
  const random = new SystemRandom();
  const asked = new Map(
    [...new Set(options.detection)].map((detectionId) => [
      Buffer.from(random.bytes(REQUEST_ID_BYTES)).toString('hex'),
      detectionId,
    ]),
  );
  const answers = new EvidenceAnswers(asked);
  const sentAtMs = await send(config, options.agent, asked, clock);
  const deadlineMs = clock.monotonicMs() + options.waitSeconds * 1000;
  const reader = await openReader(config.database);
  try {
    for (;;) {
      const stored = await reader.evidence(options.agent, sentAtMs - CLOCK_ERROR_MS);
      for (const { bytes } of stored) {
        const opened = openAgentMessage(bytes, (keyId) => registry.keyForHistory(keyId));
        if (opened.kind === 'opened' && opened.message.kind === 'evidence') {
          answers.add(opened.message);
        }
      }
      if (answers.isComplete || clock.monotonicMs() >= deadlineMs) break;
      await delay(POLL_MS);
    }
  } finally {
    await reader.close();
  }
  return tell(options, answers);
}

/** Answers when by this machine's clock. */
async function send(
  config: HubConfig,
  agentId: string,
  asked: ReadonlyMap<string, string>,
  clock: SystemClock,
): Promise<number> {
  // The workers' hubEpoch and clock: within it an agent answers rising serials only.
  const store = await openStore(config.database);
  const { hubEpoch } = store;
  await store.close();
  const hubTimeMs = clock.wallMs();
  const message: HubRequest = {
    kind: 'request',
    agentId,
    requestSerial: hubTimeMs,
    hubEpoch,
    hubTimeMs,
    resend: [],
    evidence: [...asked].map(([requestId, detectionId]) => ({ requestId, detectionId })),
  };
  const bytes = sealRequest(openReceiptSigner(config.keys), message);
  const sent = { topic: requestTopic(agentId), bytes, isRetained: false };
  await publishOnce(config.broker, sent, {
    code: 'HUB_REQUEST_NOT_SENT',
    what: 'the request',
    remedy: 'Mend the link, allow the hub to write ft/v1/+/dn/#, and ask once more.',
  });
  return hubTimeMs;
}

function tell(options: RequestOptions, answers: EvidenceAnswers): number {
  const { whole } = answers;
  if (options.out !== undefined) mkdirSync(options.out, { recursive: true });
  const lines = whole.map((answer) => lineOf(answer, options));
  if (!answers.isComplete) {
    const answered = new Set(whole.map(({ detectionId }) => detectionId));
    const open = options.detection.filter((detectionId) => !answered.has(detectionId));
    if (options.json)
      lines.push(...open.map((id) => JSON.stringify({ detectionId: id, kind: 'open' })));
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
    throw new OperatorFault({
      code: 'HUB_REQUEST_UNANSWERED',
      problem:
        `"${options.agent}" hasn't answered for ${open.join(', ')} ` +
        `within ${options.waitSeconds} s.`,
      remedy:
        'See with "fieldtap-hub agents" whether it is connected, and ask once more; ' +
        '--wait gives a slow link more time.',
    });
  }
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return whole.every(({ kind }) => kind === 'frames') ? 0 : 1;
}

function lineOf(answer: EvidenceAnswer, { out, json }: RequestOptions): string {
  const { detectionId } = answer;
  if (answer.kind === 'absent') {
    const { kind, absence } = answer;
    if (json) return JSON.stringify({ detectionId, kind, absence });
    const why =
      absence === 'gone'
        ? 'the frames are gone, or there never were any'
        : "the site's sharing level keeps frames at home";
    return `${detectionId}: none, ${why}`;
  }
  const file = out === undefined ? undefined : join(out, `${detectionId}.pcap`);
  if (file !== undefined) writeWhole(file, answer.pcap, 0o640);
  const bytes = answer.pcap.byteLength;
  if (json) return JSON.stringify({ detectionId, kind: answer.kind, bytes, file });
  return escapeText(`${detectionId}: ${bytes} bytes of pcap stored${file ? `, in ${file}` : ''}`);
}

function checkDetections(detectionIds: readonly string[]): void {
  const wrong = detectionIds.find((detectionId) => !DETECTION_ID.test(detectionId));
  if (wrong === undefined && detectionIds.length <= REQUEST_EVIDENCE_MAX) return;
  throw new OperatorFault({
    code: 'HUB_REQUEST_INVALID',
    problem:
      wrong === undefined
        ? `${detectionIds.length} detections are more than ${REQUEST_EVIDENCE_MAX}.`
        : `"${wrong}" is no id of a detection: ${2 * DETECTION_ID_BYTES} hex digits.`,
    remedy: 'Take ids from "fieldtap-hub alerts"; they stand at the end of each line.',
  });
}

function notEnrolled(agentId: string): OperatorFault {
  return new OperatorFault({
    code: 'HUB_AGENT_NOT_ENROLLED',
    problem: `"${agentId}" can't be asked: no agent of this id has a good key here.`,
    remedy: 'Take an agentId that "fieldtap-hub agents" lists.',
  });
}
