/**
 * What `replay` says to a person: who talks to whom, what is wrong, what could not be seen, which
 * devices there are. Text from the wire is escaped and cut; the whole of it is in --summary json.
 */
import type { ConversationCounts, Detection, Severity } from '../../protocols/interval-report.ts';
import { functionFacts } from '../../protocols/modbus/function-codes.ts';
import type { Asset } from '../observe/asset-table.ts';
import type { PipelineTotals } from '../pipeline.ts';
import { escapeText, escapeTextShort } from '../platform/wire-text.ts';
import {
  bytesText,
  countText,
  durationText,
  msText,
  numberText,
  timesText,
  utcText,
  wrapped,
} from './replay-text-format.ts';

const CONVERSATIONS_SHOWN_MAX = 20;
const DETECTIONS_SHOWN_MAX = 20;
const ASSETS_SHOWN_MAX = 40;
const SUBJECTS_SHOWN_MAX = 6;
const FACT_CHARACTERS_MAX = 80;
const REFUSALS_SHOWN_MAX = 10;
const SEVERITIES: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];
const NO_FACT_OF_TRAFFIC = ['protocol', 'modbusPort', 'opcuaPort', 'macAddress'];

/** Lines with line ends. `label` names what was read, already safe to print. */
export function summaryText(label: string, totals: PipelineTotals): string {
  const lines = [headline(label, totals), ''];
  const publishedCount = totals.decode.opcua.byType.UADP ?? 0;
  if (publishedCount > 0) {
    const count = countText(publishedCount, 'message');
    lines.push(`${count} of OPC UA PubSub: --records ndjson shows them.`, '');
  }
  if (totals.conversations.length === 0 && publishedCount === 0) {
    lines.push(
      'No Modbus and no OPC UA in this capture.',
      'If there should be some: check that the mirror port shows both directions of the right',
      'switch ports, and name unusual ports with --modbus-port or --opcua-port.',
      '',
    );
  } else if (totals.conversations.length > 0) {
    lines.push('WHO TALKS TO WHOM', ...conversationLines(totals), '');
  }
  lines.push('WHAT IS WRONG', ...wrongLines(totals), '');
  lines.push('WHAT WAS NOT SEEN', ...unseenLines(totals));
  if (totals.assets.length > 0) lines.push('', 'DEVICES', ...assetLines(totals.assets));
  return `${lines.join('\n')}\n`;
}

function headline(label: string, totals: PipelineTotals): string {
  const { framesCount, bytesCount } = totals.decode;
  const size = `${label}: ${countText(framesCount, 'frame')}, ${bytesText(bytesCount)}`;
  if (totals.firstFrameUs < 0) return size;
  const seconds = (totals.lastFrameUs - totals.firstFrameUs) / 1_000_000;
  const [first, last] = [utcText(totals.firstFrameUs), utcText(totals.lastFrameUs)];
  return `${size}, ${first} to ${last} (${durationText(seconds)})`;
}

function conversationLines(totals: PipelineTotals): string[] {
  const lines: string[] = [];
  for (const conversation of totals.conversations.slice(0, CONVERSATIONS_SHOWN_MAX)) {
    lines.push(...conversationText(conversation));
  }
  const more = totals.conversations.length - CONVERSATIONS_SHOWN_MAX + totals.conversationsFolded;
  if (more > 0) lines.push(`  and ${numberText(more)} more (all: --summary json)`);
  return lines;
}

function conversationText(conversation: ConversationCounts): string[] {
  const { protocol, clientIpAddress, serverIpAddress, serverPort, unitId } = conversation;
  const name = protocol === 'modbus' ? 'Modbus' : 'OPC UA';
  const unit = unitId === undefined ? '' : `, unit ${unitId}`;
  const counts = [
    countText(conversation.requests, 'request'),
    `${numberText(conversation.responses)} answered`,
  ];
  if (conversation.exceptions > 0) counts.push(`${numberText(conversation.exceptions)} refused`);
  if (conversation.unmatchedRequests > 0) {
    counts.push(`${numberText(conversation.unmatchedRequests)} without an answer`);
  }
  if (conversation.writes > 0) counts.push(`${numberText(conversation.writes)} of them write`);
  const { rttUs } = conversation;
  const time =
    rttUs === undefined
      ? ''
      : `; answers after ${msText(rttUs.p50)} ` +
        `(95 % ${msText(rttUs.p95)}, slowest ${msText(rttUs.max)})`;
  const lines = [
    `  ${name}  ${clientIpAddress} -> ${serverIpAddress}:${serverPort}${unit}`,
    `          ${counts.join(', ')}${time}`,
  ];
  const subjects = subjectsText(conversation);
  if (subjects !== '') lines.push(`          ${subjects}`);
  return lines;
}

