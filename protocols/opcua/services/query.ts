/**
 * Query services (OPC 10000-4 §5.9): a client asks for nodes by what they are. Data sets are
 * counted; what they hold stays on the wire.
 */
import { diagnosticInfo } from '../diagnostic-info.ts';
import { unknownExtensionObject } from '../extension-object.ts';
import { expandedNodeId } from '../node-id.ts';
import { boolean, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, counted, type Decoder, skipped, structure } from '../structure.ts';
import { secretLength, string } from '../text.ts';
import { variant } from '../variant.ts';
import { relativePath, viewDescription } from './view.ts';

const filterElement = structure({
  filterOperator: uint32,
  filterOperandsCount: skipped(counted(unknownExtensionObject, 3)),
});

const filterElements = arrayOf(filterElement, 8, {});

/** ContentFilter (OPC 10000-4 §7.7): the numbers of its operators; operands are not kept. */
export const contentFilterOperators: Decoder<number[] | undefined> = (reader) =>
  filterElements(reader)?.map((element) => element.filterOperator ?? 0);

const queryDataDescription = structure({ relativePath, attributeId: uint32, indexRange: string });

const nodeTypeDescription = structure({
  typeDefinitionNode: expandedNodeId,
  includeSubTypes: boolean,
  dataToReturn: arrayOf(queryDataDescription, 12, {}),
});

export const queryFirstRequest = structure({
  view: viewDescription,
  nodeTypes: arrayOf(nodeTypeDescription, 7, {}),
  filter: structure({ filterOperators: contentFilterOperators }),
  maxDataSetsToReturn: uint32,
  maxReferencesToReturn: uint32,
});

const queryDataSet = structure({
  nodeId: expandedNodeId,
  typeDefinitionNode: expandedNodeId,
  values: skipped(counted(variant, 1)),
});

const queryDataSetsCount = counted(queryDataSet, 8);
const diagnosticInfos = arrayOf(diagnosticInfo, 1, {});
const skippedDiagnosticInfos = skipped(diagnosticInfos);

const parsingResult = structure({
  statusCode,
  dataStatusCodes: arrayOf(statusCode, 4, GOOD),
  dataDiagnosticInfos: skippedDiagnosticInfos,
});

const filterElementResult = structure({
  statusCode,
  operandStatusCodes: arrayOf(statusCode, 4, GOOD),
  operandDiagnosticInfos: skippedDiagnosticInfos,
});

export const queryFirstResponse = structure({
  queryDataSetsCount,
  continuationPointBytes: secretLength,
  parsingResults: arrayOf(parsingResult, 12, {}),
  diagnosticInfos,
  filterResult: structure({
    elementResults: arrayOf(filterElementResult, 12, {}),
    elementDiagnosticInfos: skippedDiagnosticInfos,
  }),
});

export const queryNextRequest = structure({
  releaseContinuationPoint: boolean,
  continuationPointBytes: secretLength,
});

export const queryNextResponse = structure({
  queryDataSetsCount,
  revisedContinuationPointBytes: secretLength,
});
