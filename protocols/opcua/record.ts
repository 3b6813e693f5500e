/**
 * The protocol's part of a record (docs/fields, section 0): what lies flat at the top, and what
 * lies under `request` and `response`. Who calls adds the envelope. No secret comes this far: the
 * decoders have already put pseudonyms and lengths in their place.
 */
import type { Anomaly, ByteSpan, Digest } from '../decoded.ts';
import { ByteReader, type DecodeFault } from './byte-reader.ts';
import { abort, acknowledge, error, hello, reverseHello } from './handshake.ts';
import {
  BODY_BYTES_DECODED_MAX,
  ITEMS_PER_MESSAGE_MAX,
  NAMESPACES_PER_MESSAGE_MAX,
} from './limits.ts';
import { certificateAnomalies, messageAnomalies, pairingAnomalies } from './record-anomalies.ts';
import type { OpcuaRecordMemory } from './record-memory.ts';
import { POLICY_NONE, securityPolicy } from './security-policy.ts';
import { decodeServiceBody, type ServiceBody } from './service-body.ts';
import { ENCRYPTED_SERVICE, UNKNOWN_SERVICE } from './service-table.ts';
import { asymmetricSecurityHeader } from './services/secure-channel.ts';
import type { DataChange } from './services/subscription.ts';
import type {
  BodyReadable,
  MonitoredItemBindings,
  OpcuaSide,
  OpcuaTransaction,
  OpcuaTransportMessage,
} from './transaction.ts';
import {
  BODY,
  HEADER_BYTES,
  MESSAGE_SIZE,
  REQUEST_ID,
  SEQUENCE_NUMBER,
  TOKEN_ID,
  uint32,
} from './transport.ts';
import { unknownServiceHeader } from './unknown-service.ts';

export interface DecodeVerdict {
  readonly status: 'ok' | 'partial' | 'malformed' | 'unmatchedRequest' | 'unmatchedResponse';
  readonly confidence: number;
  readonly faults?: readonly DecodeFault[];
}

/** Any further key is a field of docs/fields, section 2. */
export interface OpcuaRecordFields {
  readonly [field: string]: unknown;
  readonly anomalies: readonly Anomaly[];
  readonly decode: DecodeVerdict;
}

const NAMESPACE = /^ns=(\d+);/;

type FieldsOfSide = Readonly<Record<string, unknown>>;

/**
 * Protocol part of a record of kind `transaction`, with `anomalies` and `decode`. With a memory, it
 * tells what earlier records add to this one.
 */
export function opcuaTransactionFields(
  transaction: OpcuaTransaction,
  digest: Digest,
  memory?: OpcuaRecordMemory,
): OpcuaRecordFields {
  const { request, response, flow, service } = transaction;
  const requestBody = bodyOf(request, true, digest);
  const responseBody = bodyOf(response, false, digest);
  const isOpen = request.messageType === 'OPN' || response.messageType === 'OPN';
  const isEncrypted = transaction.service === ENCRYPTED_SERVICE;
  const asked = request.present ? sideFields(transaction, request, requestBody, digest) : undefined;
  const answered = response.present
    ? bound(
        sideFields(transaction, response, responseBody, digest),
        requestBody,
        transaction.bindings,
      )
    : undefined;
  const told = (isRequest: boolean, side: FieldsOfSide, { timeUs }: OpcuaSide) =>
    memory === undefined ? side : memory.side(flow, service, isRequest, timeUs, side);
  const namespaceIndexes = [
    ...(requestBody?.namespaceIndexes ?? []),
    ...(responseBody?.namespaceIndexes ?? []),
    ...indexesOfBound(answered?.dataChanges),
  ];
  return {
    secureChannelId: transaction.secureChannelId,
    ...(!isOpen && { tokenId: transaction.tokenId }),
    ...(transaction.securityMode && { securityMode: transaction.securityMode }),
    ...modeSourceFields(transaction, isOpen),
    ...((isOpen || isEncrypted) && policyFields(transaction.securityPolicyUri)),
    ...(transaction.bodyReadable !== 'yes' && { bodyReadable: transaction.bodyReadable }),
    service: transaction.service,
    ...(request.typeId !== 0 && { requestTypeId: request.typeId }),
    ...(response.typeId !== 0 && { responseTypeId: response.typeId }),
    matched: transaction.matched,
    ...openedFields(transaction, isOpen),
    ...gapFields(transaction.anomalies),
    ...(asked && { request: told(true, asked, request) }),
    ...(answered && { response: told(false, answered, response) }),
    ...namespaceFields(namespaceIndexes, transaction.bindings),
    ...registeredFields(requestBody, transaction.bindings),
    anomalies: [
      ...transaction.anomalies,
      ...certificateAnomalies(asked?.senderCertificate),
      ...messageAnomalies(transaction, request, requestBody),
      ...certificateAnomalies(answered?.senderCertificate),
      ...messageAnomalies(transaction, response, responseBody),
      ...pairingAnomalies(transaction),
    ],
    decode: verdictOf(transaction, [requestBody, responseBody]),
  };
}

