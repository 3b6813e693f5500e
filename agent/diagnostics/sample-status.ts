/** A healthy agent's status, which the tests of this folder bend one field at a time. */
import type { TrafficCounts } from '../../protocols/interval-report.ts';
import type { AgentStatus } from './agent-status.ts';

export const NOW_MS = Date.UTC(2026, 10, 25, 9);
const UPTIME_SECONDS = 3600;

export const TRAFFIC: TrafficCounts = {
  frames: 100_000,
  bytes: 8_000_000,
  bytesMissed: 0,
  gaps: 0,
  modbusRequests: 400,
  modbusResponses: 399,
  modbusExceptions: 1,
  modbusTransactions: 400,
  modbusMalformed: 0,
  opcuaTransportMessages: 10,
  opcuaTransactions: 5,
  opcuaMalformed: 0,
  opcuaEncryptedMessages: 0,
};

export const STATUS: AgentStatus = {
  programVersion: '0.1.0',
  agentId: 'abcdefghijklmnopqrstuvwxya',
  siteName: 'Waterworks North',
  sharing: 'minimal',
  uptimeSeconds: UPTIME_SECONDS,
  startedAtMs: NOW_MS - UPTIME_SECONDS * 1000,
  residentBytes: 100 * 2 ** 20,
  isCapturing: true,
  workerRestarts: 0,
  interfaces: [
    {
      interfaceName: 'eth1',
      role: 'mirror',
      linkUp: true,
      framesSeen: 100_000,
      framesDropped: 0,
      framesTruncated: 0,
      bytesSeen: 8_000_000,
      recent: { framesSeen: 5000, framesDropped: 0, framesTruncated: 0, framesDuplicate: 0 },
      lastFrameAgeSeconds: 1,
    },
  ],
  traffic: TRAFFIC,
  recent: { seconds: 60, traffic: TRAFFIC },
  observations: 12,
  observationsFolded: 0,
  alertsRaised: 0,
  alerts: [],
  tables: [],
  buffer: {
    path: '/x/b.db',
    databaseBytes: 2 ** 20,
    quotaBytes: 2 ** 30,
    observationsStored: 12,
    outboxMessages: 0,
    outboxBytes: 0,
  },
  uplink: {
    broker: 'mqtts://hub:8883',
    isConnected: true,
    outboxMessages: 0,
    outboxBytes: 0,
    summariesSigned: 5,
    alertsSigned: 0,
    receiptsApplied: 5,
    refusedMessages: 0,
    reconnects: 0,
    receiptAgeSeconds: 20,
  },
};
