/**
 * The object that stands for a recognised flow in every later stage. Made once per flow, when its
 * protocol is known: until then a flow is numbers in the table.
 */
import type { Endpoint, FlowFacts } from '../../protocols/flow.ts';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  IPV4_BYTES,
  IPV6_BYTES,
  MAC_BYTES,
} from '../../protocols/link/addresses.ts';
import { encapsulationNames } from '../../protocols/link/encapsulations.ts';
import { VLAN_IDS_MAX } from '../../protocols/link/frame-headers.ts';
import { IP_PROTOCOL_UDP } from '../../protocols/link/ipv4.ts';
import { FLOW_OPCUA, FLOW_TLS, type FlowTable, SIDE_UNKNOWN, SIDES } from './flow-table.ts';
import type { Roles } from './roles.ts';

/** `protocol` is FLOW_MODBUS, FLOW_OPCUA or FLOW_TLS. */
export function createFlowFacts(
  table: FlowTable,
  row: number,
  protocol: number,
  roles: Roles,
  flowNumber: number,
  timeUs: number,
  isOnOtherPort: boolean,
): FlowFacts {
  const originatorSide = table.originatorSide[row];
  const vlanIdsBegin = row * VLAN_IDS_MAX;
  const ipProtocol = table.ipProtocolOf(row) === IP_PROTOCOL_UDP ? 'udp' : 'tcp';
  return {
    flowNumber,
    slot: row,
    protocol: protocol === FLOW_OPCUA ? 'opcua' : 'modbus',
    ipProtocol,
    interfaceIndex: table.interfaceIndex[row],
    client: createEndpoint(table, row, roles.clientSide),
    server: createEndpoint(table, row, roles.clientSide ^ 1),
    vlanIds: Array.from(
      table.vlanIds.subarray(vlanIdsBegin, vlanIdsBegin + table.vlanIdsCount[row]),
    ),
    startTimeUs: table.startTimeUs[row],
    midstream: ipProtocol === 'tcp' && originatorSide === SIDE_UNKNOWN,
    roleSource: roles.roleSource,
    roleConfidence: roles.roleConfidence,
    originator: originatorOf(originatorSide, roles.clientSide),
    clientSegmentsCount: 0,
    serverSegmentsCount: 0,
    clientBytesMissed: 0,
    serverBytesMissed: 0,
    gapsCount: 0,
    lastSeenUs: timeUs,
    encapsulations: encapsulationNames(table.encapsulations[row]),
    clientTtl: ttlOf(table, row, roles.clientSide),
    serverTtl: ttlOf(table, row, roles.clientSide ^ 1),
    priorityCodePoint: table.priorities[row] < 0 ? undefined : table.priorities[row],
    isOnOtherPort,
    prp: undefined,
    hsr: undefined,
    ...(protocol === FLOW_TLS && { transport: 'tls' as const }),
  };
}

function ttlOf(table: FlowTable, row: number, side: number): number | undefined {
  const direction = row * SIDES + side;
  return table.isSeen[direction] === 0 ? undefined : table.ttls[direction];
}

function originatorOf(originatorSide: number, clientSide: number): FlowFacts['originator'] {
  if (originatorSide === SIDE_UNKNOWN) return 'unknown';
  return originatorSide === clientSide ? 'client' : 'server';
}

function createEndpoint(table: FlowTable, row: number, side: number): Endpoint {
  const ipBytes = addressBytes(table, row, side);
  const endpoint = {
    ipAddress: ipBytes.length === IPV6_BYTES ? formatIpv6(ipBytes, 0) : formatIpv4(ipBytes, 0),
    ipBytes,
    port: table.portOf(row, side),
  };
  if ((table.macKnown[row] & (1 << side)) === 0) return endpoint;
  const macAddress = formatMac(table.macs, (row * SIDES + side) * MAC_BYTES);
  return { ...endpoint, macAddress };
}

function addressBytes(table: FlowTable, row: number, side: number): Uint8Array {
  const address = table.addressOf(row, side);
  if (table.isIpv6(row)) {
    return table.addresses.bytes.slice(address * IPV6_BYTES, (address + 1) * IPV6_BYTES);
  }
  return ipv4Bytes(address);
}

/** Addresses share their memory: a buffer of its own costs 400 bytes for these four. */
const SHARED_BYTES = 4096;
let shared = new DataView(new ArrayBuffer(SHARED_BYTES));
let sharedUsed = 0;

function ipv4Bytes(address: number): Uint8Array {
  if (sharedUsed === SHARED_BYTES) {
    shared = new DataView(new ArrayBuffer(SHARED_BYTES));
    sharedUsed = 0;
  }
  shared.setInt32(sharedUsed, address);
  sharedUsed += IPV4_BYTES;
  return new Uint8Array(shared.buffer, sharedUsed - IPV4_BYTES, IPV4_BYTES);
}
