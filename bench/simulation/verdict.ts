/**
 * What must be true once the world has been healed and has run to quiet. Every promised message is
 * at the hub, or named as lost by a word that the hub has; nothing else is there; chains hold.
 */

import type { AgentMessage } from '../../protocols/uplink/messages.ts';
import { openAgentMessage } from '../../protocols/uplink/open.ts';
import { verificationKey } from '../../protocols/uplink/signature.ts';
import type { HubHost } from './hub-host.ts';
import { AGENT_KEY } from './keys.ts';
import { type Ledger, nameOf, type Place } from './ledger.ts';

interface Named {
  readonly epoch: number;
  readonly stream: number;
  readonly from: number;
  readonly to: number;
  /** Named by the begin of the next epoch alone: only for an epoch of which the hub has nothing. */
  readonly isWholeEpoch?: true;
}

interface StoredBody extends Place {
  readonly sha256: Buffer;
  readonly previousSha256: Buffer;
  readonly kind: string;
  readonly bytes: Buffer;
}

/** Adds to the ledger's violations. */
export function judge(ledger: Ledger, hub: HubHost): void {
  const bodies = hub
    .read()
    .prepare<[], StoredBody>(
      `SELECT epoch, stream, sequence, key.sha256, previousSha256, kind, bytes
       FROM message_key AS key LEFT JOIN message_body USING (agentId, epoch, stream, sequence)
       ORDER BY epoch, stream, sequence`,
    )
    .all();
  const stored = new Map(bodies.map((each) => [nameOf(each), each]));
  const named = namedAll(ledger, bodies, stored);
  judgePromises(ledger, stored, named);
  judgeChains(ledger, bodies, named);
  judgeFindings(ledger, hub);
  // A crash may leave the alert whose commit was in flight.
  const alertsStored = new Set(bodies.flatMap(detectionIn));
  for (const { detectionId, alerted, isExcused } of ledger.cases.values()) {
    if (alerted === undefined && !isExcused && !alertsStored.has(detectionId))
      ledger.violate(`case ${detectionId} has no alert`);
  }
}

/**
 * What stored words name, and what is named by a word that is itself named as lost: after a restore
 * of both sides the hub's word is that the word is gone.
 */
function namedAll(
  ledger: Ledger,
  bodies: readonly StoredBody[],
  stored: ReadonlyMap<string, StoredBody>,
): readonly Named[] {
  const epochs = new Set(bodies.map(({ epoch }) => epoch));
  const isFit = ({ epoch, isWholeEpoch }: Named): boolean => !isWholeEpoch || !epochs.has(epoch);
  const named = bodies.flatMap(namesIn).filter(isFit);
  const open = new Set([...ledger.promises.values()].filter((each) => !stored.has(nameOf(each))));
  for (let isMore = true; isMore; ) {
    isMore = false;
    for (const each of open) {
      if (!isNamed(named, each)) continue;
      open.delete(each);
      const more = namesInBytes(ledger.bytesOf(each.sha256)).filter(isFit);
      named.push(...more);
      isMore ||= more.length > 0;
    }
  }
  return named;
}

function judgePromises(
  ledger: Ledger,
  stored: ReadonlyMap<string, StoredBody>,
  named: readonly Named[],
): void {
  for (const each of ledger.promises.values()) {
    const name = nameOf(each);
    if (stored.get(name)?.sha256.toString('hex') === each.sha256) continue;
    if (each.isExcused || isNamed(named, each)) continue;
    ledger.violate(`${name} was promised, and is neither at the hub nor named as lost`);
  }
  for (const { epoch, stream, sequence, sha256 } of stored.values()) {
    const place = ledger.placeOf(sha256.toString('hex'));
    if (place?.epoch === epoch && place.stream === stream && place.sequence === sequence) continue;
    ledger.violate(`${nameOf({ epoch, stream, sequence })} is at the hub, and nobody signed it`);
  }
}

function judgeChains(ledger: Ledger, bodies: readonly StoredBody[], named: readonly Named[]): void {
  let before: StoredBody | undefined;
  let order = 0;
  for (const each of bodies) {
    const isSameStream = before?.epoch === each.epoch && before.stream === each.stream;
    const expected = isSameStream && before !== undefined ? before.sequence + 1 : 1;
    if (!isSameStream) order = 0;
    for (let sequence = expected; sequence < each.sequence; sequence++) {
      const { epoch, stream } = each;
      if (!isNamed(named, { epoch, stream, sequence })) {
        ledger.violate(`the hub has a hole at ${nameOf({ epoch, stream, sequence })}, unnamed`);
      }
    }
    const isNext = isSameStream && each.sequence === expected;
    if (isNext && before !== undefined && !each.previousSha256.equals(before.sha256)) {
      ledger.violate(`${nameOf(each)} names another predecessor`);
    }
    const promised = ledger.promises.get(`${nameOf(each)}/${each.sha256.toString('hex')}`);
    if (promised !== undefined && promised.order < order) {
      ledger.violate(`${nameOf(each)} was signed before the one that it follows`);
    }
    order = promised?.order ?? order;
    before = each;
  }
}

function judgeFindings(ledger: Ledger, hub: HubHost): void {
  const findings = hub
    .read()
    .prepare<[], { kind: string; reason: string; epoch: number; stream: number; sequence: number }>(
      "SELECT * FROM finding WHERE kind = 'forked' OR (kind = 'refused' AND sequence > 0)",
    )
    .all();
  for (const { kind, reason, ...place } of findings) {
    ledger.violate(
      `the hub found ${kind} ${reason} at ${place.epoch}/${place.stream}/${place.sequence}`,
    );
  }
}

function isNamed(named: readonly Named[], { epoch, stream, sequence }: Place): boolean {
  return named.some(
    (each) =>
      each.epoch === epoch &&
      each.stream === stream &&
      each.from <= sequence &&
      sequence <= each.to,
  );
}

/** The ranges that a stored message tells as lost. */
function namesIn({ kind, bytes }: StoredBody): readonly Named[] {
  const isWord = kind === 'tombstone' || kind === 'statement' || kind === 'epochBegins';
  return isWord ? namesInBytes(bytes) : [];
}

function detectionIn({ kind, bytes }: StoredBody): readonly string[] {
  const message = kind === 'alert' ? openedMessage(bytes) : undefined;
  return message?.kind === 'alert' ? [message.detectionId] : [];
}

function namesInBytes(bytes: Uint8Array | undefined): readonly Named[] {
  const message = bytes === undefined ? undefined : openedMessage(bytes);
  return message === undefined ? [] : namesOf(message);
}

function openedMessage(bytes: Uint8Array): AgentMessage | undefined {
  const { algorithm, publicKey } = AGENT_KEY.signer;
  const key = verificationKey(algorithm, publicKey);
  const opened = openAgentMessage(bytes, () => key);
  return opened.kind === 'opened' ? opened.message : undefined;
}

function namesOf(message: AgentMessage): readonly Named[] {
  if (message.kind === 'tombstone') {
    const { epochOf: epoch, stream, from, to } = message;
    return [{ epoch, stream, from, to }];
  }
  if (message.kind === 'epochBegins') {
    const { previousEpoch: epoch, stream } = message;
    if (epoch === undefined) return [];
    return [{ epoch, stream, from: 1, to: Number.MAX_SAFE_INTEGER, isWholeEpoch: true }];
  }
  if (message.kind !== 'statement') return [];
  const { epochOf: epoch, streamOf: stream, from, to } = message;
  if (epoch === undefined || stream === undefined || from === undefined || to === undefined) {
    return [];
  }
  return [{ epoch, stream, from, to }];
}
