/**
 * OPC UA traffic for the bench, encoded by node-opcua: a channel without security, then what a
 * plant does all day (reads of ten nodes, publishes of twenty values, now and then a write and a
 * browse), as the two streams of one connection.
 */
import * as opcua from 'node-opcua';

export interface OpcuaTraffic {
  /** Segments of both directions in the order of the wire. */
  readonly segments: readonly { readonly fromClient: boolean; readonly bytes: Uint8Array }[];
  /** Service messages without OPN. */
  readonly messages: number;
  readonly bytes: number;
  readonly bodies: readonly Uint8Array[];
}

export interface Encodable {
  readonly schema: { readonly encodingDefaultBinary?: opcua.NodeId | undefined };
  encode(stream: opcua.BinaryStream): void;
}

const SEGMENT_BYTES = 1460;
const NODES_PER_READ = 10;
const VALUES_PER_PUBLISH = 20;
const CHANNEL = 7;
const TOKEN = 1;

/** `exchanges` requests with their answers. */
export function opcuaTraffic(exchanges: number): OpcuaTraffic {
  const segments: { fromClient: boolean; bytes: Uint8Array }[] = [];
  const bodies: Uint8Array[] = [];
  let bytes = 0;
  const send = (fromClient: boolean, message: Uint8Array): void => {
    bytes += message.length;
    for (let at = 0; at < message.length; at += SEGMENT_BYTES) {
      segments.push({ fromClient, bytes: message.slice(at, at + SEGMENT_BYTES) });
    }
  };
  send(true, openChannel(true));
  send(false, openChannel(false));
  for (let index = 0; index < exchanges; index++) {
    for (const [side, object] of exchange(index).entries()) {
      const body = encoded(object);
      bodies.push(body);
      send(side === 0, framed('MSGF', [CHANNEL, TOKEN, index + 2, index + 2], body));
    }
  }
  return { segments, messages: bodies.length, bytes, bodies };
}

function exchange(index: number): readonly [Encodable, Encodable] {
  const requestHeader = { requestHandle: index, timestamp: new Date(1.79e12), timeoutHint: 60_000 };
  const responseHeader = { requestHandle: index, timestamp: new Date(1.79e12) };
  const value = (of: number) => ({
    value: { dataType: opcua.DataType.Double, value: index + of / 8 },
    statusCode: opcua.StatusCodes.Good,
    sourceTimestamp: new Date(1.79e12 + index),
    serverTimestamp: new Date(1.79e12 + index),
  });
  const list = <T>(count: number, make: (of: number) => T): T[] =>
    Array.from({ length: count }, (_, of) => make(of));
  const nodeId = (of: number) => `ns=2;s=Line1.Pump${of % 50}.Speed`;
  switch (index % 20) {
    case 7: {
      const nodesToWrite = [
        { nodeId: nodeId(1), attributeId: 13, value: new opcua.DataValue(value(1)) },
      ];
      return [
        new opcua.WriteRequest({ requestHeader, nodesToWrite }),
        new opcua.WriteResponse({ responseHeader, results: [opcua.StatusCodes.Good] }),
      ];
    }
    case 13: {
      const reference = (of: number) => ({
        referenceTypeId: 'i=35',
        isForward: true,
        nodeId: opcua.makeExpandedNodeId(opcua.resolveNodeId(nodeId(of))),
        browseName: { namespaceIndex: 2, name: `Pump${of}` },
        displayName: { text: `Pump ${of}` },
        nodeClass: 1,
        typeDefinition: opcua.makeExpandedNodeId(opcua.resolveNodeId('i=61')),
      });
      const results = [new opcua.BrowseResult({ references: list(15, reference) })];
      return [
        new opcua.BrowseRequest({
          requestHeader,
          nodesToBrowse: [{ nodeId: 'i=85', resultMask: 63 }],
        }),
        new opcua.BrowseResponse({ responseHeader, results }),
      ];
    }
    default:
      return index % 2 === 0
        ? [
            new opcua.ReadRequest({
              requestHeader,
              nodesToRead: list(NODES_PER_READ, (of) => ({ nodeId: nodeId(of), attributeId: 13 })),
            }),
            new opcua.ReadResponse({
              responseHeader,
              results: list(NODES_PER_READ, (of) => new opcua.DataValue(value(of))),
            }),
          ]
        : [
            new opcua.PublishRequest({ requestHeader }),
            new opcua.PublishResponse({
              responseHeader,
              subscriptionId: 5,
              notificationMessage: {
                sequenceNumber: index,
                publishTime: new Date(1.79e12),
                notificationData: [
                  new opcua.DataChangeNotification({
                    monitoredItems: list(VALUES_PER_PUBLISH, (of) => ({
                      clientHandle: of + 1,
                      value: new opcua.DataValue(value(of)),
                    })),
                  }),
                ],
              },
            }),
          ];
  }
}

/** OPN of client or server, security policy None. */
export function openChannel(fromClient: boolean): Uint8Array {
  const policy = new TextEncoder().encode('http://opcfoundation.org/UA/SecurityPolicy#None');
  const header = [...int32(policy.length), ...policy, ...int32(-1), ...int32(-1)];
  const body = fromClient
    ? new opcua.OpenSecureChannelRequest({ securityMode: 1, requestedLifetime: 3_600_000 })
    : new opcua.OpenSecureChannelResponse({
        securityToken: { channelId: CHANNEL, tokenId: TOKEN, revisedLifetime: 3_600_000 },
      });
  const rest = [...header, ...int32(1), ...int32(1), ...encoded(body)];
  return framed('OPNF', [fromClient ? 0 : CHANNEL], Uint8Array.from(rest));
}

/** Type id and body, as they stand in an unencrypted message. */
export function encoded(object: Encodable): Uint8Array {
  const stream = new opcua.BinaryStream(200_000);
  const typeId = object.schema.encodingDefaultBinary;
  if (typeId === undefined) throw new Error('node-opcua gave a service without an encoding');
  opcua.encodeNodeId(typeId, stream);
  object.encode(stream);
  return Uint8Array.from(stream.buffer.subarray(0, stream.length));
}

/** A chunk: its header, `words` behind it, and the body. */
export function framed(type: string, words: readonly number[], body: Uint8Array): Uint8Array {
  const size = 8 + 4 * words.length + body.length;
  const head = [...new TextEncoder().encode(type), ...int32(size), ...words.flatMap(int32)];
  return Uint8Array.from([...head, ...body]);
}

/** Little-endian. */
export function int32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}