/** Protocol part of a record of kind `transportMessage`, with `anomalies` and `decode`. */
export function opcuaTransportFields(
  message: OpcuaTransportMessage,
  digest: Digest,
): OpcuaRecordFields {
  const { bytes, offset, length } = message.message;
  const hasChannel = ['OPN', 'MSG', 'CLO'].includes(message.messageType);
  const start = hasChannel ? BODY : HEADER_BYTES;
  const span = { bytes, offset: offset + start, length: Math.max(length - start, 0) };
  const reader = new ByteReader(span, length > BODY_BYTES_DECODED_MAX, digest);
  const fields = transportFields(message, reader, digest);
  const confidence = confidenceOf(message.bodyReadable ?? 'yes');
  const faults = reader.faults.length > 0 ? { faults: reader.faults } : {};
  return {
    messageType: message.messageType,
    chunkType: message.chunkType,
    messageSizeBytes: length < HEADER_BYTES ? length : uint32(bytes, offset + MESSAGE_SIZE),
    ...(hasChannel && { secureChannelId: message.secureChannelId }),
    ...gapFields(message.anomalies),
    ...fields,
    ...(message.messageType === 'CLO' && channelTimes(message)),
    anomalies: [...message.anomalies, ...reader.anomalies],
    decode: { status: reader.status, confidence, ...faults },
  };
}

function transportFields(
  message: OpcuaTransportMessage,
  reader: ByteReader,
  digest: Digest,
): FieldsOfSide {
  switch (message.messageType) {
    case 'HEL':
      return hello(reader);
    case 'ACK':
      return acknowledge(reader);
    case 'ERR':
      return error(reader);
    case 'RHE':
      return reverseHello(reader);
    case 'OPN':
      return {};
    case 'MSG':
    case 'CLO':
      return channelFields(message, reader, digest);
    default:
      return message.messageType satisfies never;
  }
}

/** CLO and aborted chunks. */
function channelFields(
  message: OpcuaTransportMessage,
  reader: ByteReader,
  digest: Digest,
): FieldsOfSide {
  const { bytes, offset, length } = message.message;
  if (length < BODY) return {};
  const bodyReadable = message.bodyReadable ?? 'yes';
  const tokenId = uint32(bytes, offset + TOKEN_ID);
  if (bodyReadable === 'no' || bodyReadable === 'assumedNo') return { tokenId, bodyReadable };
  const sequence = {
    sequenceNumber: uint32(bytes, offset + SEQUENCE_NUMBER),
    requestId: uint32(bytes, offset + REQUEST_ID),
  };
  if (message.chunkType === 'A') return { tokenId, ...sequence, abort: abort(reader) };
  const body = { bytes, offset: reader.start, length: reader.end - reader.start };
  const { service, typeId, requestHeader } = decodeServiceBody(body, false, digest);
  const request = { ...sequence, ...(requestHeader && { requestHeader }) };
  return { tokenId, service, ...(typeId !== 0 && { requestTypeId: typeId }), request };
}

