/**
 * The canonical topics of the uplink. What a verifier puts into `external_aad` is built here from
 * the signed agentId and stream, never taken from the broker, so that a bridge's prefix, an archive
 * or a USB stick changes nothing.
 */
import { isAgentId } from './agent-id.ts';
import { STREAM_ALERTS, STREAM_EVIDENCE, STREAM_SUMMARIES, type Stream } from './messages.ts';

/** All that agents send; workers of a hub share it by `$share/ingest/` where the broker can. */
export const UPLINK_FILTER = 'ft/v1/+/up/#';
export const SHARED_UPLINK_FILTER = `$share/ingest/${UPLINK_FILTER}`;
/** A topic with a bridge's prefix; what is longer is refused unread. */
export const TOPIC_CHARACTERS_MAX = 256;

export const STREAMS: readonly Stream[] = [STREAM_ALERTS, STREAM_SUMMARIES, STREAM_EVIDENCE];

const SUFFIX_OF_STREAM = {
  [STREAM_ALERTS]: 'a',
  [STREAM_SUMMARIES]: 's',
  [STREAM_EVIDENCE]: 'b',
} as const;

const SECTOR = /^[a-z][a-z0-9-]{0,31}$/;

export function streamTopic(agentId: string, stream: Stream): string {
  return `ft/v1/${agentId}/up/${SUFFIX_OF_STREAM[stream]}`;
}

export function statusTopic(agentId: string): string {
  return `ft/v1/${agentId}/up/st`;
}

export function receiptTopic(agentId: string): string {
  return `ft/v1/${agentId}/dn/r`;
}

export function requestTopic(agentId: string): string {
  return `ft/v1/${agentId}/dn/c`;
}

export function advisoryTopic(sector: string): string {
  return `ft/v1/adv/${sector}`;
}

export function certificateTopic(agentId: string): string {
  return `ft/v1/${agentId}/dn/k`;
}

export type ParsedTopic =
  | { readonly kind: 'stream'; readonly agentId: string; readonly stream: Stream }
  | { readonly kind: 'status' | 'receipt' | 'request' | 'certificate'; readonly agentId: string }
  | { readonly kind: 'advisory'; readonly sector: string };

/** Reads a delivered topic by its last levels (a bridge may have put a prefix before `ft`). */
export function parseTopic(topic: string): ParsedTopic | undefined {
  if (topic.length > TOPIC_CHARACTERS_MAX) return undefined;
  const levels = topic.split('/');
  const [root, version, third, fourth, fifth] = levels.slice(-5);
  if (root === 'ft' && version === 'v1' && isAgentId(third)) {
    return agentTopic(third, `${fourth}/${fifth}`);
  }
  const [advisoryRoot, advisoryVersion, adv, sector] = levels.slice(-4);
  if (advisoryRoot === 'ft' && advisoryVersion === 'v1' && adv === 'adv' && SECTOR.test(sector)) {
    return { kind: 'advisory', sector };
  }
  return undefined;
}

/** True when the broker delivered on the canonical topic, with or without a bridge's prefix. */
export function endsWithTopic(deliveredTopic: string, canonicalTopic: string): boolean {
  return deliveredTopic === canonicalTopic || deliveredTopic.endsWith(`/${canonicalTopic}`);
}

function agentTopic(agentId: string, suffix: string): ParsedTopic | undefined {
  switch (suffix) {
    case 'up/a':
      return { kind: 'stream', agentId, stream: STREAM_ALERTS };
    case 'up/s':
      return { kind: 'stream', agentId, stream: STREAM_SUMMARIES };
    case 'up/b':
      return { kind: 'stream', agentId, stream: STREAM_EVIDENCE };
    case 'up/st':
      return { kind: 'status', agentId };
    case 'dn/r':
      return { kind: 'receipt', agentId };
    case 'dn/c':
      return { kind: 'request', agentId };
    case 'dn/k':
      return { kind: 'certificate', agentId };
    default:
      return undefined;
  }
}
