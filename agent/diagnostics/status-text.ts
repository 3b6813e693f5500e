/** The status as one screen of text, for a person at the gateway. */
import { escapeText } from '../platform/wire-text.ts';
import type { AgentStatus, InterfaceStatus, UplinkStatus } from './agent-status.ts';

const MIB = 2 ** 20;

export function statusText(status: AgentStatus): string {
  const { traffic, buffer } = status;
  const malformed = traffic.modbusMalformed + traffic.opcuaMalformed;
  const lines = [
    `${escapeText(status.siteName)}   fieldtap ${status.programVersion}   ` +
      `up ${span(status.uptimeSeconds)}`,
    `agent      ${status.agentId ?? 'no identity yet'}, ${mib(status.residentBytes)} of memory`,
    captureLine(status),
    ...status.interfaces.map(interfaceLine),
    ...tapLines(status),
    `protocols  ${traffic.modbusTransactions} Modbus transactions ` +
      `(${traffic.modbusExceptions} exceptions), ${traffic.opcuaTransactions} OPC UA transactions`,
    `not seen   ${traffic.bytesMissed} bytes missed in ${traffic.gaps} gaps, ` +
      `${malformed} malformed, ${traffic.opcuaEncryptedMessages} encrypted`,
    `kept       ${status.observations} observations ` +
      `(${status.observationsFolded} folded into counts)`,
    `buffer     ${mib(buffer.databaseBytes)} of ${mib(buffer.quotaBytes)}, ` +
      `${mib(buffer.bytesWrittenToday ?? 0)} written today` +
      (buffer.fault ? `   FAULT ${buffer.fault.code}` : ''),
    ...(buffer.fault ? [`           ${escapeText(buffer.fault.problem)}`] : []),
    ...uplinkLines(status.uplink, buffer.refusedReasons),
    ...advisoryLines(status),
    ...alertLines(status),
  ];
  return `${lines.join('\n')}\n`;
}

function interfaceLine(each: InterfaceStatus): string {
  const age = each.lastFrameAgeSeconds;
  return (
    `  ${each.interfaceName.padEnd(9)}${each.linkUp ? 'up' : 'DOWN'}, ${each.role}: ` +
    `${each.framesSeen} frames, ${lostText(each)}, ` +
    `last ${age === undefined ? 'never' : `${span(age)} ago`}`
  );
}

/** Pairs of a tap may be out of order then: the gateway is late, or one port stamps oddly. */
function tapLines({ tables }: AgentStatus): string[] {
  const unmerged = tables.find(({ table }) => table === 'tapBlocks')?.evicted ?? 0;
  return unmerged === 0 ? [] : [`           ${unmerged} blocks of the tap left unmerged`];
}

/** A serial line loses bytes, not frames. */
function lostText(each: InterfaceStatus): string {
  if (each.bytesNotFramed === undefined) {
    return `${each.framesDropped} dropped, ${each.framesTruncated} cut`;
  }
  return `${each.bytesNotFramed} bytes in no frame, ${each.bytesMissed ?? 0} bytes lost`;
}

function captureLine(status: AgentStatus): string {
  const restarts =
    status.workerRestarts === 0 ? '' : `, restarted ${timesText(status.workerRestarts)}`;
  const fault = status.captureFault === undefined ? '' : ` (${status.captureFault.code})`;
  return `capture    ${status.isCapturing ? 'running' : `STOPPED${fault}`}${restarts}`;
}

/** It should have renewed itself by then. */
const CERTIFICATE_DAYS_TOLD = 30;

function uplinkLines(
  uplink: UplinkStatus | undefined,
  refusedReasons: readonly string[] = [],
): string[] {
  if (uplink === undefined) return ['uplink     none configured: everything stays here'];
  const receipt =
    uplink.receiptAgeSeconds === undefined
      ? 'no receipt yet'
      : `last receipt ${span(uplink.receiptAgeSeconds)} ago`;
  const reasons = refusedReasons.length === 0 ? '' : ` (${refusedReasons.join(', ')})`;
  return [
    `uplink     ${uplink.isConnected ? 'connected' : 'NOT CONNECTED'} ` +
      `to ${escapeText(uplink.broker)}, ${receipt}`,
    `           ${uplink.outboxMessages} messages waiting (${uplink.outboxBytes} bytes), ` +
      `${uplink.refusedMessages} refused${escapeText(reasons)}`,
    ...((uplink.certificateDaysLeft ?? CERTIFICATE_DAYS_TOLD) < CERTIFICATE_DAYS_TOLD
      ? [`           certificate ends in ${uplink.certificateDaysLeft} days`]
      : []),
    ...(uplink.fault
      ? [`           ${uplink.fault.code}: ${escapeText(uplink.fault.problem)}`]
      : []),
  ];
}

/** Only what is current; the one that applies here first. */
function advisoryLines({ advisories = [] }: AgentStatus): string[] {
  const current = advisories
    .filter(({ isExpired }) => !isExpired)
    .toSorted(
      (a, b) => Number(b.applicability === 'seenHere') - Number(a.applicability === 'seenHere'),
    );
  if (current.length === 0) return [];
  return [
    `advisories ${current.length} of the hub ("fieldtap advisories" shows the advice):`,
    ...current.slice(0, 5).map(({ advisoryId, headline, applicability, acknowledged }) => {
      const here = applicability === 'seenHere' ? 'SEEN HERE' : 'not seen here';
      const read = acknowledged === undefined ? 'not acknowledged' : 'acknowledged';
      return `  ${escapeText(advisoryId)}  ${escapeText(headline)} (${here}, ${read})`;
    }),
  ];
}

function alertLines(status: AgentStatus): string[] {
  if (status.alerts.length === 0) return ['alerts     none'];
  return [
    `alerts     ${status.alertsRaised} raised since start; the newest:`,
    ...status.alerts
      .slice(-5)
      .reverse()
      .map(
        (alert) =>
          `  ${alert.severity.padEnd(9)}${alert.code}  ${escapeText(alert.title)} ` +
          `(${new Date(alert.lastSeenUs / 1000).toISOString()}, ` +
          `${timesText(alert.occurrencesCount)})`,
      ),
  ];
}

function timesText(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