function bodyOf(side: OpcuaSide, isRequest: boolean, digest: Digest): ServiceBody | undefined {
  if (!side.present || side.body.length === 0) return undefined;
  const body = decodeServiceBody(side.body, side.truncated, digest);
  if (body.service !== UNKNOWN_SERVICE) return body;
  return { ...body, ...unknownServiceHeader(side.body, isRequest, digest) };
}

/** URIs of the namespace indexes in this record, as far as the server's NamespaceArray was read. */
function namespaceFields(
  indexes: readonly number[],
  bindings: MonitoredItemBindings,
): FieldsOfSide {
  const namespaceUris: Record<string, string> = {};
  for (const index of indexes) {
    const uri = bindings.namespaceUri?.(index);
    if (uri !== undefined) namespaceUris[index] = uri;
  }
  return Object.keys(namespaceUris).length === 0 ? {} : { namespaceUris };
}

/** The nodes behind the aliases that a request uses. */
function registeredFields(
  request: ServiceBody | undefined,
  bindings: MonitoredItemBindings,
): FieldsOfSide {
  const { nodesToRead, nodesToWrite, itemsToCreate } = request?.fields ?? {};
  const registeredNodes: Record<string, string> = {};
  for (const nodes of [nodesToRead, nodesToWrite, itemsToCreate]) {
    if (!Array.isArray(nodes)) continue;
    for (const { nodeId } of nodes) {
      const registered = typeof nodeId === 'string' && bindings.registeredNodeId?.(nodeId);
      if (registered) registeredNodes[nodeId] = registered;
    }
  }
  return Object.keys(registeredNodes).length === 0 ? {} : { registeredNodes };
}

/** Of the nodes that were put beside their handles. */
function indexesOfBound(dataChanges: unknown): readonly number[] {
  if (!Array.isArray(dataChanges)) return [];
  const indexes = new Set<number>();
  for (const { nodeId } of dataChanges.slice(0, ITEMS_PER_MESSAGE_MAX)) {
    const index = typeof nodeId === 'string' ? NAMESPACE.exec(nodeId)?.[1] : undefined;
    if (index !== undefined) indexes.add(Number(index));
  }
  return [...indexes].slice(0, NAMESPACES_PER_MESSAGE_MAX);
}

/** How far the chunk's number is from the one that was due; negative: it came before. */
function gapFields(anomalies: readonly Anomaly[]): FieldsOfSide {
  const gap = anomalies.find(({ name }) => name === 'sequenceNumberGap');
  return gap === undefined
    ? {}
    : { sequenceNumberGap: (Number(gap.actual) - Number(gap.expected)) | 0 };
}

/** When the channel was opened, as far as its first OPN was seen: in OPN and CLO. */
function openedFields({ channelOpenedAtUs = 0 }: OpcuaTransaction, isOpen: boolean): FieldsOfSide {
  return isOpen && channelOpenedAtUs > 0 ? { openedAt: isoTime(channelOpenedAtUs) } : {};
}

function channelTimes({ channelOpenedAtUs = 0, timeUs }: OpcuaTransportMessage): FieldsOfSide {
  return {
    ...(channelOpenedAtUs > 0 && { openedAt: isoTime(channelOpenedAtUs) }),
    closedAt: isoTime(timeUs),
  };
}

function isoTime(timeUs: number): string {
  return new Date(Math.floor(timeUs / 1000)).toISOString();
}

