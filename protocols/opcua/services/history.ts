/**
 * History services (OPC 10000-4 §5.10.3, §5.10.5; structures OPC 10000-11 §6): what a client reads
 * from a server's archive, and what it changes there. Points are counted, with the time of the
 * first and the last; their values stay on the wire.
 */
import type { ByteReader } from '../byte-reader.ts';
import { dateTime } from '../date-time.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { extensionObject, type KnownBodies } from '../extension-object.ts';
import { nodeId } from '../node-id.ts';
import { boolean, duration, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, counted, type Decoder, type Fields, skipped, structure } from '../structure.ts';
import { byteStringLength, secretLength, string } from '../text.ts';
import { dataValue, variant } from '../variant.ts';
import { dataEncoding } from './attribute.ts';
import { eventFilter } from './monitored-item.ts';

/** The named type's fields, with its name before them. */
function named(type: string, fields: Fields): Decoder<object> {
  const decode = structure(fields);
  return (reader) => ({ type, ...decode(reader) });
}

const pointsCount = counted(dateTime, 8);

const rawModified = {
  isReadModified: boolean,
  startTime: dateTime,
  endTime: dateTime,
  numValuesPerNode: uint32,
  returnBounds: boolean,
};

/** AggregateConfiguration: four bytes and a flag of no use here. */
const aggregateConfiguration = skipped((reader) => reader.take(5));

const READ_DETAILS: KnownBodies<object> = {
  646: named('ReadEventDetails', {
    numValuesPerNode: uint32,
    startTime: dateTime,
    endTime: dateTime,
    filter: eventFilter,
  }),
  649: named('ReadRawModifiedDetails', rawModified),
  652: named('ReadProcessedDetails', {
    startTime: dateTime,
    endTime: dateTime,
    processingIntervalMs: duration,
    aggregateType: arrayOf(nodeId, 2, ''),
    aggregateConfiguration,
  }),
  655: named('ReadAtTimeDetails', { pointsCount, useSimpleBounds: boolean }),
  23500: named('ReadAnnotationDataDetails', { pointsCount }),
  32800: named('ReadEventDetails2', {
    numValuesPerNode: uint32,
    startTime: dateTime,
    endTime: dateTime,
    filter: eventFilter,
    readModified: boolean,
  }),
};

const nodeToRead = structure({
  nodeId,
  indexRange: string,
  dataEncoding,
  continuationPointBytes: secretLength,
});

export const historyReadRequest = structure({
  historyReadDetailsType: (reader: ByteReader) => extensionObject(reader, READ_DETAILS),
  timestampsToReturn: uint32,
  releaseContinuationPoints: boolean,
  nodesToRead: arrayOf(nodeToRead, 16, {}),
});

interface HistoryPoints {
  pointsCount?: number | undefined;
  /** Source time, or the server's where there is none. */
  firstTime?: string | undefined;
  lastTime?: string | undefined;
}

function historyPoints(reader: ByteReader): HistoryPoints {
  const points: HistoryPoints = {};
  const point = (each: ByteReader): void => {
    const value = dataValue(each);
    const time = value.sourceTimestamp ?? value.serverTimestamp;
    if (time === undefined) return;
    points.firstTime ??= time;
    points.lastTime = time;
  };
  const count = counted(point, 1)(reader);
  return count === undefined ? points : { pointsCount: count, ...points };
}

const eventFieldList = counted(variant, 1);
const eventsCount = counted(eventFieldList, 4);
/** ModificationInfo: when, how and by whom; the user's name is not kept. */
const modificationInfos = skipped(
  counted(
    structure({ modificationTime: dateTime, updateType: uint32, userName: userNameSkipped }),
    16,
  ),
);

/** HistoryData, HistoryEvent, HistoryModifiedData, HistoryModifiedEvent. */
const HISTORY_DATA: KnownBodies<HistoryPoints> = {
  658: historyPoints,
  661: structure({ pointsCount: eventsCount }),
  11227: (reader) => {
    const points = historyPoints(reader);
    modificationInfos(reader);
    return points;
  },
  32825: (reader) => {
    const events = structure({ pointsCount: eventsCount })(reader);
    modificationInfos(reader);
    return events;
  },
};

/** Personal: its place is remembered for the mask. */
function userNameSkipped(reader: ByteReader): undefined {
  secretLength(reader);
}

const resultHead = structure({ statusCode, continuationPointBytes: secretLength });

/** HistoryReadResult: the facts of its data lie beside the status. */
function historyReadResult(reader: ByteReader): object {
  const head = resultHead(reader);
  const data = reader.isStopped ? undefined : extensionObject(reader, HISTORY_DATA);
  const isKnown = data === undefined || !('encoding' in data);
  return isKnown ? { ...head, ...data } : { ...head, historyData: data };
}

export const historyReadResponse = structure({
  results: arrayOf(historyReadResult, 11, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

const updateData = {
  nodeId,
  /** 1 insert, 2 replace, 3 update, 4 remove. */
  performInsertReplace: uint32,
  pointsCount: counted(dataValue, 1),
};

const UPDATE_DETAILS: KnownBodies<object> = {
  682: named('UpdateDataDetails', updateData),
  685: named('UpdateEventDetails', {
    nodeId,
    performInsertReplace: uint32,
    filter: eventFilter,
    pointsCount: eventsCount,
  }),
  688: named('DeleteRawModifiedDetails', {
    nodeId,
    isDeleteModified: boolean,
    startTime: dateTime,
    endTime: dateTime,
  }),
  691: named('DeleteAtTimeDetails', { nodeId, pointsCount }),
  694: named('DeleteEventDetails', { nodeId, pointsCount: counted(byteStringLength, 4) }),
  11300: named('UpdateStructureDataDetails', updateData),
};

export const historyUpdateRequest = structure({
  historyUpdateDetails: arrayOf(
    (reader: ByteReader) => extensionObject(reader, UPDATE_DETAILS),
    3,
    {},
  ),
});

const historyUpdateResult = structure({
  statusCode,
  operationResults: arrayOf(statusCode, 4, GOOD),
  diagnosticInfos: skipped(arrayOf(diagnosticInfo, 1, {})),
});

export const historyUpdateResponse = structure({
  results: arrayOf(historyUpdateResult, 12, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});
