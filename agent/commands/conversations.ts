/** `fieldtap conversations`: who talks to whom, how often, and over which addresses. */
import type { KnownConversation } from '../observe/conversation-list.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { csvText } from './csv-text.ts';
import { askKnowledge, type KnowledgeOptions } from './knowledge-source.ts';
import { conversationFields } from './replay-summary.ts';
import { msText, numberText } from './replay-text-format.ts';

const POLLS_SHOWN_MAX = 6;
const RANGES_SHOWN_MAX = 6;

export async function conversations(options: KnowledgeOptions): Promise<number> {
  const answer = await askKnowledge(options, { topic: 'conversations' });
  // Both ends are the same program.
  const list = (answer.value.conversations ?? []) as readonly KnownConversation[];
  const text = options.json
    ? escapeJson(JSON.stringify({ from: answer.from, conversations: list.map(conversationFields) }))
    : options.csv
      ? csvOf(list)
      : pageOf(list);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

function pageOf(list: readonly KnownConversation[]): string {
  if (list.length === 0) return 'No conversation has been seen yet.';
  return list.flatMap(linesOf).join('\n');
}

function linesOf(each: KnownConversation): string[] {
  const { clientIpAddress, serverIpAddress, serverPort, unitId, roleSource } = each;
  const unit = unitId === undefined ? '' : `, unit ${unitId}`;
  const protocol = each.protocol === 'modbus' ? 'Modbus' : 'OPC UA';
  const sure = Math.round(each.roleConfidence * 100);
  const roles = `${roleSource ?? 'unknown'}, ${sure} %`;
  const rtt = each.rttUs === undefined ? '' : `; answers after ${msText(each.rttUs.p50)}`;
  const lines = [
    `${protocol}  ${clientIpAddress} -> ${serverIpAddress}:${serverPort}${unit}  (roles: ${roles})`,
    `    ${numberText(each.requests)} requests, ${numberText(each.responses)} answered, ` +
      `${numberText(each.exceptions)} refused, ${numberText(each.writes)} writes${rtt}`,
  ];
  for (const poll of (each.polls ?? []).slice(0, POLLS_SHOWN_MAX)) {
    const what = poll.service ?? `function ${poll.functionCode}${rangeText(poll)}`;
    const jitter = poll.periodJitterMs ?? 0;
    const times = `${numberText(poll.count)} times`;
    lines.push(`    ${what}: every ${poll.periodMs} ms, jitter ${jitter} ms, ${times}`);
  }
  const ranges = (each.addressRanges ?? []).slice(0, RANGES_SHOWN_MAX);
  if (ranges.length > 0) {
    const text = ranges.map((range) => `${range.functionCode}:${addressText(range)}`).join(' ');
    lines.push(`    addresses by function: ${text}`);
  }
  return lines;
}

function rangeText(of: { readonly address?: number; readonly quantity?: number }): string {
  const { address, quantity } = of;
  if (address === undefined || quantity === undefined) return '';
  return ` at ${addressText({ address, quantity })}`;
}

function addressText({ address, quantity }: { address: number; quantity: number }): string {
  return quantity === 1 ? String(address) : `${address}..${address + quantity - 1}`;
}

function csvOf(list: readonly KnownConversation[]): string {
  const header = [
    'protocol',
    'client',
    'server',
    'serverPort',
    'unitId',
    'transport',
    'roleSource',
    'roleConfidence',
    'requests',
    'responses',
    'exceptions',
    'writes',
    'unmatchedRequests',
    'bytesMissed',
    'rttP50Us',
    'functions',
    'communityIds',
    'firstSeen',
    'lastSeen',
  ];
  const rows = list.map((each) => [
    each.protocol,
    each.clientIpAddress,
    each.serverIpAddress,
    each.serverPort,
    each.unitId ?? '',
    each.transport,
    each.roleSource ?? '',
    each.roleConfidence,
    each.requests,
    each.responses,
    each.exceptions,
    each.writes,
    each.unmatchedRequests,
    each.bytesMissed,
    each.rttUs?.p50 ?? '',
    (each.functionCodes ?? []).map(({ functionCode }) => functionCode).join(' ') ||
      (each.services ?? []).map(({ service }) => service).join(' '),
    (each.communityIds ?? []).join(' '),
    timeText(each.firstSeenUs),
    timeText(each.lastSeenUs),
  ]);
  return csvText([header, ...rows]);
}

function timeText(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
