/**
 * The smaller services against an independent encoder, as service-body.test.ts does for the main
 * ones: node-opcua writes, we read, nothing is left over.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as opcua from 'node-opcua';
import type { Digest } from '../decoded.ts';
import { decodeServiceBody } from './service-body.ts';

const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };
const { StatusCodes } = opcua;
const GOOD = { code: 0, name: 'Good' };
const GOOD_RESULTS = { results: [GOOD], diagnosticInfos: [] };
const requestHeader = { requestHandle: 9 };
const responseHeader = { serviceResult: StatusCodes.Good };
const results = [StatusCodes.Good];
const server = {
  applicationUri: 'urn:plc',
  productUri: 'urn:p',
  applicationName: { text: 'PLC' },
  applicationType: 0,
  gatewayServerUri: 'g',
  discoveryProfileUri: 'd',
  discoveryUrls: ['u'],
};
const T = new Date('2026-09-21T14:13:20.002Z');

interface Encodable {
  encode(stream: opcua.BinaryStream): void;
  readonly schema: { readonly encodingDefaultBinary?: opcua.NodeId | undefined };
}

// biome-ignore format: one case per line
const cases: readonly { object: Encodable; service: string; fields: object }[] = [
  { service: 'FindServers', object: new opcua.FindServersRequest({ requestHeader, endpointUrl: 'u', localeIds: ['en'], serverUris: ['s'] }), fields: { endpointUrl: 'u', localeIds: ['en'], serverUris: ['s'] } },
  { service: 'FindServers', object: new opcua.FindServersResponse({ responseHeader, servers: [server] }), fields: { servers: [server] } },
  { service: 'Cancel', object: new opcua.CancelRequest({ requestHeader, requestHandle: 8 }), fields: { requestHandle: 8 } },
  { service: 'Cancel', object: new opcua.CancelResponse({ responseHeader, cancelCount: 1 }), fields: { cancelCount: 1 } },
  { service: 'BrowseNext', object: new opcua.BrowseNextRequest({ requestHeader, releaseContinuationPoints: true, continuationPoints: [Buffer.from('more')] }), fields: { releaseContinuationPoints: true, continuationPointsCount: 1 } },
  { service: 'BrowseNext', object: new opcua.BrowseNextResponse({ responseHeader, results: [new opcua.BrowseResult({ statusCode: StatusCodes.Good })] }), fields: { results: [{ statusCode: GOOD, references: [] }], diagnosticInfos: [] } },
  { service: 'TranslateBrowsePathsToNodeIds', object: new opcua.TranslateBrowsePathsToNodeIdsRequest({ requestHeader, browsePaths: [{ startingNode: 'i=85', relativePath: { elements: [{ referenceTypeId: 'i=33', isInverse: false, includeSubtypes: true, targetName: { namespaceIndex: 2, name: 'Pump1' } }] } }] }), fields: { browsePaths: [{ startingNode: 'i=85', relativePath: [{ referenceTypeId: 'i=33', isInverse: false, includeSubtypes: true, targetName: { namespaceIndex: 2, name: 'Pump1' } }] }] } },
  { service: 'TranslateBrowsePathsToNodeIds', object: new opcua.TranslateBrowsePathsToNodeIdsResponse({ responseHeader, results: [{ statusCode: StatusCodes.Good, targets: [{ targetId: opcua.makeExpandedNodeId(opcua.resolveNodeId('ns=2;i=7')), remainingPathIndex: 0xffffffff }] }] }), fields: { results: [{ statusCode: GOOD, targets: [{ targetId: 'ns=2;i=7', remainingPathIndex: 0xffffffff }] }], diagnosticInfos: [] } },
  { service: 'RegisterNodes', object: new opcua.RegisterNodesRequest({ requestHeader, nodesToRegister: ['ns=2;s=A'] }), fields: { nodesToRegister: ['ns=2;s=A'] } },
  { service: 'RegisterNodes', object: new opcua.RegisterNodesResponse({ responseHeader, registeredNodeIds: [opcua.resolveNodeId('ns=9;i=1')] }), fields: { registeredNodeIds: ['ns=9;i=1'] } },
  { service: 'UnregisterNodes', object: new opcua.UnregisterNodesRequest({ requestHeader, nodesToUnregister: ['ns=9;i=1'] }), fields: { nodesToUnregister: ['ns=9;i=1'] } },
  { service: 'UnregisterNodes', object: new opcua.UnregisterNodesResponse({ responseHeader }), fields: {} },
  { service: 'ModifyMonitoredItems', object: new opcua.ModifyMonitoredItemsRequest({ requestHeader, subscriptionId: 5, timestampsToReturn: 2, itemsToModify: [{ monitoredItemId: 3, requestedParameters: { clientHandle: 77, samplingInterval: 1000, queueSize: 1, discardOldest: true } }] }), fields: { subscriptionId: 5, timestampsToReturn: 2, itemsToModify: [{ monitoredItemId: 3, clientHandle: 77, samplingIntervalMs: 1000, queueSize: 1, discardOldest: true }] } },
  { service: 'ModifyMonitoredItems', object: new opcua.ModifyMonitoredItemsResponse({ responseHeader, results: [{ statusCode: StatusCodes.Good, revisedSamplingInterval: 1000, revisedQueueSize: 1 }] }), fields: { results: [{ statusCode: GOOD, revisedSamplingIntervalMs: 1000, revisedQueueSize: 1 }], diagnosticInfos: [] } },
  { service: 'SetMonitoringMode', object: new opcua.SetMonitoringModeRequest({ requestHeader, subscriptionId: 5, monitoringMode: 1, monitoredItemIds: [3, 4] }), fields: { subscriptionId: 5, monitoringMode: 1, monitoredItemIds: [3, 4] } },
  { service: 'SetMonitoringMode', object: new opcua.SetMonitoringModeResponse({ responseHeader, results }), fields: GOOD_RESULTS },
  { service: 'SetTriggering', object: new opcua.SetTriggeringRequest({ requestHeader, subscriptionId: 5, triggeringItemId: 3, linksToAdd: [4], linksToRemove: [] }), fields: { subscriptionId: 5, triggeringItemId: 3, linksToAdd: [4], linksToRemove: [] } },
  { service: 'SetTriggering', object: new opcua.SetTriggeringResponse({ responseHeader, addResults: results }), fields: { addResults: [GOOD], addDiagnosticInfos: [], removeResults: [], removeDiagnosticInfos: [] } },
  { service: 'DeleteMonitoredItems', object: new opcua.DeleteMonitoredItemsRequest({ requestHeader, subscriptionId: 5, monitoredItemIds: [3] }), fields: { subscriptionId: 5, monitoredItemIds: [3] } },
  { service: 'DeleteMonitoredItems', object: new opcua.DeleteMonitoredItemsResponse({ responseHeader, results }), fields: GOOD_RESULTS },
  { service: 'ModifySubscription', object: new opcua.ModifySubscriptionRequest({ requestHeader, subscriptionId: 5, requestedPublishingInterval: 250, requestedLifetimeCount: 30, requestedMaxKeepAliveCount: 10, maxNotificationsPerPublish: 100, priority: 6 }), fields: { subscriptionId: 5, requestedPublishingIntervalMs: 250, requestedLifetimeCount: 30, requestedMaxKeepAliveCount: 10, maxNotificationsPerPublish: 100, priority: 6 } },
  { service: 'ModifySubscription', object: new opcua.ModifySubscriptionResponse({ responseHeader, revisedPublishingInterval: 250, revisedLifetimeCount: 30, revisedMaxKeepAliveCount: 10 }), fields: { revisedPublishingIntervalMs: 250, revisedLifetimeCount: 30, revisedMaxKeepAliveCount: 10 } },
  { service: 'SetPublishingMode', object: new opcua.SetPublishingModeRequest({ requestHeader, publishingEnabled: true, subscriptionIds: [5] }), fields: { publishingEnabled: true, subscriptionIds: [5] } },
  { service: 'SetPublishingMode', object: new opcua.SetPublishingModeResponse({ responseHeader, results }), fields: GOOD_RESULTS },
  { service: 'Republish', object: new opcua.RepublishRequest({ requestHeader, subscriptionId: 5, retransmitSequenceNumber: 2 }), fields: { subscriptionId: 5, retransmitSequenceNumber: 2 } },
  { service: 'Republish', object: new opcua.RepublishResponse({ responseHeader, notificationMessage: { sequenceNumber: 2, publishTime: T, notificationData: [new opcua.DataChangeNotification({ monitoredItems: [{ clientHandle: 77, value: {} }] })] } }), fields: { notificationSequenceNumber: 2, publishTime: T.toISOString(), dataChanges: [{ clientHandle: 77, status: GOOD }] } },
  { service: 'TransferSubscriptions', object: new opcua.TransferSubscriptionsRequest({ requestHeader, subscriptionIds: [5], sendInitialValues: true }), fields: { subscriptionIds: [5], sendInitialValues: true } },
  { service: 'TransferSubscriptions', object: new opcua.TransferSubscriptionsResponse({ responseHeader, results: [{ statusCode: StatusCodes.Good, availableSequenceNumbers: [2] }] }), fields: { results: [{ statusCode: GOOD, availableSequenceNumbers: [2] }], diagnosticInfos: [] } },
  { service: 'DeleteSubscriptions', object: new opcua.DeleteSubscriptionsRequest({ requestHeader, subscriptionIds: [5] }), fields: { subscriptionIds: [5] } },
  { service: 'DeleteSubscriptions', object: new opcua.DeleteSubscriptionsResponse({ responseHeader, results }), fields: GOOD_RESULTS },
];

for (const { service, object, fields } of cases) {
  test(`${service}: ${Object.keys(fields).join(' ')}`, () => {
    const stream = new opcua.BinaryStream(10_000);
    const typeId = object.schema.encodingDefaultBinary;
    assert.ok(typeId !== undefined);
    opcua.encodeNodeId(typeId, stream);
    object.encode(stream);
    const bytes = Uint8Array.from(stream.buffer.subarray(0, stream.length));
    const body = decodeServiceBody({ bytes, offset: 0, length: bytes.length }, false, digest);
    assert.deepEqual([body.service, body.status, body.bytesAfterBody], [service, 'ok', 0]);
    assert.deepEqual(JSON.parse(JSON.stringify(body.fields)), fields);
  });
}
