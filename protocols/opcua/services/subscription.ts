/**
 * Subscription services (OPC 10000-4 §5.13): how values reach a client without being asked for each
 * time. A Publish request waits at the server until there is something to tell.
 */
import type { ByteReader } from '../byte-reader.ts';
import { dateTime } from '../date-time.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { extensionObject } from '../extension-object.ts';
import { boolean, byte, duration, uint32 } from '../scalars.ts';
import { GOOD, type StatusCodeFields, statusCode } from '../status-code.ts';
import { arrayOf, skipped, structure } from '../structure.ts';
import { type DataValueFields, dataValue, type VariantValue, variant } from '../variant.ts';

export const createSubscriptionRequest = structure({
  requestedPublishingIntervalMs: duration,
  requestedLifetimeCount: uint32,
  requestedMaxKeepAliveCount: uint32,
  maxNotificationsPerPublish: uint32,
  publishingEnabled: boolean,
  priority: byte,
});

export const createSubscriptionResponse = structure({
  subscriptionId: uint32,
  revisedPublishingIntervalMs: duration,
  revisedLifetimeCount: uint32,
  revisedMaxKeepAliveCount: uint32,
});

export const modifySubscriptionRequest = structure({
  subscriptionId: uint32,
  requestedPublishingIntervalMs: duration,
  requestedLifetimeCount: uint32,
  requestedMaxKeepAliveCount: uint32,
  maxNotificationsPerPublish: uint32,
  priority: byte,
});

export const modifySubscriptionResponse = structure({
  revisedPublishingIntervalMs: duration,
  revisedLifetimeCount: uint32,
  revisedMaxKeepAliveCount: uint32,
});

const subscriptionIds = arrayOf(uint32, 4, 0);

export const setPublishingModeRequest = structure({ publishingEnabled: boolean, subscriptionIds });

export const deleteSubscriptionsRequest = structure({ subscriptionIds });

export const transferSubscriptionsRequest = structure({
  subscriptionIds,
  sendInitialValues: boolean,
});

export const transferSubscriptionsResponse = structure({
  results: arrayOf(
    structure({ statusCode, availableSequenceNumbers: arrayOf(uint32, 4, 0) }),
    8,
    {},
  ),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

export const republishRequest = structure({
  subscriptionId: uint32,
  retransmitSequenceNumber: uint32,
});

export const publishRequest = structure({
  subscriptionAcknowledgements: arrayOf(
    structure({ subscriptionId: uint32, sequenceNumber: uint32 }),
    8,
    {},
  ),
});

/** A value and the handle under which the client asked for it. */
export interface DataChange extends DataValueFields {
  readonly clientHandle?: number;
  /** Known where CreateMonitoredItems was seen; the record puts it in. */
  readonly nodeId?: string;
}

export interface EventFields {
  readonly clientHandle?: number | undefined;
  readonly fields?: readonly VariantValue[] | undefined;
}

export interface PublishResponse {
  readonly subscriptionId?: number;
  readonly availableSequenceNumbers?: readonly number[];
  readonly moreNotifications?: boolean;
  /** Of the notification message; the transport's `sequenceNumber` is another. */
  readonly notificationSequenceNumber?: number;
  readonly publishTime?: string;
  readonly dataChanges?: readonly DataChange[];
  readonly events?: readonly EventFields[];
  readonly statusChange?: { readonly status?: StatusCodeFields | undefined };
  /** Nothing to tell: the server only says that it lives. */
  readonly isKeepAlive?: boolean;
  readonly results?: readonly StatusCodeFields[];
}

/** NotificationMessage (OPC 10000-4 §7.26). */
const notificationFields = {
  notificationSequenceNumber: uint32,
  publishTime: dateTime,
  notificationData: arrayOf(notificationData, 3, {}),
} as const;

const notificationMessage = structure(notificationFields);

const fields = structure({
  subscriptionId: uint32,
  availableSequenceNumbers: arrayOf(uint32, 4, 0),
  moreNotifications: boolean,
  ...notificationFields,
  results: arrayOf(statusCode, 4, GOOD),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

export function publishResponse(reader: ByteReader): PublishResponse {
  return sorted(reader, fields(reader));
}

/** Republish answers with the notification message alone. */
export function republishResponse(reader: ByteReader): PublishResponse {
  return sorted(reader, notificationMessage(reader));
}

/** Notifications by their kind. */
function sorted(reader: ByteReader, read: ReturnType<typeof fields>): PublishResponse {
  const { notificationData: notifications, ...rest } = read;
  const dataChanges: DataChange[] = [];
  const events: EventFields[] = [];
  let statusChange: Notification['statusChange'];
  for (const notification of notifications ?? []) {
    for (const change of notification.dataChanges ?? []) dataChanges.push(change);
    for (const event of notification.events ?? []) events.push(event);
    statusChange = notification.statusChange ?? statusChange;
  }
  const isKeepAlive = !reader.isStopped && (notifications ?? []).length === 0;
  return {
    // Absent fields are left out by `structure`, so none of them is there and undefined.
    ...(rest as PublishResponse),
    ...(dataChanges.length > 0 && { dataChanges }),
    ...(events.length > 0 && { events }),
    ...(statusChange !== undefined && { statusChange }),
    ...(isKeepAlive && { isKeepAlive }),
  };
}

interface Notification {
  readonly dataChanges?: readonly DataChange[] | undefined;
  readonly events?: readonly EventFields[] | undefined;
  readonly statusChange?: { readonly status?: StatusCodeFields | undefined };
}

const DATA_CHANGE_NOTIFICATION = 811;
const STATUS_CHANGE_NOTIFICATION = 820;
const EVENT_NOTIFICATION_LIST = 916;

function notificationData(reader: ByteReader): Notification {
  const body = extensionObject<Notification>(reader, notificationBodies);
  // One of an unknown type has none of the three, and nothing else is read from it.
  return (body ?? {}) as Notification;
}

function dataChange(reader: ByteReader): DataChange {
  const clientHandle = uint32(reader);
  if (clientHandle === undefined) return {};
  return Object.assign({ clientHandle }, dataValue(reader));
}

const NULL_VARIANT = { type: 'Null' } as const;

const notificationBodies = {
  [DATA_CHANGE_NOTIFICATION]: structure({
    dataChanges: arrayOf(dataChange, 5, {}),
    diagnosticInfos: skipped(arrayOf(diagnosticInfo, 1, {})),
  }),
  [EVENT_NOTIFICATION_LIST]: structure({
    events: arrayOf(
      structure({ clientHandle: uint32, fields: arrayOf(variant, 1, NULL_VARIANT) }),
      8,
      {},
    ),
  }),
  [STATUS_CHANGE_NOTIFICATION]: (reader: ByteReader): Notification => {
    const status = statusCode(reader);
    diagnosticInfo(reader);
    return { statusChange: { status } };
  },
};
