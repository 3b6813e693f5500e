/**
 * What every record of a flow says alike (FIELDS.md section 3), made to text once per flow: it is
 * half of a record and costs a hash.
 */
import type { FlowFacts, RoleSource, SerialLineFacts } from '../../protocols/flow.ts';
import { communityId } from './community-id.ts';
import { bytesToPut, type PutText } from './record-bytes.ts';

export interface FlowText {
  /** `,"name":value` for each field, to stand inside an object. */
  readonly text: string;
  /** The same to be put; undefined where it is too long to stand in a line made in place. */
  readonly put: PutText | undefined;
  /** The role that the text tells; when decode learns more, the text is made anew. */
  readonly roleSource: RoleSource;
  /** How many sides' time to live it tells; the second side is heard later. */
  readonly ttlsCount: number;
  /** `modbusOnOtherPort` stands in the first record of the flow. */
  isOtherPortTold: boolean;
}

/** Longer ones are made by devices with many wrappings; they go the slow way. */
const FLOW_BYTES_MAX = 4096;

/** Sides of the flow whose time to live is known. */
export function ttlsCountOf({ clientTtl, serverTtl }: FlowFacts): number {
  return (clientTtl === undefined ? 0 : 1) + (serverTtl === undefined ? 0 : 1);
}

export function flowText(
  flow: FlowFacts,
  interfaceName: string | undefined,
  sha1Base64: (bytes: Uint8Array) => string,
): FlowText {
  const { client, server, ipProtocol, roleSource } = flow;
  if (flow.line !== undefined) return serialLineText(flow.line, flow.slot, roleSource);
  const fields = {
    ...(interfaceName === undefined ? {} : { interfaceName }),
    clientIpAddress: client.ipAddress,
    clientPort: client.port,
    serverIpAddress: server.ipAddress,
    serverPort: server.port,
    ipProtocol,
    flowId: `c${flow.flowNumber}`,
    startTimeUs: flow.startTimeUs,
    communityId: communityId(client, server, ipProtocol, sha1Base64),
    ...(flow.vlanIds.length > 0 ? { vlanIds: flow.vlanIds } : {}),
    ...(flow.priorityCodePoint === undefined ? {} : { priorityCodePoint: flow.priorityCodePoint }),
    ...(hasEncapsulations(flow) ? { encapsulations: flow.encapsulations } : {}),
    ...(client.macAddress === undefined ? {} : { clientMacAddress: client.macAddress }),
    ...(server.macAddress === undefined ? {} : { serverMacAddress: server.macAddress }),
    ...(flow.clientTtl === undefined ? {} : { requestTtl: flow.clientTtl }),
    ...(flow.serverTtl === undefined ? {} : { responseTtl: flow.serverTtl }),
    ...(flow.midstream ? { midstream: true } : {}),
    originator: flow.originator,
    roleSource,
    roleConfidence: flow.roleConfidence,
  };
  return made(fields, roleSource, ttlsCountOf(flow));
}

/** A serial line has no addresses; the client is whoever asks on it. */
function serialLineText(line: SerialLineFacts, index: number, roleSource: RoleSource): FlowText {
  const { lineName, baudRate, parity, stopBits } = line;
  const fields = { lineName, baudRate, parity, stopBits, flowId: `s${index}`, roleSource };
  return made(fields, roleSource, 0);
}

function made(
  fields: Readonly<Record<string, unknown>>,
  roleSource: RoleSource,
  ttlsCount: number,
): FlowText {
  const text = `,${JSON.stringify(fields).slice(1, -1)}`;
  const encoded = new TextEncoder().encode(text);
  const put = encoded.length > FLOW_BYTES_MAX ? undefined : bytesToPut(encoded);
  return { text, put, roleSource, ttlsCount, isOtherPortTold: false };
}

function hasEncapsulations(flow: FlowFacts): boolean {
  return flow.encapsulations !== undefined && flow.encapsulations.length > 0;
}
