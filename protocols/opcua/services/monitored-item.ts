/**
 * MonitoredItem services (OPC 10000-4 §5.12): which nodes a client watches, and under which handle
 * their values will come.
 */
import { dateTime } from '../date-time.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { extensionObject, unknownExtensionObject } from '../extension-object.ts';
import { nodeId } from '../node-id.ts';
import { boolean, double, duration, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, type Decoder, structure } from '../structure.ts';
import { qualifiedName, string } from '../text.ts';
import { dataEncoding, READ_VALUE_ID_BYTES_MIN } from './attribute.ts';
import { contentFilterOperators } from './query.ts';

/** OPC 10000-4 §7.22.2. */
const dataChangeFilter = structure({
  trigger: uint32,
  deadbandType: uint32,
  deadbandValue: double,
});

const simpleAttributeOperand = structure({
  typeDefinitionId: nodeId,
  browsePath: arrayOf(qualifiedName, 6, {}),
  attributeId: uint32,
  indexRange: string,
});

const eventFilterClauses = structure({
  selectClauses: arrayOf(simpleAttributeOperand, 14, {}),
  whereClauseOperators: contentFilterOperators,
});

export interface EventFilterFacts {
  readonly selectClausesCount: number;
  /** Numbers of the operators (OPC 10000-4 §7.7.3). */
  readonly whereClauseOperators: readonly number[];
}

/** OPC 10000-4 §7.22.3: counted, its clauses are not kept. */
export const eventFilter: Decoder<EventFilterFacts> = (reader) => {
  const { selectClauses, whereClauseOperators } = eventFilterClauses(reader);
  return {
    selectClausesCount: selectClauses?.length ?? 0,
    whereClauseOperators: whereClauseOperators ?? [],
  };
};

/** OPC 10000-4 §7.22.4; the aggregate's own configuration is left behind. */
const aggregateFilter = structure({
  startTime: dateTime,
  aggregateType: nodeId,
  processingIntervalMs: duration,
});

const DATA_CHANGE_FILTER = 724;
const EVENT_FILTER = 727;
const AGGREGATE_FILTER = 730;

export const monitoringFilter: Decoder<unknown> = (reader) =>
  extensionObject<unknown>(reader, {
    [DATA_CHANGE_FILTER]: dataChangeFilter,
    [EVENT_FILTER]: eventFilter,
    [AGGREGATE_FILTER]: aggregateFilter,
  });

/** MonitoredItemCreateRequest: itemToMonitor, monitoringMode and requestedParameters in one. */
const itemToCreate = structure({
  nodeId,
  attributeId: uint32,
  indexRange: string,
  dataEncoding,
  monitoringMode: uint32,
  clientHandle: uint32,
  samplingIntervalMs: duration,
  filter: monitoringFilter,
  queueSize: uint32,
  discardOldest: boolean,
});

const ITEM_TO_CREATE_BYTES_MIN = READ_VALUE_ID_BYTES_MIN + 24;

const createResult = structure({
  statusCode,
  monitoredItemId: uint32,
  revisedSamplingIntervalMs: duration,
  revisedQueueSize: uint32,
  filterResult: unknownExtensionObject,
});

export const createMonitoredItemsRequest = structure({
  subscriptionId: uint32,
  timestampsToReturn: uint32,
  itemsToCreate: arrayOf(itemToCreate, ITEM_TO_CREATE_BYTES_MIN, {}),
});

export const createMonitoredItemsResponse = structure({
  results: arrayOf(createResult, 23, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

const itemToModify = structure({
  monitoredItemId: uint32,
  clientHandle: uint32,
  samplingIntervalMs: duration,
  filter: monitoringFilter,
  queueSize: uint32,
  discardOldest: boolean,
});

const modifyResult = structure({
  statusCode,
  revisedSamplingIntervalMs: duration,
  revisedQueueSize: uint32,
  filterResult: unknownExtensionObject,
});

export const modifyMonitoredItemsRequest = structure({
  subscriptionId: uint32,
  timestampsToReturn: uint32,
  itemsToModify: arrayOf(itemToModify, 24, {}),
});

export const modifyMonitoredItemsResponse = structure({
  results: arrayOf(modifyResult, 19, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

const monitoredItemIds = arrayOf(uint32, 4, 0);

export const setMonitoringModeRequest = structure({
  subscriptionId: uint32,
  monitoringMode: uint32,
  monitoredItemIds,
});

export const deleteMonitoredItemsRequest = structure({ subscriptionId: uint32, monitoredItemIds });

export const setTriggeringRequest = structure({
  subscriptionId: uint32,
  triggeringItemId: uint32,
  linksToAdd: arrayOf(uint32, 4, 0),
  linksToRemove: arrayOf(uint32, 4, 0),
});

export const setTriggeringResponse = structure({
  addResults: arrayOf(statusCode, 4, GOOD),
  addDiagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
  removeResults: arrayOf(statusCode, 4, GOOD),
  removeDiagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});
