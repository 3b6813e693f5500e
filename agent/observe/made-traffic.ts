/** Transactions made by hand, for the tests of this folder: what decode would hand on. */
import type { DecodeCounters } from '../../protocols/decode-sink.ts';
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import type { FlowFacts, Protocol } from '../../protocols/flow.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import type { OpcuaSide, OpcuaTransaction } from '../../protocols/opcua/transaction.ts';

/** Capture time at which the made traffic begins, UTC µs. */
export const BEGIN_US = 1_790_000_000_000_000;

export function ipBytes(ipAddress: string): Uint8Array {
  return Uint8Array.from(ipAddress.split('.').map(Number));
}

export function madeFlow(
  over: Partial<FlowFacts> & { readonly protocol?: Protocol } = {},
): FlowFacts {
  return {
    flowNumber: 3,
    slot: 3,
    protocol: 'modbus',
    ipProtocol: 'tcp',
    interfaceIndex: 0,
    client: madeEnd('10.0.0.5', 40_012),
    server: madeEnd('10.0.1.9', 502),
    vlanIds: [],
    startTimeUs: BEGIN_US,
    midstream: false,
    roleSource: 'syn',
    roleConfidence: 1,
    originator: 'client',
    clientSegmentsCount: 1,
    serverSegmentsCount: 1,
    clientBytesMissed: 0,
    serverBytesMissed: 0,
    gapsCount: 0,
    lastSeenUs: BEGIN_US,
    ...over,
  };
}

export function madeEnd(ipAddress: string, port: number, macAddress?: string) {
  return {
    ipAddress,
    ipBytes: ipBytes(ipAddress),
    port,
    ...(macAddress === undefined ? {} : { macAddress }),
  };
}

/** A PDU from hexadecimal text; empty text is a side that was not seen. */
export function pdu(hex: string): ModbusTransaction['requestPdu'] {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return { bytes, offset: 0, length: bytes.length };
}

/** A transaction of request and response PDUs in hexadecimal; everything else follows from them. */
export function madeModbus(
  requestHex: string,
  responseHex: string,
  over: Partial<ModbusTransaction> = {},
): ModbusTransaction {
  const requestPdu = pdu(requestHex);
  const responsePdu = pdu(responseHex);
  const hasRequest = requestPdu.length > 0;
  const hasResponse = responsePdu.length > 0;
  const first = hasRequest ? requestPdu.bytes[0] : responsePdu.bytes[0];
  const isException = hasResponse && responsePdu.bytes[0] >= 0x80;
  return {
    flow: madeFlow(),
    transport: 'tcp',
    matched: hasRequest && hasResponse,
    transactionId: 17,
    protocolId: 0,
    unitId: 3,
    functionCode: first & 0x7f,
    exceptionCode: isException ? responsePdu.bytes[1] : 0,
    requestPdu,
    responsePdu,
    requestTimeUs: hasRequest ? BEGIN_US : -1,
    responseTimeUs: hasResponse ? BEGIN_US + 1333 : -1,
    rttUs: hasRequest && hasResponse ? 1333 : -1,
    retriesCount: 0,
    requestFrameNumber: hasRequest ? 41 : 0,
    responseFrameNumber: hasResponse ? 42 : 0,
    requestFrameAddress: -1,
    requestFrameBytes: 0,
    responseFrameAddress: -1,
    responseFrameBytes: 0,
    anomalies: NO_ANOMALIES,
    ...over,
  };
}

const ABSENT_SIDE: OpcuaSide = {
  present: false,
  messageType: 'MSG',
  body: { bytes: new Uint8Array(0), offset: 0, length: 0 },
  typeId: 0,
  sequenceNumber: 0,
  timeUs: -1,
  messageBytes: 0,
  chunksCount: 0,
  frameNumber: 0,
  frameAddress: -1,
  frameBytes: 0,
  truncated: false,
};

export function madeSide(
  body: Uint8Array,
  typeId: number,
  over: Partial<OpcuaSide> = {},
): OpcuaSide {
  return {
    ...ABSENT_SIDE,
    present: true,
    body: { bytes: body, offset: 0, length: body.length },
    typeId,
    sequenceNumber: 51,
    timeUs: BEGIN_US,
    messageBytes: body.length + 24,
    chunksCount: 1,
    frameNumber: 43,
    ...over,
  };
}

