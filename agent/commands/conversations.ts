/** `fieldtap conversations`: who talks to whom, how often, and over which addresses. */
import type { KnownConversation } from '../observe/conversation-list.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { csvText } from './csv-text.ts';
import { askKnowledge, type KnowledgeOptions } from './knowledge-source.ts';
import { folded, periodText, tableLines } from './knowledge-text.ts';
import { conversationFields } from './replay-summary.ts';
import { countText, msText, numberText } from './replay-text-format.ts';

const POLLS_SHOWN_MAX = 6;
const RANGES_SHOWN_MAX = 6;
/** So few are shown with everything. */
const DETAILED_MAX = 3;

export interface ConversationsOptions extends KnowledgeOptions {
  readonly server?: string;
  /** Polls, periods and addresses of each. */
  readonly details: boolean;
}

export async function conversations(options: ConversationsOptions): Promise<number> {
  const answer = await askKnowledge(options, { topic: 'conversations' });
  // Both ends are the same program.
  const all = (answer.value.conversations ?? []) as readonly KnownConversation[];
  const { server } = options;
  const list = server === undefined ? all : all.filter((each) => each.serverIpAddress === server);
  const text = options.json
    ? escapeJson(JSON.stringify({ from: answer.from, conversations: list.map(conversationFields) }))
    : options.csv
      ? csvOf(list)
      : pageOf(list, options);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

function pageOf(list: readonly KnownConversation[], options: ConversationsOptions): string {
  if (list.length === 0) {
    return options.server === undefined
      ? 'No conversation has been seen yet; "fieldtap doctor" says what the sensor hears.'
      : 'No conversation with that server has been seen.';
  }
  const isLong = options.details || list.length <= DETAILED_MAX;
  const title = `${countText(list.length, 'conversation')}, busiest first`;
  if (isLong) return [title, ...list.flatMap(linesOf)].join('\n');
  const hint = '; --details shows polls and addresses';
  return [title + hint, ...tableLines(HEADER, list.map(rowOf))].join('\n');
}

const HEADER = ['CLIENT', 'SERVER', 'UNIT', 'REQUESTS', 'REFUSED', 'WRITES', 'ANSWER'];

function rowOf(each: KnownConversation): (string | number)[] {
  const { clientIpAddress, serverIpAddress, serverPort, unitId, rttUs } = each;
  return [
    clientIpAddress,
    placeOf(serverIpAddress, serverPort),
    each.protocol === 'modbus' ? String(unitId ?? '-') : 'OPC UA',
    numberText(each.requests),
    numberText(each.exceptions),
    numberText(each.writes),
    rttUs === undefined ? 'none' : msText(rttUs.p50),
  ];
}

/** A serial line has no port. */
function placeOf(ipAddress: string, port: number): string {
  if (port === 0) return ipAddress;
  return ipAddress.includes(':') ? `[${ipAddress}]:${port}` : `${ipAddress}:${port}`;
}

function linesOf(each: KnownConversation): string[] {
  const { clientIpAddress, serverIpAddress, serverPort, unitId, roleSource } = each;
  const unit = unitId === undefined ? '' : `, unit ${unitId}`;
  const protocol = each.protocol === 'modbus' ? 'Modbus' : 'OPC UA';
  const sure = Math.round(each.roleConfidence * 100);
  const roles = `${roleSource ?? 'unknown'}, ${sure} %`;
  const rtt = each.rttUs === undefined ? '' : `; answers after ${msText(each.rttUs.p50)}`;
  const server = placeOf(serverIpAddress, serverPort);
  const lines = [
    `${protocol}  ${clientIpAddress} -> ${server}${unit}  (roles: ${roles})`,
    `    ${numberText(each.requests)} requests, ${numberText(each.responses)} answered, ` +
      `${numberText(each.exceptions)} refused, ${numberText(each.writes)} writes${rtt}`,
  ];
  const polls = each.polls ?? [];
  for (const poll of polls.slice(0, POLLS_SHOWN_MAX)) {
    const what = poll.service ?? `function ${poll.functionCode}${rangeText(poll)}`;
    const jitter = periodText(poll.periodJitterMs ?? 0);
    const times = `${numberText(poll.count)} times`;
    lines.push(`    ${what}: every ${periodText(poll.periodMs ?? 0)}, jitter ${jitter}, ${times}`);
  }
  if (polls.length > POLLS_SHOWN_MAX) lines.push(moreText(polls.length - POLLS_SHOWN_MAX, 'poll'));
  const ranges = each.addressRanges ?? [];
  if (ranges.length > 0) {
    const shown = ranges.slice(0, RANGES_SHOWN_MAX);
    const text = shown.map((range) => `${range.functionCode}:${addressText(range)}`).join(' ');
    const more = ranges.length > shown.length ? ` and ${ranges.length - shown.length} more` : '';
    lines.push(`    addresses by function: ${text}${more}`);
  }
  return lines.flatMap(folded);
}

function moreText(count: number, noun: string): string {
  return `    and ${countText(count, `more ${noun}`)} (--json has them all)`;
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
