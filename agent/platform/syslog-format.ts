/**
 * A detection or an advisory as one line of syslog: RFC 5424 with structured data, or ArcSight CEF
 * behind the same header. Text from the wire is escaped; nothing in it can end a field or a line.
 */
import { isIP } from 'node:net';
import type { Severity } from '../../protocols/interval-report.ts';
import { escapeText } from './wire-text.ts';

export type SyslogFormat = 'rfc5424' | 'cef';

/** One alarm, whatever made it. Addresses in clear: the receiver is on site. */
export interface SyslogEvent {
  /** `detection` or `advisory`: MSGID. */
  readonly kind: 'detection' | 'advisory';
  readonly timeMs: number;
  readonly severity: Severity;
  /** `MODBUS_FUNCTION_ZERO`, or the id of an advisory. */
  readonly code: string;
  readonly title: string;
  readonly text: string;
  readonly client?: string;
  readonly server?: string;
  readonly unitId?: number;
  readonly id?: string;
  readonly occurrencesCount?: number;
  readonly techniques?: readonly string[];
}

export interface SyslogOrigin {
  readonly hostName: string;
  readonly processId: number;
  readonly programVersion: string;
  /** 0 to 23; 16 is local0. */
  readonly facility: number;
}

/** RFC 5424 section 6.2.1. */
const SYSLOG_SEVERITY = { critical: 2, high: 3, medium: 4, low: 5, info: 6 } as const;
/** CEF: 0 to 10. */
const CEF_SEVERITY = { critical: 10, high: 8, medium: 5, low: 3, info: 1 } as const;
/** The number that RFC 5612 keeps for examples: nobody's products use it. */
const ENTERPRISE = 32_473;
const APP_NAME = 'fieldtap';
const NIL = '-';
/** RFC 5424 section 6.4: what marks UTF-8. */
const BYTE_ORDER_MARK = '\ufeff';
const HOST_NAME_MAX = 255;

export function syslogLine(event: SyslogEvent, origin: SyslogOrigin, format: SyslogFormat): string {
  return format === 'rfc5424' ? rfc5424Line(event, origin) : cefLine(event, origin);
}

function rfc5424Line(event: SyslogEvent, origin: SyslogOrigin): string {
  const { code, client, server, unitId, id, occurrencesCount, techniques } = event;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['code', code],
    ['severity', event.severity],
    ['client', client],
    ['server', server],
    ['unitId', unitId],
    ['id', id],
    ['occurrencesCount', occurrencesCount],
    ['techniques', techniques?.join(' ')],
  ];
  const parameters = facts
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => ` ${name}="${parameterValue(String(value))}"`)
    .join('');
  const data = `[${APP_NAME}@${ENTERPRISE}${parameters}]`;
  const text = escapeText(`${event.title} ${event.text}`);
  return `${headerOf(event, origin)} ${data} ${BYTE_ORDER_MARK}${text}`;
}

function cefLine(event: SyslogEvent, origin: SyslogOrigin): string {
  const { client, server, unitId, id, occurrencesCount, techniques } = event;
  const address = (value: string | undefined, ip: string, name: string) =>
    [value !== undefined && isIP(value) !== 0 ? ip : name, value] as const;
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['rt', Math.round(event.timeMs)],
    address(client, 'src', 'shost'),
    address(server, 'dst', 'dhost'),
    ['externalId', id],
    ['cnt', occurrencesCount],
    ['cn1Label', unitId === undefined ? undefined : 'unitId'],
    ['cn1', unitId],
    ['cs1Label', techniques?.length ? 'techniques' : undefined],
    ['cs1', techniques?.join(' ')],
    ['cat', event.kind],
    ['msg', event.text],
  ];
  const extension = facts
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name}=${extensionValue(String(value))}`)
    .join(' ');
  const header = [
    'CEF:0',
    APP_NAME,
    APP_NAME,
    origin.programVersion,
    event.code,
    event.title,
    String(CEF_SEVERITY[event.severity]),
  ].map((part, index) => (index === 0 ? part : headerValue(part)));
  return `${headerOf(event, origin)} ${NIL} ${header.join('|')}|${extension}`;
}

/** RFC 5424 section 6.2, up to the structured data. */
function headerOf(event: SyslogEvent, origin: SyslogOrigin): string {
  const priority = origin.facility * 8 + SYSLOG_SEVERITY[event.severity];
  const time = new Date(event.timeMs).toISOString();
  const host = origin.hostName.replace(/[^\x21-\x7e]/g, '').slice(0, HOST_NAME_MAX) || NIL;
  return `<${priority}>1 ${time} ${host} ${APP_NAME} ${origin.processId} ${event.kind}`;
}

/** RFC 5424 section 6.3.3. */
function parameterValue(value: string): string {
  return escapeText(value).replace(/["\\\]]/g, '\\$&');
}

function headerValue(value: string): string {
  return escapeText(value).replace(/[\\|]/g, '\\$&');
}

function extensionValue(value: string): string {
  return escapeText(value).replace(/[\\=]/g, '\\$&');
}