export function madeOpcua(service: string, over: Partial<OpcuaTransaction>): OpcuaTransaction {
  return {
    flow: madeFlow({
      protocol: 'opcua',
      flowNumber: 4,
      slot: 4,
      server: madeEnd('10.0.1.20', 4840),
    }),
    secureChannelId: 7,
    tokenId: 1,
    securityMode: 'None',
    securityPolicyUri: 'http://opcfoundation.org/UA/SecurityPolicy#None',
    bodyReadable: 'yes',
    requestId: 9,
    service,
    matched: over.request !== undefined && over.response !== undefined,
    request: ABSENT_SIDE,
    response: ABSENT_SIDE,
    serviceResult: 0,
    rttUs: -1,
    bindings: { nodeId: () => undefined },
    anomalies: NO_ANOMALIES,
    ...over,
  };
}

/** Little-endian OPC UA bytes, put together from parts: numbers are bytes, texts are strings. */
export function uaBytes(...parts: readonly (number | string | Uint8Array | null)[]): Uint8Array {
  const bytes: number[] = [];
  for (const part of parts) {
    if (typeof part === 'number') bytes.push(part);
    else if (part === null) bytes.push(0xff, 0xff, 0xff, 0xff);
    else if (typeof part === 'string') {
      const text = new TextEncoder().encode(part);
      bytes.push(...int32(text.length), ...text);
    } else bytes.push(...part);
  }
  return Uint8Array.from(bytes);
}

export function int32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** Type id (ns=0, two bytes) and an empty RequestHeader. */
function uaRequest(typeId: number): Uint8Array {
  const head = [1, 0, typeId & 0xff, typeId >>> 8, 0, 0];
  return uaBytes(...head, new Uint8Array(8), int32(9), int32(0), null, int32(60_000), 0, 0, 0);
}

/** Type id and a ResponseHeader with this result. */
export function uaResponse(typeId: number, serviceResult: number): Uint8Array {
  const head = [1, 0, typeId & 0xff, typeId >>> 8];
  return uaBytes(...head, new Uint8Array(8), int32(9), int32(serviceResult), 0, null, 0, 0, 0);
}

/** ActivateSession with a UserName token (OPC 10000-4 §7.41.4). */
export function activateSessionBody(
  userName: string,
  password: string,
  encryptionAlgorithm: string | null = null,
): Uint8Array {
  const token = uaBytes('username', userName, password, encryptionAlgorithm);
  const extension = uaBytes(1, 0, 0x44, 1, 1, int32(token.length), token);
  return uaBytes(uaRequest(467), null, null, null, null, extension, null, null);
}

/** Write of one Double to `ns=2;s=<name>`, attribute Value. */
export function writeBody(name: string, value: number): Uint8Array {
  const nodeId = uaBytes(3, 2, 0, name);
  const double = new Uint8Array(new Float64Array([value]).buffer);
  return uaBytes(uaRequest(673), int32(1), nodeId, int32(13), null, 1, 11, double);
}

/** Ethernet, IPv4 and TCP headers of a flow's client, then the payload; checksums empty. */
export function clientFrame(flow: FlowFacts, payload: Uint8Array): Uint8Array {
  const { client, server } = flow;
  const frame = new Uint8Array(54 + payload.length);
  frame.set([8, 0, 0x45], 12);
  frame.set([(frame.length - 14) >>> 8, frame.length - 14], 16);
  frame.set([64, 6], 22);
  frame.set(client.ipBytes, 26);
  frame.set(server.ipBytes, 30);
  frame.set([client.port >>> 8, client.port, server.port >>> 8, server.port], 34);
  frame.set([0x50, 0x18], 46);
  frame.set(payload, 54);
  return frame;
}

/** The MSG chunk that carries a body on channel 7, token 1 (OPC 10000-6 §6.7.2). */
export function uaChunk(body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode('MSGF');
  return uaBytes(head, int32(body.length + 24), int32(7), int32(1), int32(51), int32(9), body);
}

/** Counters of a decode stage that has seen nothing. */
export function noDecode(): DecodeCounters {
  return {
    framesCount: 0,
    bytesCount: 0,
    framesTruncatedCount: 0,
    framesNotOursCount: 0,
    checksumFaultsCount: 0,
    bytesMissedCount: 0,
    gapsCount: 0,
    flowsUsed: 0,
    flowsMax: 8192,
    flowsEvictedCount: 0,
    reassemblyBytesUsed: 0,
    reassemblyBytesMax: 0,
    reassemblyRefusedCount: 0,
    pendingEvictedCount: 0,
    modbus: {
      requests: 0,
      responses: 0,
      exceptions: 0,
      unmatchedRequests: 0,
      unmatchedResponses: 0,
      malformed: 0,
      byFunctionCode: new Uint32Array(256),
    },
    opcua: {
      transportMessages: 0,
      messages: 0,
      chunks: 0,
      malformed: 0,
      encryptedMessages: 0,
      byType: {},
      services: {},
    },
  };
}
