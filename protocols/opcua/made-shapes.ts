/**
 * For tests: how the structures of OPC 10000-4 become fields of our records, where name or form
 * differ. What isn't in the table has the specification's name and its own value.
 */

/** Says how a field of a structure becomes a field of a record, where they differ. */
export type Shape = (expected: unknown, name: string) => object;
export const as =
  (name: string): Shape =>
  (expected) => ({ [name]: expected });
const left: Shape = () => ({});
/** Its fields lie beside those of the structure that holds it. */
const flat: Shape = (expected) => expected as object;
const countAs =
  (name: string): Shape =>
  (expected) => ({ [name]: (expected as readonly unknown[]).length });
const inner =
  (field: string): Shape =>
  (expected, name) => ({ [name]: (expected as Record<string, unknown>)[field] });
const nameIn =
  (names: readonly string[]): Shape =>
  (expected, name) => ({ [name]: names[expected as number] });
export const certificateAs: Shape = (expected, name) => {
  const length = expected as number;
  if (length === 0) return {};
  const facts = { sha256Thumbprint: `sha256 of ${length}`, certificateBytes: length };
  const found = length < 2 ? 'the end instead of an element' : 'tag 0x1 instead of 0x30';
  return { [name]: { ...facts, chainLength: 0, parseError: `${found} at byte 0` } };
};
const dataEncoding: Shape = (expected, name) => {
  return (expected as { name?: string }).name === undefined ? {} : { [name]: expected };
};
const ms: Shape = (expected, name) => ({ [`${name}Ms`]: expected });
const MODES = ['Invalid', 'None', 'Sign', 'SignAndEncrypt'];
const USER_TOKENS = ['Anonymous', 'UserName', 'Certificate', 'IssuedToken'];
const signatureOnly: Shape = (expected) => ({
  signatureAlgorithm: (expected as { algorithm?: string }).algorithm,
});

/** By structure and field, as the specification names them. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  'EndpointDescription.serverCertificate': certificateAs,
  'EndpointDescription.securityMode': nameIn(MODES),
  'UserTokenPolicy.tokenType': nameIn(USER_TOKENS),
  'OpenSecureChannelRequest.requestType': nameIn(['Issue', 'Renew']),
  'OpenSecureChannelRequest.securityMode': nameIn(MODES),
  'OpenSecureChannelRequest.clientNonce': as('clientNonceBytes'),
  'OpenSecureChannelRequest.requestedLifetime': ms,
  'OpenSecureChannelResponse.securityToken': flat,
  'OpenSecureChannelResponse.serverNonce': as('serverNonceBytes'),
  'ChannelSecurityToken.createdAt': as('tokenCreatedAt'),
  'ChannelSecurityToken.revisedLifetime': ms,
  'CreateSessionRequest.clientNonce': as('clientNonceBytes'),
  'CreateSessionRequest.clientCertificate': certificateAs,
  'CreateSessionRequest.requestedSessionTimeout': ms,
  'CreateSessionRequest.maxResponseMessageSize': as('maxResponseMessageSizeBytes'),
  'CreateSessionResponse.authenticationToken': (expected) =>
    expected === undefined ? {} : { authenticationToken: expected },
  'CreateSessionResponse.revisedSessionTimeout': ms,
  'CreateSessionResponse.serverNonce': as('serverNonceBytes'),
  'CreateSessionResponse.serverCertificate': certificateAs,
  'CreateSessionResponse.serverSoftwareCertificates': left,
  'CreateSessionResponse.serverSignature': signatureOnly,
  'CreateSessionResponse.maxRequestMessageSize': as('maxRequestMessageSizeBytes'),
  'ActivateSessionRequest.clientSignature': (expected) => ({
    clientSignatureAlgorithm: (expected as { algorithm?: string }).algorithm,
  }),
  'ActivateSessionRequest.clientSoftwareCertificates': left,
  'ActivateSessionRequest.userTokenSignature': (expected) => ({
    userTokenSignatureAlgorithm: (expected as { algorithm?: string }).algorithm,
  }),
  'ActivateSessionResponse.serverNonce': as('serverNonceBytes'),
  'AddNodesItem.nodeAttributes': as('nodeAttributesType'),
  'BrowseResult.continuationPoint': as('continuationPointBytes'),
  'BrowseNextRequest.continuationPoints': countAs('continuationPointsCount'),
  'BrowsePath.relativePath': inner('elements'),
  'QueryDataDescription.relativePath': inner('elements'),
  'ContentFilter.elements': (expected) => ({
    filterOperators: (expected as readonly { filterOperator: number }[]).map((element) => {
      return element.filterOperator;
    }),
  }),
  'ContentFilterElementResult.operandDiagnosticInfos': left,
  'ContentFilterResult.elementDiagnosticInfos': left,
  'ParsingResult.dataDiagnosticInfos': left,
  'QueryFirstResponse.queryDataSets': countAs('queryDataSetsCount'),
  'QueryFirstResponse.continuationPoint': as('continuationPointBytes'),
  'QueryNextRequest.continuationPoint': as('continuationPointBytes'),
  'QueryNextResponse.queryDataSets': countAs('queryDataSetsCount'),
  'QueryNextResponse.revisedContinuationPoint': as('revisedContinuationPointBytes'),
  'ReadRequest.maxAge': ms,
  'ReadValueId.dataEncoding': dataEncoding,
  'HistoryReadRequest.historyReadDetails': as('historyReadDetailsType'),
  'HistoryReadValueId.dataEncoding': dataEncoding,
  'HistoryReadValueId.continuationPoint': as('continuationPointBytes'),
  'HistoryReadResult.continuationPoint': as('continuationPointBytes'),
  'HistoryReadResult.historyData': flat,
  'HistoryUpdateResult.diagnosticInfos': left,
  'WriteValue.value': flat,
  'CallMethodResult.inputArgumentDiagnosticInfos': left,
  'MonitoredItemCreateRequest.itemToMonitor': flat,
  'MonitoredItemCreateRequest.requestedParameters': flat,
  'MonitoredItemModifyRequest.requestedParameters': flat,
  'MonitoringParameters.samplingInterval': ms,
  'MonitoredItemCreateResult.revisedSamplingInterval': ms,
  'MonitoredItemModifyResult.revisedSamplingInterval': ms,
  'CreateSubscriptionRequest.requestedPublishingInterval': ms,
  'CreateSubscriptionResponse.revisedPublishingInterval': ms,
  'ModifySubscriptionRequest.requestedPublishingInterval': ms,
  'ModifySubscriptionResponse.revisedPublishingInterval': ms,
  'PublishResponse.notificationMessage': flat,
  'RepublishResponse.notificationMessage': flat,
  'NotificationMessage.sequenceNumber': as('notificationSequenceNumber'),
  'NotificationMessage.notificationData': (expected) => {
    // As `notificationData` below makes them.
    const parts = expected as readonly Readonly<Record<string, readonly unknown[]>>[];
    const dataChanges = parts.flatMap((part) => part.dataChanges ?? []);
    const events = parts.flatMap((part) => part.events ?? []);
    const statusChange = parts.findLast((part) => part.statusChange)?.statusChange;
    return {
      ...(dataChanges.length > 0 && { dataChanges }),
      ...(events.length > 0 && { events }),
      ...(statusChange && { statusChange }),
      ...(parts.length === 0 && { isKeepAlive: true }),
    };
  },
};
