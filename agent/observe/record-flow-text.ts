/**
 * What every record of a flow says alike (FIELDS.md section 3), made to text once per flow: it is
 * half of a record and costs a hash.
 */
import type { FlowFacts, RoleSource, SerialLineFacts } from '../../protocols/flow.ts';
import { communityId } from './community-id.ts';

export interface FlowText {
  /** `,"name":value` for each field, to stand inside an object. */
  readonly text: string;
  /** The role that the text tells; when decode learns more, the text is made anew. */
  readonly roleSource: RoleSource;
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
    communityId: communityId(client, server, ipProtocol, sha1Base64),
    ...(flow.vlanIds.length > 0 ? { vlanIds: flow.vlanIds } : {}),
    ...(hasEncapsulations(flow) ? { encapsulations: flow.encapsulations } : {}),
    ...(client.macAddress === undefined ? {} : { clientMacAddress: client.macAddress }),
    ...(server.macAddress === undefined ? {} : { serverMacAddress: server.macAddress }),
    ...(flow.midstream ? { midstream: true } : {}),
    originator: flow.originator,
    roleSource,
    roleConfidence: flow.roleConfidence,
  };
  return { text: `,${JSON.stringify(fields).slice(1, -1)}`, roleSource };
}

/** A serial line has no addresses; the client is whoever asks on it. */
function serialLineText(line: SerialLineFacts, index: number, roleSource: RoleSource): FlowText {
  const { lineName, baudRate, parity, stopBits } = line;
  const fields = { lineName, baudRate, parity, stopBits, flowId: `s${index}`, roleSource };
  return { text: `,${JSON.stringify(fields).slice(1, -1)}`, roleSource };
}

function hasEncapsulations(flow: FlowFacts): boolean {
  return flow.encapsulations !== undefined && flow.encapsulations.length > 0;
}
