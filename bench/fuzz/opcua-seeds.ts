/**
 * Requests with their responses, so that what is learned from pairs (handles, aliases, namespaces,
 * endpoints) runs under the fuzzer too; and the chunks that an ordinary conversation doesn't have.
 */
import * as opcua from 'node-opcua';
import { int32, letters, message, text } from '../../agent/decode/opcua-made-traffic.ts';
import { type Encodable, encoded, opcuaTraffic } from '../opcua-traffic.ts';

const requestHeader = { requestHandle: 9, timestamp: new Date(1.79e12), timeoutHint: 60_000 };
const responseHeader = { requestHandle: 9, timestamp: new Date(1.79e12) };
const TIME = new Date(1.79e12);
const value = { value: { dataType: opcua.DataType.Double, value: 48.5 }, sourceTimestamp: TIME };
const CERTIFICATE = Buffer.from([0x30, 3, 1, 2, 3]);

const endpoint = {
  endpointUrl: 'opc.tcp://plc:4840',
  server: { applicationUri: 'urn:plc', discoveryUrls: ['opc.tcp://plc:4840'] },
  serverCertificate: CERTIFICATE,
  securityMode: opcua.MessageSecurityMode.Sign,
  securityPolicyUri: 'http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256',
  userIdentityTokens: [{ policyId: 'user', tokenType: opcua.UserTokenType.UserName }],
};

function history(historyData: opcua.ExtensionObject): [Encodable, Encodable] {
  const nodesToRead = [{ nodeId: 'ns=2;s=Level' }];
  const historyReadDetails = new opcua.ReadRawModifiedDetails({ startTime: TIME, endTime: TIME });
  const results = [new opcua.HistoryReadResult({ historyData })];
  return [
    new opcua.HistoryReadRequest({ requestHeader, historyReadDetails, nodesToRead }),
    new opcua.HistoryReadResponse({ responseHeader, results }),
  ];
}

function published(...notificationData: opcua.ExtensionObject[]): [Encodable, Encodable] {
  const notificationMessage = { sequenceNumber: 3, publishTime: TIME, notificationData };
  return [
    new opcua.PublishRequest({ requestHeader }),
    new opcua.PublishResponse({ responseHeader, subscriptionId: 5, notificationMessage }),
  ];
}

function login(userIdentityToken: opcua.ExtensionObject): [Encodable, Encodable] {
  return [
    new opcua.ActivateSessionRequest({ requestHeader, userIdentityToken }),
    new opcua.ActivateSessionResponse({ responseHeader, serverNonce: Buffer.alloc(32, 7) }),
  ];
}

function read(nodeId: string, given: opcua.DataValueOptions): [Encodable, Encodable] {
  return [
    new opcua.ReadRequest({ requestHeader, nodesToRead: [{ nodeId, attributeId: 13 }] }),
    new opcua.ReadResponse({ responseHeader, results: [new opcua.DataValue(given)] }),
  ];
}

const dataValues = [new opcua.DataValue(value), new opcua.DataValue(value)];
const monitored = { clientHandle: 77, samplingInterval: 100, queueSize: 1 };
const created = { monitoredItemId: 3, revisedSamplingInterval: 100, revisedQueueSize: 1 };
const { Double, ExtensionObject, String: Text } = opcua.DataType;

