/**
 * Services against an independent encoder: node-opcua writes the message, we read it. Then what
 * must hold for any bytes: no throw, no end overrun, no time spent on lies.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as opcua from 'node-opcua';
import { cpuMsOf } from '../../hil-tests/machine-load.ts';
import type { ByteSpan, Digest } from '../decoded.ts';
import { decodeRequest, decodeServiceBody } from './service-body.ts';
import { SERVICE_TABLE, serviceName, sideOf } from './service-table.ts';
import { statusCodeName } from './status-code.ts';

const digest: Digest = {
  pseudonym: (_bytes, _offset, length) => `pseudonym of ${length}`,
  sha256: (_bytes, _offset, length) => `sha256 of ${length}`,
};
const { AttributeIds, DataType, StatusCodes, VariantArrayType } = opcua;
const T = new Date('2026-09-21T14:13:20.002Z');
const TIME = T.toISOString();
const GOOD = { code: 0, name: 'Good' };
const REQUEST_HEADER = {
  authenticationToken: opcua.resolveNodeId('ns=1;i=123456'),
  timestamp: T,
  requestHandle: 9,
  auditEntryId: 'audit',
  timeoutHint: 60000,
};
const ASKED = {
  authenticationToken: 'hash:pseudonym of 7',
  timestamp: TIME,
  requestHandle: 9,
  returnDiagnostics: 0,
  auditEntryId: 'audit',
  timeoutHintMs: 60000,
};
const RESPONSE_HEADER = { timestamp: T, requestHandle: 9, serviceResult: StatusCodes.Good };
const ANSWERED = { timestamp: TIME, requestHandle: 9, serviceResult: GOOD, stringTableCount: 0 };
const PASSWORD = 'correct horse battery';

interface Encodable {
  encode(stream: opcua.BinaryStream): void;
  readonly schema: { readonly encodingDefaultBinary?: opcua.NodeId | undefined };
}

/** Type id and body, as they stand in an unencrypted message. */
function encoded(object: unknown): Uint8Array {
  // Every service object of node-opcua has these two.
  const service = object as Encodable;
  const stream = new opcua.BinaryStream(100_000);
  const typeId = service.schema.encodingDefaultBinary;
  assert.ok(typeId !== undefined);
  opcua.encodeNodeId(typeId, stream);
  service.encode(stream);
  return Uint8Array.from(stream.buffer.subarray(0, stream.length));
}

function spanOf(bytes: Uint8Array): ByteSpan {
  return { bytes, offset: 0, length: bytes.length };
}

function decoded(object: unknown) {
  return decodeServiceBody(spanOf(encoded(object)), false, digest);
}