function subjectsText(conversation: ConversationCounts): string {
  const subjects = [
    ...(conversation.functionCodes ?? []).map(
      ({ functionCode, requests, responses, exceptions }) => ({
        name: functionFacts(functionCode).functionName,
        count: Math.max(requests, responses + exceptions),
      }),
    ),
    ...(conversation.services ?? []).map(({ service, count }) => ({ name: service, count })),
  ].sort((a, b) => b.count - a.count);
  const shown = subjects
    .slice(0, SUBJECTS_SHOWN_MAX)
    .map(({ name, count }) => `${escapeText(name)} ${numberText(count)}`);
  const more = subjects.length - SUBJECTS_SHOWN_MAX;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function wrongLines(totals: PipelineTotals): string[] {
  const lines: string[] = [];
  const detections = [...totals.detections].sort(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
  );
  for (const detection of detections.slice(0, DETECTIONS_SHOWN_MAX)) {
    lines.push(...detectionText(detection));
  }
  const more = totals.detections.length - DETECTIONS_SHOWN_MAX;
  if (more > 0) lines.push(`  and ${numberText(more)} more (all: --summary json)`);
  lines.push(...refusalLines(totals));
  const { modbus, opcua } = totals.decode;
  if (modbus.malformed > 0) {
    lines.push(`  Bytes on a Modbus connection were no Modbus: ${timesText(modbus.malformed)}.`);
  }
  if (opcua.malformed > 0) {
    lines.push(`  Bytes on an OPC UA connection were no OPC UA: ${timesText(opcua.malformed)}.`);
  }
  return lines.length > 0 ? lines : ['  Nothing that this version looks for.'];
}

function detectionText(detection: Detection): string[] {
  const { severity, title, code, occurrencesCount, explanation, remedy } = detection;
  return [
    `  ${severity.toUpperCase()}  ${title} (${code}), ${timesText(occurrencesCount)}`,
    ...wrapped(explanation),
    ...wrapped(`What to do: ${remedy}`),
  ];
}

interface Refusal {
  readonly text: string;
  readonly count: number;
}

/** What devices refused, the most frequent first, with the reason they gave at first. */
function refusalLines(totals: PipelineTotals): string[] {
  const refusals: Refusal[] = [];
  for (const conversation of totals.conversations) {
    const { clientIpAddress, serverIpAddress, serverPort, unitId } = conversation;
    for (const { functionCode, exceptions } of conversation.functionCodes ?? []) {
      if (exceptions === 0) continue;
      const name = functionFacts(functionCode).functionName;
      const reason = reasonOf(totals, conversation, functionCode);
      const device = `Unit ${unitId ?? '-'} of ${serverIpAddress}`;
      const text = `${device} refused ${name} of ${clientIpAddress}${reason}`;
      refusals.push({ text, count: exceptions });
    }
    if (conversation.protocol === 'opcua' && conversation.exceptions > 0) {
      const reason = reasonOf(totals, conversation, undefined);
      const text = `${serverIpAddress}:${serverPort} refused OPC UA requests of ${clientIpAddress}`;
      refusals.push({ text: `${text}${reason}`, count: conversation.exceptions });
    }
  }
  refusals.sort((a, b) => b.count - a.count);
  const lines = refusals
    .slice(0, REFUSALS_SHOWN_MAX)
    .map(({ text, count }) => `  ${text}: ${timesText(count)}.`);
  const more = refusals.length - REFUSALS_SHOWN_MAX;
  return more > 0 ? [...lines, `  and ${numberText(more)} more kinds of refusal.`] : lines;
}

function reasonOf(
  totals: PipelineTotals,
  conversation: ConversationCounts,
  functionCode: number | undefined,
): string {
  const names = new Set<string>();
  for (const { kind, details, ...observation } of totals.observations) {
    if (
      kind === 'exception' &&
      observation.protocol === conversation.protocol &&
      observation.clientIpAddress === conversation.clientIpAddress &&
      observation.serverIpAddress === conversation.serverIpAddress &&
      observation.serverPort === conversation.serverPort &&
      observation.unitId === conversation.unitId &&
      observation.functionCode === functionCode
    ) {
      names.add(String(details?.exceptionName ?? details?.statusName));
    }
  }
  return names.size === 0 ? '' : ` (${escapeText([...names].slice(0, 3).join(', '))})`;
}

function unseenLines(totals: PipelineTotals): string[] {
  const { decode } = totals;
  const lines: string[] = [];
  if (decode.bytesMissedCount > 0) {
    const missed = countText(decode.bytesMissedCount, 'byte');
    const gaps = countText(decode.gapsCount, 'gap');
    lines.push(`  ${missed} in ${gaps}: the capture lost them (a busy mirror port drops frames).`);
  }
  if (decode.framesTruncatedCount > 0) {
    const frames = countText(decode.framesTruncatedCount, 'frame', ' is', ' are');
    lines.push(`  ${frames} cut short: capture with a snap length of 0 (tcpdump -s 0).`);
  }
  const { unmatchedRequests, unmatchedResponses } = decode.modbus;
  if (unmatchedRequests > 0) {
    const requests = countText(unmatchedRequests, 'Modbus request', ' has', ' have');
    lines.push(`  ${requests} no answer in the capture.`);
  }
  if (unmatchedResponses > 0) {
    const answers = countText(unmatchedResponses, 'Modbus answer', ' has', ' have');
    lines.push(`  ${answers} no request in the capture.`);
  }
  if (decode.opcua.encryptedMessages > 0) {
    const messages = countText(decode.opcua.encryptedMessages, 'OPC UA message', ' is', ' are');
    lines.push(`  ${messages} encrypted: only size and time can be told.`);
  }
  if (totals.observationsFolded > 0) {
    lines.push(`  ${numberText(totals.observationsFolded)} rare facts were counted, but not kept.`);
  }
  return lines.length > 0 ? lines : ['  Nothing, as far as the capture shows.'];
}

function assetLines(assets: readonly Asset[]): string[] {
  const lines = assets.slice(0, ASSETS_SHOWN_MAX).map((asset) => {
    const parts = [asset.roles.join(' and ')];
    if (asset.unitId !== undefined) parts.push(`unit ${asset.unitId}`);
    if (asset.macAddress !== undefined) parts.push(asset.macAddress);
    for (const fact of asset.facts) {
      if (NO_FACT_OF_TRAFFIC.includes(fact.name)) continue;
      parts.push(`${fact.name} ${escapeTextShort(String(fact.value), FACT_CHARACTERS_MAX)}`);
    }
    return `  ${asset.assetId}  ${parts.join(', ')}`;
  });
  const more = assets.length - ASSETS_SHOWN_MAX;
  return more > 0 ? [...lines, `  and ${numberText(more)} more (all: --summary json)`] : lines;
}
