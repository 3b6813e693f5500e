/**
 * From the bytes of a service body to its fields. Decoding is lazy: framing and pairing never come
 * here; whoever wants fields calls with the span of a transaction's side. Services without a
 * row below have nothing behind it, or (TestStack, TestStackEx) are told by their header alone.
 */
import type { Anomaly, ByteSpan, Digest } from '../decoded.ts';
import { ByteReader, type DecodeFault } from './byte-reader.ts';
import { namespaceZeroId, nodeId } from './node-id.ts';
import { type ResponseHeader, requestHeader, responseHeader } from './service-header.ts';
import {
  type ServiceSide,
  SIDE_REQUEST,
  SIDE_RESPONSE,
  SIDE_UNKNOWN,
  serviceName,
  sideOf,
} from './service-table.ts';
import * as attribute from './services/attribute.ts';
import * as discovery from './services/discovery.ts';
import * as history from './services/history.ts';
import * as method from './services/method.ts';
import * as monitoredItem from './services/monitored-item.ts';
import * as nodeManagement from './services/node-management.ts';
import * as query from './services/query.ts';
import * as secureChannel from './services/secure-channel.ts';
import * as session from './services/session.ts';
import * as subscription from './services/subscription.ts';
import * as view from './services/view.ts';
import { type Decoder, named } from './structure.ts';

/** One StatusCode an operation and nothing more, as many services answer. */
const operationResults = nodeManagement.operationResultsResponse;

const REQUESTS = {
  FindServers: discovery.findServersRequest,
  FindServersOnNetwork: discovery.findServersOnNetworkRequest,
  GetEndpoints: discovery.getEndpointsRequest,
  RegisterServer: discovery.registerServerRequest,
  RegisterServer2: discovery.registerServer2Request,
  OpenSecureChannel: secureChannel.openSecureChannelRequest,
  CreateSession: session.createSessionRequest,
  ActivateSession: session.activateSessionRequest,
  CloseSession: session.closeSessionRequest,
  Cancel: session.cancelRequest,
  AddNodes: nodeManagement.addNodesRequest,
  AddReferences: nodeManagement.addReferencesRequest,
  DeleteNodes: nodeManagement.deleteNodesRequest,
  DeleteReferences: nodeManagement.deleteReferencesRequest,
  Browse: view.browseRequest,
  BrowseNext: view.browseNextRequest,
  TranslateBrowsePathsToNodeIds: view.translateBrowsePathsRequest,
  RegisterNodes: view.registerNodesRequest,
  UnregisterNodes: view.unregisterNodesRequest,
  QueryFirst: query.queryFirstRequest,
  QueryNext: query.queryNextRequest,
  Read: attribute.readRequest,
  HistoryRead: history.historyReadRequest,
  Write: attribute.writeRequest,
  HistoryUpdate: history.historyUpdateRequest,
  Call: method.callRequest,
  CreateMonitoredItems: monitoredItem.createMonitoredItemsRequest,
  ModifyMonitoredItems: monitoredItem.modifyMonitoredItemsRequest,
  SetMonitoringMode: monitoredItem.setMonitoringModeRequest,
  SetTriggering: monitoredItem.setTriggeringRequest,
  DeleteMonitoredItems: monitoredItem.deleteMonitoredItemsRequest,
  CreateSubscription: subscription.createSubscriptionRequest,
  ModifySubscription: subscription.modifySubscriptionRequest,
  SetPublishingMode: subscription.setPublishingModeRequest,
  Publish: subscription.publishRequest,
  Republish: subscription.republishRequest,
  TransferSubscriptions: subscription.transferSubscriptionsRequest,
  DeleteSubscriptions: subscription.deleteSubscriptionsRequest,
} as const;

const RESPONSES = {
  FindServers: discovery.findServersResponse,
  FindServersOnNetwork: discovery.findServersOnNetworkResponse,
  GetEndpoints: discovery.getEndpointsResponse,
  RegisterServer2: discovery.registerServer2Response,
  OpenSecureChannel: secureChannel.openSecureChannelResponse,
  CreateSession: session.createSessionResponse,
  ActivateSession: session.activateSessionResponse,
  Cancel: session.cancelResponse,
  AddNodes: nodeManagement.addNodesResponse,
  AddReferences: operationResults,
  DeleteNodes: operationResults,
  DeleteReferences: operationResults,
  Browse: view.browseResponse,
  BrowseNext: view.browseResponse,
  TranslateBrowsePathsToNodeIds: view.translateBrowsePathsResponse,
  RegisterNodes: view.registerNodesResponse,
  QueryFirst: query.queryFirstResponse,
  QueryNext: query.queryNextResponse,
  Read: attribute.readResponse,
  HistoryRead: history.historyReadResponse,
  Write: attribute.writeResponse,
  HistoryUpdate: history.historyUpdateResponse,
  Call: method.callResponse,
  CreateMonitoredItems: monitoredItem.createMonitoredItemsResponse,
  ModifyMonitoredItems: monitoredItem.modifyMonitoredItemsResponse,
  SetMonitoringMode: operationResults,
  SetTriggering: monitoredItem.setTriggeringResponse,
  DeleteMonitoredItems: operationResults,
  CreateSubscription: subscription.createSubscriptionResponse,
  ModifySubscription: subscription.modifySubscriptionResponse,
  SetPublishingMode: operationResults,
  Publish: subscription.publishResponse,
  Republish: subscription.republishResponse,
  TransferSubscriptions: subscription.transferSubscriptionsResponse,
  DeleteSubscriptions: operationResults,
} as const;