/** Where the mode stood in OPN, only the record of OPN says so. */
function modeSourceFields(transaction: OpcuaTransaction, isOpen: boolean): FieldsOfSide {
  const { securityMode, securityModeSource, renewalsCount } = transaction;
  const isTold = securityModeSource !== undefined && (isOpen || securityModeSource !== 'opn');
  return {
    ...(securityMode !== undefined && isTold && { securityModeSource }),
    ...(isOpen && renewalsCount !== undefined && { renewalsCount }),
  };
}

function policyFields(uri: string | undefined): FieldsOfSide {
  if (uri === undefined) return {};
  const policy = uri === POLICY_NONE.uri ? POLICY_NONE : securityPolicy(uri);
  return {
    securityPolicyUri: policy.uri,
    securityPolicyName: policy.name,
    ...(policy.isDeprecated && { securityPolicyDeprecated: true }),
  };
}

/** Numbers of the sequence header stand here only where they were not cipher text. */
function sideFields(
  transaction: OpcuaTransaction,
  side: OpcuaSide,
  body: ServiceBody | undefined,
  digest: Digest,
): FieldsOfSide {
  const isReadable = body !== undefined || side.typeId !== 0 || side.sequenceNumber !== 0;
  return {
    ...(isReadable && { sequenceNumber: side.sequenceNumber, requestId: transaction.requestId }),
    messageSizeBytes: side.messageBytes,
    ...(side.chunksCount !== 1 && { chunksCount: side.chunksCount }),
    ...(side.truncated && { truncated: true }),
    ...(side.securityHeader && certificateFields(side.securityHeader, digest)),
    ...(body?.requestHeader && { requestHeader: body.requestHeader }),
    ...(body?.responseHeader && { responseHeader: body.responseHeader }),
    ...body?.fields,
  };
}

function certificateFields(securityHeader: ByteSpan, digest: Digest): FieldsOfSide {
  const { securityPolicyUri: _, ...certificates } = asymmetricSecurityHeader(
    new ByteReader(securityHeader, true, digest),
  );
  return certificates;
}

/** Values get the nodes that they belong to: by place in a Read, by handle in a notification. */
function bound(
  response: FieldsOfSide,
  request: ServiceBody | undefined,
  bindings: MonitoredItemBindings,
): FieldsOfSide {
  const { results, dataChanges, subscriptionId } = response;
  const nodes = request?.service === 'Read' ? request.fields.nodesToRead : undefined;
  if (Array.isArray(nodes) && Array.isArray(results)) {
    const named = results.map((result, index) => ({ nodeId: nodes[index]?.nodeId, ...result }));
    return { ...response, results: named };
  }
  if (Array.isArray(dataChanges) && typeof subscriptionId === 'number') {
    const named = dataChanges.map((change: DataChange) => {
      const { clientHandle, ...value } = change;
      const nodeId =
        clientHandle === undefined ? undefined : bindings.nodeId(subscriptionId, clientHandle);
      return { clientHandle, ...(nodeId !== undefined && { nodeId }), ...value };
    });
    return { ...response, dataChanges: named };
  }
  return response;
}

function verdictOf(
  transaction: OpcuaTransaction,
  bodies: readonly (ServiceBody | undefined)[],
): DecodeVerdict {
  const confidence = confidenceOf(transaction.bodyReadable);
  const faults = bodies.flatMap((body) => body?.faults ?? []);
  const isPartial = transaction.service === ENCRYPTED_SERVICE || faults.length > 0;
  const isMalformed = bodies.some((body) => body?.status === 'malformed');
  const alone = transaction.request.present ? 'unmatchedRequest' : 'unmatchedResponse';
  const status = isMalformed
    ? 'malformed'
    : isPartial
      ? 'partial'
      : transaction.matched
        ? 'ok'
        : alone;
  return { status, confidence, ...(faults.length > 0 && { faults }) };
}

/** Seen to be so, or concluded from what the bytes look like. */
function confidenceOf(bodyReadable: BodyReadable): number {
  return bodyReadable === 'yes' || bodyReadable === 'no' ? 1 : 0.9;
}
