/**
 * What commands may ask the running agent to do over its socket: take a receipt or an advisory that
 * came on a USB stick, and note what the probe did. Everything is verified as if it came from
 * outside, because it did.
 */
import { type IntervalReport, NO_TRAFFIC, type Observation } from '../protocols/interval-report.ts';
import { SECTOR_ALL } from '../protocols/uplink/advisory.ts';
import { advisoryTopic, receiptTopic } from '../protocols/uplink/topics.ts';
import type { ControlAction } from './diagnostics/control-actions.ts';
import { OperatorFault } from './platform/operator-fault.ts';

const DETAILS_MAX = 16;
const TEXT_CHARACTERS_MAX = 256;

export interface SiteActionSources {
  agentId(): string | undefined;
  /** Answers why it was not taken. */
  deliver(topic: string, bytes: Uint8Array): OperatorFault | undefined;
  readonly sector: string | undefined;
  record(observation: Observation): void;
  /** Takes what `probe` learned, as it came over the socket. */
  learn(learned: unknown): void;
}

export function siteActions(sources: SiteActionSources): ReadonlyMap<string, ControlAction> {
  return new Map<string, ControlAction>([
    ['/v1/receipt', (bytes) => deliverReceipt(sources, bytes)],
    ['/v1/advisory', (bytes) => deliverAdvisory(sources, bytes)],
    ['/v1/probed', (bytes) => noteProbe(sources, bytes)],
  ]);
}

function deliverReceipt({ agentId, deliver }: SiteActionSources, bytes: Uint8Array): object {
  const id = agentId();
  if (id === undefined) throw noUplink();
  const fault = deliver(receiptTopic(id), bytes);
  if (fault !== undefined) throw fault;
  return { taken: true };
}

/** The archive doesn't say for which sector it is; the signature holds for one topic only. */
function deliverAdvisory(
  { agentId, deliver, sector }: SiteActionSources,
  bytes: Uint8Array,
): object {
  if (agentId() === undefined) throw noUplink();
  const faults: OperatorFault[] = [];
  for (const each of [SECTOR_ALL, ...(sector === undefined ? [] : [sector])]) {
    const fault = deliver(advisoryTopic(each), bytes);
    if (fault === undefined) return { taken: true };
    faults.push(fault);
  }
  // By the topic that isn't its own only the signature is wrong: the other one's word says why.
  throw faults.find(({ problem }) => !problem.includes('signatureInvalid')) ?? faults[0];
}

/** Only flat facts of known kinds, cut to size: the socket's group may write, not flood. */
function noteProbe({ record, learn }: SiteActionSources, bytes: Uint8Array): object {
  const facts: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (typeof facts !== 'object' || facts === null) return { taken: false };
  const details: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts).slice(0, DETAILS_MAX)) {
    if (typeof value === 'string') details[name] = value.slice(0, TEXT_CHARACTERS_MAX);
    else if (typeof value === 'number' || typeof value === 'boolean') details[name] = value;
  }
  record({ kind: 'probe', timeUs: 0, details });
  if ('learned' in facts) learn(facts.learned);
  return { taken: true };
}

/** A report that holds one observation of our own and no traffic. */
export function reportOfOurs(observation: Observation): IntervalReport {
  return {
    reportNumber: 0,
    fromUs: observation.timeUs,
    toUs: observation.timeUs,
    coverage: [],
    traffic: NO_TRAFFIC,
    conversations: [],
    conversationsFolded: 0,
    observations: [observation],
    observationsFolded: 0,
    detections: [],
    tables: [],
  };
}

function noUplink(): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_NOT_CONFIGURED',
    problem: 'This agent has no uplink in its configuration, so it signs nothing for a hub.',
    remedy: 'Add uplink with the broker and the credentials of the hub; a stick then works too.',
  });
}