/** As a record would hold it. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const endpoint = {
  endpointUrl: 'opc.tcp://plc:4840',
  server: {
    applicationUri: 'urn:plc',
    productUri: 'urn:p',
    applicationName: { locale: 'en', text: 'PLC' },
    applicationType: 0,
    discoveryUrls: ['opc.tcp://plc:4840'],
  },
  serverCertificate: Buffer.from([0x30, 3, 1, 2, 3]),
  securityMode: opcua.MessageSecurityMode.SignAndEncrypt,
  securityPolicyUri: 'http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256',
  userIdentityTokens: [{ policyId: 'user', tokenType: opcua.UserTokenType.UserName }],
  transportProfileUri: 'http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary',
  securityLevel: 3,
};
const ENDPOINT = {
  endpointUrl: 'opc.tcp://plc:4840',
  server: {
    applicationUri: 'urn:plc',
    productUri: 'urn:p',
    applicationName: { locale: 'en', text: 'PLC' },
    applicationType: 0,
    gatewayServerUri: '',
    discoveryProfileUri: '',
    discoveryUrls: ['opc.tcp://plc:4840'],
  },
  serverCertificate: {
    sha256Thumbprint: 'sha256 of 5',
    certificateBytes: 5,
    chainLength: 1,
    parseError: 'tag 0x1 instead of 0x30 at byte 2',
  },
  securityMode: 'SignAndEncrypt',
  securityPolicyUri: 'http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256',
  userIdentityTokens: [
    {
      policyId: 'user',
      tokenType: 'UserName',
      issuedTokenType: '',
      issuerEndpointUrl: '',
      securityPolicyUri: '',
    },
  ],
  transportProfileUri: 'http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary',
  securityLevel: 3,
};
const value = new opcua.DataValue({
  value: { dataType: DataType.Double, value: 48.5 },
  statusCode: StatusCodes.Good,
  sourceTimestamp: T,
});
const VALUE = { value: { type: 'Double', value: 48.5 }, status: GOOD, sourceTimestamp: TIME };

interface Case {
  readonly service: string;
  readonly object: unknown;
  readonly fields: unknown;
}

// biome-ignore format: one case per line group
const requests: readonly Case[] = [
  { service: 'GetEndpoints', object: new opcua.GetEndpointsRequest({ requestHeader: REQUEST_HEADER, endpointUrl: 'opc.tcp://plc:4840', localeIds: ['en'], profileUris: [] }),
    fields: { endpointUrl: 'opc.tcp://plc:4840', localeIds: ['en'], profileUris: [] } },
  { service: 'OpenSecureChannel', object: new opcua.OpenSecureChannelRequest({ requestHeader: REQUEST_HEADER, clientProtocolVersion: 0, requestType: 1, securityMode: 2, clientNonce: Buffer.from('nonce'), requestedLifetime: 3600000 }),
    fields: { clientProtocolVersion: 0, requestType: 'Renew', securityMode: 'Sign', clientNonceBytes: 5, requestedLifetimeMs: 3600000 } },
  { service: 'CloseSecureChannel', object: new opcua.CloseSecureChannelRequest({ requestHeader: REQUEST_HEADER }), fields: {} },
  { service: 'CreateSession', object: new opcua.CreateSessionRequest({ requestHeader: REQUEST_HEADER, clientDescription: endpoint.server, serverUri: 'urn:plc', endpointUrl: 'opc.tcp://plc:4840', sessionName: 'HMI', clientNonce: Buffer.alloc(32), clientCertificate: endpoint.serverCertificate, requestedSessionTimeout: 60000, maxResponseMessageSize: 1000 }),
    fields: { clientDescription: ENDPOINT.server, serverUri: 'urn:plc', endpointUrl: 'opc.tcp://plc:4840', sessionName: 'HMI', clientNonceBytes: 32, clientCertificate: ENDPOINT.serverCertificate, requestedSessionTimeoutMs: 60000, maxResponseMessageSizeBytes: 1000 } },
  { service: 'ActivateSession', object: new opcua.ActivateSessionRequest({ requestHeader: REQUEST_HEADER, clientSignature: { algorithm: 'rsa', signature: Buffer.alloc(4) }, localeIds: ['en'], userIdentityToken: new opcua.UserNameIdentityToken({ policyId: 'user', userName: 'operator', password: Buffer.from(PASSWORD) }), userTokenSignature: {} }),
    fields: { clientSignatureAlgorithm: 'rsa', localeIds: ['en'], userIdentityToken: { tokenType: 'UserName', policyId: 'user', userName: 'hash:pseudonym of 8', passwordPresent: true, passwordIsClearText: true, encryptionAlgorithm: '', tokenBytes: PASSWORD.length } } },
  { service: 'ActivateSession', object: new opcua.ActivateSessionRequest({ requestHeader: REQUEST_HEADER, userIdentityToken: new opcua.UserNameIdentityToken({ policyId: 'user', userName: 'operator', password: Buffer.alloc(256), encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep' }) }),
    fields: { localeIds: [], userIdentityToken: { tokenType: 'UserName', policyId: 'user', userName: 'hash:pseudonym of 8', passwordPresent: true, passwordIsClearText: false, encryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep', tokenBytes: 256 } } },
  { service: 'ActivateSession', object: new opcua.ActivateSessionRequest({ requestHeader: REQUEST_HEADER, userIdentityToken: new opcua.AnonymousIdentityToken({ policyId: 'anonymous' }) }),
    fields: { localeIds: [], userIdentityToken: { tokenType: 'Anonymous', policyId: 'anonymous' } } },
  { service: 'ActivateSession', object: new opcua.ActivateSessionRequest({ requestHeader: REQUEST_HEADER, userIdentityToken: new opcua.X509IdentityToken({ policyId: 'x509', certificateData: endpoint.serverCertificate }) }),
    fields: { localeIds: [], userIdentityToken: { tokenType: 'Certificate', policyId: 'x509', certificate: ENDPOINT.serverCertificate } } },
  { service: 'CloseSession', object: new opcua.CloseSessionRequest({ requestHeader: REQUEST_HEADER, deleteSubscriptions: true }), fields: { deleteSubscriptions: true } },
  { service: 'Browse', object: new opcua.BrowseRequest({ requestHeader: REQUEST_HEADER, requestedMaxReferencesPerNode: 7, nodesToBrowse: [{ nodeId: 'i=85', browseDirection: 0, referenceTypeId: 'i=33', includeSubtypes: true, nodeClassMask: 3, resultMask: 63 }] }),
    fields: { view: { viewId: 'i=0', viewVersion: 0 }, requestedMaxReferencesPerNode: 7, nodesToBrowse: [{ nodeId: 'i=85', browseDirection: 0, referenceTypeId: 'i=33', includeSubtypes: true, nodeClassMask: 3, resultMask: 63 }] } },
  { service: 'Read', object: new opcua.ReadRequest({ requestHeader: REQUEST_HEADER, maxAge: 5, timestampsToReturn: 2, nodesToRead: [{ nodeId: 'ns=2;s=Pump1.Speed', attributeId: AttributeIds.Value }, { nodeId: 'ns=3;g=72962b91-fa75-4ae6-8d28-b404dc7daf63', attributeId: 1 }] }),
    fields: { maxAgeMs: 5, timestampsToReturn: 2, nodesToRead: [{ nodeId: 'ns=2;s=Pump1.Speed', attributeId: 13 }, { nodeId: 'ns=3;g=72962b91-fa75-4ae6-8d28-b404dc7daf63', attributeId: 1 }] } },
  { service: 'Write', object: new opcua.WriteRequest({ requestHeader: REQUEST_HEADER, nodesToWrite: [{ nodeId: 'ns=2;s=Valve', attributeId: 13, indexRange: new opcua.NumericRange('1:2'), value: new opcua.DataValue({ value: { dataType: DataType.UInt16, arrayType: VariantArrayType.Array, value: new Uint16Array([1, 2]) } }) }] }),
    fields: { nodesToWrite: [{ nodeId: 'ns=2;s=Valve', attributeId: 13, indexRange: '1:2', value: { type: 'UInt16', value: [1, 2], arrayLength: 2 }, status: GOOD }] } },
  { service: 'Call', object: new opcua.CallRequest({ requestHeader: REQUEST_HEADER, methodsToCall: [{ objectId: 'ns=1;s=Pump', methodId: 'ns=1;s=Start', inputArguments: [{ dataType: DataType.Int64, arrayType: VariantArrayType.Scalar, value: [0xffffffff, 0xfffffffe] }, { dataType: DataType.String, value: 'now' }] }] }),
    fields: { methodsToCall: [{ objectId: 'ns=1;s=Pump', methodId: 'ns=1;s=Start', inputArguments: [{ type: 'Int64', value: '-2' }, { type: 'String', value: 'now' }] }] } },
  { service: 'CreateSubscription', object: new opcua.CreateSubscriptionRequest({ requestHeader: REQUEST_HEADER, requestedPublishingInterval: 250, requestedLifetimeCount: 30, requestedMaxKeepAliveCount: 10, maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 6 }),
    fields: { requestedPublishingIntervalMs: 250, requestedLifetimeCount: 30, requestedMaxKeepAliveCount: 10, maxNotificationsPerPublish: 100, publishingEnabled: true, priority: 6 } },
  { service: 'CreateMonitoredItems', object: new opcua.CreateMonitoredItemsRequest({ requestHeader: REQUEST_HEADER, subscriptionId: 5, timestampsToReturn: 2, itemsToCreate: [{ itemToMonitor: { nodeId: 'ns=2;s=Level', attributeId: 13 }, monitoringMode: 2, requestedParameters: { clientHandle: 77, samplingInterval: 100, filter: new opcua.DataChangeFilter({ trigger: 1, deadbandType: 1, deadbandValue: 0.5 }), queueSize: 10, discardOldest: true } }] }),
    fields: { subscriptionId: 5, timestampsToReturn: 2, itemsToCreate: [{ nodeId: 'ns=2;s=Level', attributeId: 13, monitoringMode: 2, clientHandle: 77, samplingIntervalMs: 100, filter: { trigger: 1, deadbandType: 1, deadbandValue: 0.5 }, queueSize: 10, discardOldest: true }] } },
  { service: 'CreateMonitoredItems', object: new opcua.CreateMonitoredItemsRequest({ requestHeader: REQUEST_HEADER, subscriptionId: 5, itemsToCreate: [{ itemToMonitor: { nodeId: 'i=2253', attributeId: 12 }, monitoringMode: 2, requestedParameters: { clientHandle: 1, samplingInterval: -1, filter: new opcua.EventFilter({ selectClauses: [{ typeDefinitionId: 'i=2041', browsePath: [{ name: 'Message' }], attributeId: 13 }], whereClause: { elements: [{ filterOperator: 14, filterOperands: [] }] } }), queueSize: 1 } }] }),
    fields: { subscriptionId: 5, timestampsToReturn: 0, itemsToCreate: [{ nodeId: 'i=2253', attributeId: 12, monitoringMode: 2, clientHandle: 1, samplingIntervalMs: -1, filter: { selectClausesCount: 1, whereClauseOperators: [14] }, queueSize: 1, discardOldest: false }] } },
  { service: 'Publish', object: new opcua.PublishRequest({ requestHeader: REQUEST_HEADER, subscriptionAcknowledgements: [{ subscriptionId: 5, sequenceNumber: 6 }] }),
    fields: { subscriptionAcknowledgements: [{ subscriptionId: 5, sequenceNumber: 6 }] } },
];

// biome-ignore format: one case per line group
const responses: readonly Case[] = [
  { service: 'ServiceFault', object: new opcua.ServiceFault({ responseHeader: RESPONSE_HEADER }), fields: {} },
  { service: 'GetEndpoints', object: new opcua.GetEndpointsResponse({ responseHeader: RESPONSE_HEADER, endpoints: [endpoint] }), fields: { endpoints: [ENDPOINT] } },
  { service: 'OpenSecureChannel', object: new opcua.OpenSecureChannelResponse({ responseHeader: RESPONSE_HEADER, serverProtocolVersion: 0, securityToken: { channelId: 7, tokenId: 8, createdAt: T, revisedLifetime: 600000 }, serverNonce: Buffer.from('n') }),
    fields: { serverProtocolVersion: 0, channelId: 7, tokenId: 8, tokenCreatedAt: TIME, revisedLifetimeMs: 600000, serverNonceBytes: 1 } },
  { service: 'CreateSession', object: new opcua.CreateSessionResponse({ responseHeader: RESPONSE_HEADER, sessionId: opcua.resolveNodeId('ns=1;i=4'), authenticationToken: REQUEST_HEADER.authenticationToken, revisedSessionTimeout: 60000, serverNonce: Buffer.alloc(32), serverCertificate: endpoint.serverCertificate, serverEndpoints: [endpoint], serverSignature: { algorithm: 'rsa', signature: Buffer.alloc(9) }, maxRequestMessageSize: 5 }),
    fields: { sessionId: 'ns=1;i=4', authenticationToken: ASKED.authenticationToken, revisedSessionTimeoutMs: 60000, serverNonceBytes: 32, serverCertificate: ENDPOINT.serverCertificate, serverEndpoints: [ENDPOINT], signatureAlgorithm: 'rsa', maxRequestMessageSizeBytes: 5 } },
  { service: 'ActivateSession', object: new opcua.ActivateSessionResponse({ responseHeader: RESPONSE_HEADER, serverNonce: Buffer.alloc(32), results: [StatusCodes.Good] }), fields: { serverNonceBytes: 32, results: [GOOD], diagnosticInfos: [] } },
  { service: 'CloseSession', object: new opcua.CloseSessionResponse({ responseHeader: RESPONSE_HEADER }), fields: {} },
  { service: 'Browse', object: new opcua.BrowseResponse({ responseHeader: RESPONSE_HEADER, results: [new opcua.BrowseResult({ statusCode: StatusCodes.Good, continuationPoint: Buffer.from('more'), references: [{ referenceTypeId: 'i=35', isForward: true, nodeId: opcua.makeExpandedNodeId(opcua.resolveNodeId('ns=2;s=Pump1')), browseName: { namespaceIndex: 2, name: 'Pump1' }, displayName: { text: 'Pump 1' }, nodeClass: 1, typeDefinition: opcua.makeExpandedNodeId(opcua.resolveNodeId('i=61')) }] })] }),
    fields: { results: [{ statusCode: GOOD, continuationPointBytes: 4, references: [{ referenceTypeId: 'i=35', isForward: true, nodeId: 'ns=2;s=Pump1', browseName: { namespaceIndex: 2, name: 'Pump1' }, displayName: { text: 'Pump 1' }, nodeClass: 1, typeDefinition: 'i=61' }] }], diagnosticInfos: [] } },
  { service: 'Read', object: new opcua.ReadResponse({ responseHeader: RESPONSE_HEADER, results: [value, new opcua.DataValue({ statusCode: StatusCodes.BadNodeIdUnknown })] }),
    fields: { results: [VALUE, { status: { code: 0x80340000, name: 'BadNodeIdUnknown', severity: 2, subCode: 0x34 } }], diagnosticInfos: [] } },
  { service: 'Write', object: new opcua.WriteResponse({ responseHeader: RESPONSE_HEADER, results: [StatusCodes.Good] }), fields: { results: [GOOD], diagnosticInfos: [] } },
  { service: 'Call', object: new opcua.CallResponse({ responseHeader: RESPONSE_HEADER, results: [{ statusCode: StatusCodes.Good, inputArgumentResults: [StatusCodes.Good], outputArguments: [{ dataType: DataType.Boolean, value: true }] }] }),
    fields: { results: [{ statusCode: GOOD, inputArgumentResults: [GOOD], outputArguments: [{ type: 'Boolean', value: true }] }], diagnosticInfos: [] } },
  { service: 'CreateSubscription', object: new opcua.CreateSubscriptionResponse({ responseHeader: RESPONSE_HEADER, subscriptionId: 5, revisedPublishingInterval: 250, revisedLifetimeCount: 30, revisedMaxKeepAliveCount: 10 }),
    fields: { subscriptionId: 5, revisedPublishingIntervalMs: 250, revisedLifetimeCount: 30, revisedMaxKeepAliveCount: 10 } },
  { service: 'CreateMonitoredItems', object: new opcua.CreateMonitoredItemsResponse({ responseHeader: RESPONSE_HEADER, results: [{ statusCode: StatusCodes.Good, monitoredItemId: 3, revisedSamplingInterval: 100, revisedQueueSize: 10 }] }),
    fields: { results: [{ statusCode: GOOD, monitoredItemId: 3, revisedSamplingIntervalMs: 100, revisedQueueSize: 10 }], diagnosticInfos: [] } },
  { service: 'Publish', object: new opcua.PublishResponse({ responseHeader: RESPONSE_HEADER, subscriptionId: 5, availableSequenceNumbers: [1, 2], moreNotifications: false, notificationMessage: { sequenceNumber: 2, publishTime: T, notificationData: [new opcua.DataChangeNotification({ monitoredItems: [{ clientHandle: 77, value }] }), new opcua.EventNotificationList({ events: [{ clientHandle: 1, eventFields: [{ dataType: DataType.UInt16, value: 700 }] }] }), new opcua.StatusChangeNotification({ status: StatusCodes.BadTimeout })] }, results: [StatusCodes.Good] }),
    fields: { subscriptionId: 5, availableSequenceNumbers: [1, 2], moreNotifications: false, notificationSequenceNumber: 2, publishTime: TIME, results: [GOOD], diagnosticInfos: [], dataChanges: [{ clientHandle: 77, ...VALUE }], events: [{ clientHandle: 1, fields: [{ type: 'UInt16', value: 700 }] }], statusChange: { status: { code: 0x800a0000, name: 'BadTimeout', severity: 2, subCode: 10 } } } },
  { service: 'Publish', object: new opcua.PublishResponse({ responseHeader: RESPONSE_HEADER, subscriptionId: 5, notificationMessage: { sequenceNumber: 2, publishTime: T } }),
    fields: { subscriptionId: 5, availableSequenceNumbers: [], moreNotifications: false, notificationSequenceNumber: 2, publishTime: TIME, results: [], diagnosticInfos: [], isKeepAlive: true } },
];

for (const { service, object, fields } of requests) {
  test(`${service} request`, () => {
    const body = decoded(object);
    assert.deepEqual([body.service, body.status, body.bytesAfterBody], [service, 'ok', 0]);
    assert.deepEqual(plain(body.requestHeader), ASKED);
    assert.deepEqual(plain(body.fields), fields);
  });
}

for (const { service, object, fields } of responses) {
  test(`${service} response`, () => {
    const body = decoded(object);
    assert.deepEqual([body.service, body.status, body.bytesAfterBody], [service, 'ok', 0]);
    assert.deepEqual(plain(body.responseHeader), ANSWERED);
    assert.deepEqual(plain(body.fields), fields);
  });
}

test('the table has every service, each with the type ids of node-opcua', () => {
  assert.equal(SERVICE_TABLE.length, 42);
  const ids = new Map(Object.entries(opcua.ObjectIds));
  for (const { service, requestTypeId, responseTypeId } of SERVICE_TABLE) {
    const suffix = 'Encoding_DefaultBinary';
    if (service === 'ServiceFault') {
      assert.equal(ids.get(`ServiceFault_${suffix}`), responseTypeId);
      continue;
    }
    // Taken out of the specification; node-opcua has them no more.
    if (!service.startsWith('TestStack')) {
      assert.equal(ids.get(`${service}Request_${suffix}`), requestTypeId, service);
      assert.equal(ids.get(`${service}Response_${suffix}`), responseTypeId, service);
    }
    assert.deepEqual([serviceName(requestTypeId), sideOf(requestTypeId)], [service, 1]);
    assert.deepEqual([serviceName(responseTypeId), sideOf(responseTypeId)], [service, 2]);
  }
  assert.deepEqual([serviceName(12210), sideOf(12210), sideOf(99999)], ['unknown', 0, 0]);
});

test('status codes have the names that node-opcua gives them', () => {
  let compared = 0;
  for (const [name, status] of Object.entries(StatusCodes)) {
    if (typeof status?.value !== 'number' || (status.value & 0xffff) !== 0) continue;
    assert.equal(statusCodeName(status.value >>> 0), name);
    compared++;
  }
  assert.ok(compared > 250);
});

test('the two test services are told by their header', () => {
  const bytes = encoded(new opcua.QueryNextRequest({ requestHeader: REQUEST_HEADER }));
  bytes.set([410 & 0xff, 410 >> 8], 2);
  const body = decodeServiceBody(spanOf(bytes), false, digest);
  assert.deepEqual([body.service, body.status, plain(body.fields)], ['TestStack', 'ok', {}]);
  assert.deepEqual(plain(body.requestHeader), ASKED);
});

test('diagnostics get their texts from the string table', () => {
  const header = {
    ...RESPONSE_HEADER,
    serviceResult: StatusCodes.BadSessionIdInvalid,
    stringTable: ['Bad', 'why'],
    serviceDiagnostics: new opcua.DiagnosticInfo({ symbolicId: 0, localizedText: 1 }),
  };
  const body = decoded(new opcua.ServiceFault({ responseHeader: header }));
  const info = body.responseHeader?.diagnosticInfo;
  assert.deepEqual([info?.symbolicId, info?.localizedText], ['Bad', 'why']);
  assert.equal(body.responseHeader?.serviceResult?.name, 'BadSessionIdInvalid');
});

const all = [...requests, ...responses].map(({ object }) => encoded(object));

test('every prefix of every service: what was read stays, nothing is invented', () => {
  for (const bytes of all) {
    for (let length = 0; length < bytes.length; length++) {
      const cut = decodeServiceBody({ bytes, offset: 0, length }, false, digest);
      assert.ok(JSON.stringify(cut).length < 20_000);
      assert.equal(JSON.stringify(cut).includes('null'), false);
      if (cut.typeId !== 0) assert.equal(cut.status, 'malformed');
    }
  }
});

test('any change of any byte: no throw, no read past the end, no null', () => {
  fc.assert(
    fc.property(
      fc.nat(all.length - 1),
      fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (index, changes) => {
        const bytes = Uint8Array.from(all[index]);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const body = decodeServiceBody(spanOf(bytes), false, digest);
        assert.equal(/[[:,]null/.test(JSON.stringify(body)), false);
      },
    ),
    { numRuns: 3000 },
  );
});

test('64 KiB of the smallest items are decoded in a moment', () => {
  const head = encoded(new opcua.ReadResponse({ responseHeader: RESPONSE_HEADER }));
  const bytes = new Uint8Array(65_536);
  bytes.set(head.subarray(0, head.length - 8));
  new DataView(bytes.buffer).setInt32(head.length - 8, 1_000_000, true);
  const tookMs = cpuMsOf(() => decodeServiceBody(spanOf(bytes), true, digest));
  assert.ok(tookMs < 250, `${tookMs} ms`);
  const body = decodeServiceBody(spanOf(bytes), true, digest);
  const { results } = body.fields;
  assert.equal(Array.isArray(results) && results.length, 4096);
  assert.equal(body.status, 'partial');
});

test('fields of another service are not taken for it', () => {
  const read = spanOf(encoded(new opcua.ReadRequest({ requestHeader: REQUEST_HEADER })));
  assert.equal(decodeRequest('Write', read, digest), undefined);
  assert.equal(decodeRequest('Read', read, digest)?.maxAgeMs, 0);
});
