/**
 * The record of a NetworkMessage of PubSub. It belongs to no flow; the publisher stands where other
 * records have the client, since it is the one who speaks (docs/fields 2.9 and 3).
 */
import type { OpcuaRecordFields } from '../../protocols/opcua/record.ts';
import type { OpcuaNetworkMessage } from '../../protocols/opcua/transaction.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { framesOf, NOT_SEEN } from './record-parts.ts';

export function networkMessageLine(
  message: OpcuaNetworkMessage,
  fields: OpcuaRecordFields,
  recordId: string,
  interfaceName: string | undefined,
): string {
  const { publisher, receiver, publisherMacAddress, receiverMacAddress, vlanIds } = message;
  const { anomalies, decode, ...told } = fields;
  const record = {
    protocol: 'opcua',
    kind: 'transportMessage',
    recordId,
    requestTimeUs: message.timeUs,
    ...(interfaceName !== undefined && { interfaceName }),
    ...(publisher && { clientIpAddress: publisher.ipAddress, clientPort: publisher.port }),
    ...(receiver && { serverIpAddress: receiver.ipAddress, serverPort: receiver.port }),
    ...(publisher && { ipProtocol: 'udp' }),
    ...(vlanIds.length > 0 && { vlanIds }),
    ...(publisherMacAddress !== undefined && { clientMacAddress: publisherMacAddress }),
    ...(receiverMacAddress !== undefined && { serverMacAddress: receiverMacAddress }),
    ...told,
    ...framesOf(message, NOT_SEEN),
    anomalies,
    decode,
  };
  return `${escapeJson(JSON.stringify(record))}\n`;
}
