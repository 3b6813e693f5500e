/**
 * Services by the namespace 0 ids of their binary encodings (OPC 10000-4 §5, ids OPC 10000-6 Annex
 * A.3). Ids are looked up, never taken by range: 12208 to 12212 are services too.
 */

export type ServiceAccess =
  | 'discovery'
  | 'channel'
  | 'session'
  | 'nodeManagement'
  | 'view'
  | 'query'
  | 'read'
  | 'history'
  | 'write'
  | 'call'
  | 'subscription'
  | 'fault'
  | 'test';

export interface ServiceRow {
  readonly service: string;
  /** 0: ServiceFault has no request. */
  readonly requestTypeId: number;
  readonly responseTypeId: number;
  readonly access: ServiceAccess;
}

// biome-ignore format: one service per line
const ROWS = [
  ['FindServers', 422, 425, 'discovery'],
  ['FindServersOnNetwork', 12208, 12209, 'discovery'],
  ['GetEndpoints', 428, 431, 'discovery'],
  ['RegisterServer', 437, 440, 'discovery'],
  ['RegisterServer2', 12211, 12212, 'discovery'],
  ['OpenSecureChannel', 446, 449, 'channel'],
  ['CloseSecureChannel', 452, 455, 'channel'],
  ['CreateSession', 461, 464, 'session'],
  ['ActivateSession', 467, 470, 'session'],
  ['CloseSession', 473, 476, 'session'],
  ['Cancel', 479, 482, 'session'],
  ['AddNodes', 488, 491, 'nodeManagement'],
  ['AddReferences', 494, 497, 'nodeManagement'],
  ['DeleteNodes', 500, 503, 'nodeManagement'],
  ['DeleteReferences', 506, 509, 'nodeManagement'],
  ['Browse', 527, 530, 'view'],
  ['BrowseNext', 533, 536, 'view'],
  ['TranslateBrowsePathsToNodeIds', 554, 557, 'view'],
  ['RegisterNodes', 560, 563, 'view'],
  ['UnregisterNodes', 566, 569, 'view'],
  ['QueryFirst', 615, 618, 'query'],
  ['QueryNext', 621, 624, 'query'],
  ['Read', 631, 634, 'read'],
  ['HistoryRead', 664, 667, 'history'],
  ['Write', 673, 676, 'write'],
  ['HistoryUpdate', 700, 703, 'history'],
  ['Call', 712, 715, 'call'],
  ['CreateMonitoredItems', 751, 754, 'subscription'],
  ['ModifyMonitoredItems', 763, 766, 'subscription'],
  ['SetMonitoringMode', 769, 772, 'subscription'],
  ['SetTriggering', 775, 778, 'subscription'],
  ['DeleteMonitoredItems', 781, 784, 'subscription'],
  ['CreateSubscription', 787, 790, 'subscription'],
  ['ModifySubscription', 793, 796, 'subscription'],
  ['SetPublishingMode', 799, 802, 'subscription'],
  ['Publish', 826, 829, 'subscription'],
  ['Republish', 832, 835, 'subscription'],
  ['TransferSubscriptions', 841, 844, 'subscription'],
  ['DeleteSubscriptions', 847, 850, 'subscription'],
  ['ServiceFault', 0, 397, 'fault'],
  ['TestStack', 410, 413, 'test'],
  ['TestStackEx', 416, 419, 'test'],
] as const;

export type ServiceName = (typeof ROWS)[number][0];

/** A type id that is in no row, or not of namespace 0. */
export const UNKNOWN_SERVICE = 'unknown';
/** The body can't be read. */
export const ENCRYPTED_SERVICE = 'encrypted';

export const OPEN_SECURE_CHANNEL_REQUEST = 446;
export const OPEN_SECURE_CHANNEL_RESPONSE = 449;
export const CLOSE_SECURE_CHANNEL_REQUEST = 452;
export const ACTIVATE_SESSION_REQUEST = 467;
export const GET_ENDPOINTS_RESPONSE = 431;
export const REGISTER_NODES_RESPONSE = 563;
export const READ_RESPONSE = 634;
export const CREATE_MONITORED_ITEMS_RESPONSE = 754;
export const MODIFY_MONITORED_ITEMS_RESPONSE = 766;
export const PUBLISH_REQUEST = 826;
export const SERVICE_FAULT = 397;

export const SERVICE_TABLE: readonly ServiceRow[] = ROWS.map(
  ([service, requestTypeId, responseTypeId, access]) => {
    return { service, requestTypeId, responseTypeId, access };
  },
);

/** Answers of `sideOf`. */
export const SIDE_UNKNOWN = 0;
export const SIDE_REQUEST = 1;
export const SIDE_RESPONSE = 2;
export type ServiceSide = 0 | 1 | 2;

const TYPE_IDS = 12_213;
const RESPONSE_BIT = 0x80;
/** Row + 1 by type id, with RESPONSE_BIT for responses; 0 for what is no service. */
const byTypeId = new Uint8Array(TYPE_IDS);
for (const [index, row] of SERVICE_TABLE.entries()) {
  if (row.requestTypeId !== 0) byTypeId[row.requestTypeId] = index + 1;
  byTypeId[row.responseTypeId] = (index + 1) | RESPONSE_BIT;
}
const names: readonly string[] = [UNKNOWN_SERVICE, ...ROWS.map((row) => row[0])];

/** Is this type id a request, a response, or no service at all? */
export function sideOf(typeId: number): ServiceSide {
  const entry = typeId < TYPE_IDS ? byTypeId[typeId] : 0;
  if (entry === 0) return SIDE_UNKNOWN;
  return (entry & RESPONSE_BIT) === 0 ? SIDE_REQUEST : SIDE_RESPONSE;
}

/** Name of the service whose request or response has this type id; `unknown` if none. */
export function serviceName(typeId: number): string {
  return typeId < TYPE_IDS ? names[byTypeId[typeId] & ~RESPONSE_BIT] : UNKNOWN_SERVICE;
}

/** Are both type ids of the same service? */
export function isSameService(typeId: number, otherTypeId: number): boolean {
  if (typeId >= TYPE_IDS || otherTypeId >= TYPE_IDS) return false;
  return ((byTypeId[typeId] ^ byTypeId[otherTypeId]) & ~RESPONSE_BIT) === 0;
}

export function serviceRow(typeId: number): ServiceRow | undefined {
  const entry = typeId < TYPE_IDS ? byTypeId[typeId] & ~RESPONSE_BIT : 0;
  return entry === 0 ? undefined : SERVICE_TABLE[entry - 1];
}
