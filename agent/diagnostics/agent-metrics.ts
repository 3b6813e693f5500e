/** The metrics of a running agent, from its status: one list, so that none is forgotten twice. */
import type { Metric } from '../platform/metrics.ts';
import type { AgentStatus } from './agent-status.ts';

export function agentMetrics(status: AgentStatus): Metric[] {
  const { traffic, buffer, uplink } = status;
  const transactions = traffic.modbusTransactions + traffic.opcuaTransactions;
  // biome-ignore format: one metric per line
  const metrics: Metric[] = [
    { name: 'transactions', help: 'Modbus and OPC UA transactions since start', value: transactions },
    { name: 'modbusTransactions', help: 'Modbus transactions since start', value: traffic.modbusTransactions },
    { name: 'opcuaTransactions', help: 'OPC UA service transactions since start', value: traffic.opcuaTransactions },
    { name: 'modbusExceptions', help: 'Modbus exception responses since start', value: traffic.modbusExceptions },
    { name: 'malformed', help: 'messages that could not be read, since start', value: traffic.modbusMalformed + traffic.opcuaMalformed },
    { name: 'bytesMissed', help: 'stream bytes that the capture never delivered, since start', value: traffic.bytesMissed },
    { name: 'gaps', help: 'holes in streams since start', value: traffic.gaps },
    { name: 'observations', help: 'observations kept since start', value: status.observations },
    { name: 'observationsFolded', help: 'observations counted but not kept, since start', value: status.observationsFolded },
    { name: 'alertsRaised', help: 'alerts raised since start', value: status.alertsRaised },
    { name: 'workerRestarts', help: 'times the capture worker had to be started again', value: status.workerRestarts },
    { name: 'uptimeSeconds', help: 'seconds since start', value: status.uptimeSeconds },
    { name: 'residentBytes', help: 'memory of the whole process', value: status.residentBytes },
    { name: 'databaseBytes', help: 'size of the buffer', value: buffer.databaseBytes },
    { name: 'observationsStored', help: 'observations in the buffer', value: buffer.observationsStored },
    { name: 'bytesWrittenToday', help: 'bytes written to the storage on this UTC day', value: buffer.bytesWrittenToday ?? 0 },
    { name: 'bufferFault', help: '1 while the buffer cannot be written', value: buffer.fault ? 1 : 0 },
  ];
  for (const each of status.interfaces) {
    const labels = { interfaceName: each.interfaceName };
    // biome-ignore format: one metric per line
    metrics.push(
      { name: 'framesSeen', help: 'frames captured since start', value: each.framesSeen, labels },
      { name: 'framesDropped', help: 'frames lost by the kernel since start', value: each.framesDropped, labels },
      { name: 'framesTruncated', help: 'frames cut by the snap length since start', value: each.framesTruncated, labels },
      { name: 'bytesSeen', help: 'bytes captured since start', value: each.bytesSeen, labels },
      { name: 'linkUp', help: '1 while the interface is up', value: each.linkUp ? 1 : 0, labels },
    );
  }
  for (const table of status.tables) {
    const labels = { table: table.table };
    // biome-ignore format: one metric per line
    metrics.push(
      { name: 'tableUsed', help: 'rows in use', value: table.used, labels },
      { name: 'tableEvicted', help: 'rows that had to make room, since start', value: table.evicted, labels },
      { name: 'tableRefused', help: 'rows refused, since start', value: table.refused, labels },
    );
  }
  for (const each of status.syslog ?? []) {
    const labels = { target: each.target };
    // biome-ignore format: one metric per line
    metrics.push(
      { name: 'syslogSent', help: 'lines handed to a log server since start', value: each.sent, labels },
      { name: 'syslogDropped', help: 'lines that a log server did not get, since start', value: each.dropped, labels },
    );
  }
  if (uplink !== undefined) {
    const current = (status.advisories ?? []).filter(({ isExpired }) => !isExpired);
    const unread = current.filter(({ acknowledged }) => acknowledged === undefined).length;
    const here = current.filter(({ applicability }) => applicability === 'seenHere').length;
    // biome-ignore format: one metric per line
    metrics.push(
      { name: 'advisories', help: 'advisories of the hub that have not expired', value: current.length },
      { name: 'advisoriesUnacknowledged', help: 'of those, not acknowledged by anyone', value: unread },
      { name: 'advisoriesSeenHere', help: 'of those, an indicator was seen at this site', value: here },
      { name: 'advisoriesRefused', help: 'advisories that were not believed, since start', value: uplink.advisoriesRefused ?? 0 },
      { name: 'goodputBytesPerSecond', help: 'what the link carries, as measured; -1 before the first answer', value: uplink.goodputBytesPerSecond ?? -1 },
    );
    // biome-ignore format: one metric per line
    metrics.push(
      { name: 'uplinkConnected', help: '1 while the broker is connected', value: uplink.isConnected ? 1 : 0 },
      { name: 'outboxMessages', help: 'signed messages without a receipt', value: uplink.outboxMessages },
      { name: 'outboxBytes', help: 'bytes of signed messages without a receipt', value: uplink.outboxBytes },
      { name: 'summariesSigned', help: 'summaries signed since start', value: uplink.summariesSigned },
      { name: 'receiptsApplied', help: 'verified receipts applied since start', value: uplink.receiptsApplied },
      { name: 'refusedMessages', help: 'messages that the hub refused', value: uplink.refusedMessages },
      { name: 'receiptAgeSeconds', help: 'seconds since the last verified receipt; -1 when none came', value: uplink.receiptAgeSeconds ?? -1 },
    );
    if (uplink.certificateDaysLeft !== undefined) {
      const help = 'days until the certificate of this gateway ends';
      metrics.push({ name: 'certificateDaysLeft', help, value: uplink.certificateDaysLeft });
    }
  }
  return metrics;
}