export type RequestFields = { [K in keyof typeof REQUESTS]: ReturnType<(typeof REQUESTS)[K]> };
export type ResponseFields = { [K in keyof typeof RESPONSES]: ReturnType<(typeof RESPONSES)[K]> };

/** Services that have nothing behind the header: bytes there are an anomaly. */
const EMPTY_REQUESTS: readonly string[] = ['CloseSecureChannel'];
const EMPTY_RESPONSES: readonly string[] = [
  'RegisterServer',
  'CloseSecureChannel',
  'CloseSession',
  'UnregisterNodes',
  'ServiceFault',
];

export interface ServiceBody {
  /** Namespace 0 id of the binary encoding; 0 when it is another kind of NodeId. */
  readonly typeId: number;
  readonly service: string;
  readonly requestHeader?: ReturnType<typeof requestHeader>;
  readonly responseHeader?: ResponseHeader;
  /** What stands behind the header; empty for a service that is told by header alone. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** `partial`: a limit of ours was hit, or the body is not all there. */
  readonly status: 'ok' | 'partial' | 'malformed';
  readonly faults: readonly DecodeFault[];
  readonly anomalies: readonly Anomaly[];
  /** Of the NodeIds that were read, but 0. */
  readonly namespaceIndexes: readonly number[];
  /** Bytes behind a body that was decoded whole; else 0. A signature, or an anomaly. */
  readonly bytesAfterBody: number;
}

/** Header and fields of a body, whatever service it is. Never throws. */
export function decodeServiceBody(body: ByteSpan, truncated: boolean, digest: Digest): ServiceBody {
  return readServiceBody(new ByteReader(body, truncated, digest));
}

/** As `decodeServiceBody`, with the reader in the caller's hands. */
export function readServiceBody(reader: ByteReader): ServiceBody {
  const typeId = namespaceZeroId(reader.bytes, reader.position, reader.end);
  const service = serviceName(typeId);
  const side = sideOf(typeId);
  named(reader, 'typeId', nodeId);
  const header =
    side === SIDE_REQUEST
      ? { requestHeader: named(reader, 'requestHeader', requestHeader) }
      : side === SIDE_RESPONSE
        ? { responseHeader: named(reader, 'responseHeader', responseHeader) }
        : {};
  const decode = side === SIDE_UNKNOWN ? undefined : decoderOf(service, side === SIDE_REQUEST);
  // Every row gives an object with the fields it could read.
  const fields = (decode?.(reader) ?? {}) as Readonly<Record<string, unknown>>;
  const { status, faults, anomalies, namespaceIndexes } = reader;
  const isWhole = status === 'ok' && (decode !== undefined || isEmpty(service, side));
  const bytesAfterBody = isWhole ? reader.bytesLeft : 0;
  return {
    typeId,
    service,
    ...header,
    fields,
    status,
    faults,
    anomalies,
    namespaceIndexes,
    bytesAfterBody,
  };
}

/** Fields of a request of a known service; `undefined` when the body is another one. */
export function decodeRequest<K extends keyof RequestFields>(
  service: K,
  body: ByteSpan,
  digest: Digest,
): RequestFields[K] | undefined {
  const decoded = decodeServiceBody(body, true, digest);
  if (decoded.service !== service || decoded.requestHeader === undefined) return undefined;
  // The row of this very service made the fields.
  return decoded.fields as RequestFields[K];
}

/** Fields of a response of a known service; `undefined` when the body is another one. */
export function decodeResponse<K extends keyof ResponseFields>(
  service: K,
  body: ByteSpan,
  digest: Digest,
): ResponseFields[K] | undefined {
  const decoded = decodeServiceBody(body, true, digest);
  if (decoded.service !== service || decoded.responseHeader === undefined) return undefined;
  // The row of this very service made the fields.
  return decoded.fields as ResponseFields[K];
}

function isEmpty(service: string, side: ServiceSide): boolean {
  return (side === SIDE_REQUEST ? EMPTY_REQUESTS : EMPTY_RESPONSES).includes(service);
}

function decoderOf(service: string, isRequest: boolean): Decoder<unknown> | undefined {
  const rows: Readonly<Record<string, Decoder<unknown>>> = isRequest ? REQUESTS : RESPONSES;
  return Object.hasOwn(rows, service) ? rows[service] : undefined;
}