const EXCHANGES: readonly (readonly [Encodable, Encodable])[] = [
  history(new opcua.HistoryData({ dataValues })),
  history(
    new opcua.HistoryModifiedData({
      dataValues,
      modificationInfos: [{ modificationTime: TIME, userName: 'operator1' }],
    }),
  ),
  published(),
  published(new opcua.StatusChangeNotification({ status: opcua.StatusCodes.BadTimeout })),
  published(
    new opcua.EventNotificationList({
      events: [{ clientHandle: 77, eventFields: [value.value, { dataType: Text, value: 'high' }] }],
    }),
    new opcua.DataChangeNotification({ monitoredItems: [{ clientHandle: 77, value }] }),
  ),
  login(new opcua.AnonymousIdentityToken({ policyId: 'anonymous' })),
  login(new opcua.X509IdentityToken({ policyId: 'x509', certificateData: CERTIFICATE })),
  login(new opcua.IssuedIdentityToken({ policyId: 'issued', tokenData: Buffer.alloc(40, 1) })),
  login(
    new opcua.UserNameIdentityToken({
      policyId: 'user',
      userName: 'operator1',
      password: Buffer.from([1, 0, 0x8c, 1, 1, 0, 0x7b, 0x44, 1, 0, 0, 0, 0]),
    }),
  ),
  read('i=2255', {
    value: { dataType: Text, arrayType: 1, value: ['http://opcfoundation.org/UA/', 'urn:plc'] },
  }),
  read('ns=1;i=7', {
    value: { dataType: Double, arrayType: 2, dimensions: [2, 2], value: [1, 2, 3, 4] },
  }),
  read('i=2260', {
    value: {
      dataType: ExtensionObject,
      value: new opcua.BuildInfo({ productName: 'PLC', manufacturerName: 'Maker' }),
    },
  }),
  [
    new opcua.RegisterNodesRequest({ requestHeader, nodesToRegister: ['ns=2;s=Level'] }),
    new opcua.RegisterNodesResponse({ responseHeader, registeredNodeIds: ['ns=1;i=7'] }),
  ],
  [
    new opcua.CreateMonitoredItemsRequest({
      requestHeader,
      subscriptionId: 5,
      itemsToCreate: [
        { itemToMonitor: { nodeId: 'ns=2;s=Level' }, requestedParameters: monitored },
      ],
    }),
    new opcua.CreateMonitoredItemsResponse({ responseHeader, results: [created] }),
  ],
  [
    new opcua.ModifyMonitoredItemsRequest({
      requestHeader,
      subscriptionId: 5,
      itemsToModify: [{ monitoredItemId: 3, requestedParameters: monitored }],
    }),
    new opcua.ModifyMonitoredItemsResponse({ responseHeader, results: [created] }),
  ],
  [
    new opcua.GetEndpointsRequest({ requestHeader, endpointUrl: 'opc.tcp://plc:4840' }),
    new opcua.GetEndpointsResponse({ responseHeader, endpoints: [endpoint] }),
  ],
];

/** Bodies of a request and of its response. */
export const OPCUA_EXCHANGES: readonly (readonly [Uint8Array, Uint8Array])[] = [
  ...EXCHANGES.map(([request, response]) => [encoded(request), encoded(response)] as const),
  ...pairsOf(opcuaTraffic(20).bodies),
];

/** ERR, RHE, an aborted chunk, and OPN of either side in a policy that encrypts. */
export const OTHER_CHUNKS: readonly Uint8Array[] = [
  message('ERRF', int32(0x80010000), text('no more')),
  message('RHEF', text('urn:plc'), text('opc.tcp://plc:4840')),
  message('MSGA', int32(7), int32(1), int32(9), int32(9), int32(0x80010000), text('no more')),
  ...['Basic256Sha256', 'Aes256_Sha256_RsaPss', 'ECC_nistP384_AesGcm'].map((name) => {
    const policy = text(`http://opcfoundation.org/UA/SecurityPolicy#${name}`);
    return message('OPNF', int32(7), policy, int32(5), [...CERTIFICATE], int32(-1), letters(name));
  }),
].map((bytes) => Uint8Array.from(bytes));

function pairsOf(bodies: readonly Uint8Array[]): [Uint8Array, Uint8Array][] {
  const pairs: [Uint8Array, Uint8Array][] = [];
  for (let at = 0; at + 1 < bodies.length; at += 2) pairs.push([bodies[at], bodies[at + 1]]);
  return pairs;
}
