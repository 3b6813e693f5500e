/**
 * View services (OPC 10000-4 §5.8): a client looks around in the server's address space.
 */
import { dateTime } from '../date-time.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { expandedNodeId, NODE_ID_BYTES_MIN, nodeId } from '../node-id.ts';
import { boolean, uint32 } from '../scalars.ts';
import { statusCode } from '../status-code.ts';
import { arrayOf, counted, structure } from '../structure.ts';
import { localizedText, qualifiedName, secretLength } from '../text.ts';

/** OPC 10000-4 §7.44. */
export const viewDescription = structure({
  viewId: nodeId,
  timestamp: dateTime,
  viewVersion: uint32,
});

const browseDescription = structure({
  nodeId,
  browseDirection: uint32,
  referenceTypeId: nodeId,
  includeSubtypes: boolean,
  nodeClassMask: uint32,
  resultMask: uint32,
});

const referenceDescription = structure({
  referenceTypeId: nodeId,
  isForward: boolean,
  nodeId: expandedNodeId,
  browseName: qualifiedName,
  displayName: localizedText,
  nodeClass: uint32,
  typeDefinition: expandedNodeId,
});

const REFERENCE_DESCRIPTION_BYTES_MIN = 18;

const browseResult = structure({
  statusCode,
  continuationPointBytes: secretLength,
  references: arrayOf(referenceDescription, REFERENCE_DESCRIPTION_BYTES_MIN, {}),
});

export const browseRequest = structure({
  view: viewDescription,
  requestedMaxReferencesPerNode: uint32,
  nodesToBrowse: arrayOf(browseDescription, 17, {}),
});

export const browseResponse = structure({
  results: arrayOf(browseResult, 12, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

export const browseNextRequest = structure({
  releaseContinuationPoints: boolean,
  continuationPointsCount: counted(secretLength, 4),
});

const relativePathElement = structure({
  referenceTypeId: nodeId,
  isInverse: boolean,
  includeSubtypes: boolean,
  targetName: qualifiedName,
});

/** OPC 10000-4 §7.31: its elements. */
export const relativePath = arrayOf(relativePathElement, 10, {});

const browsePath = structure({ startingNode: nodeId, relativePath });

const browsePathResult = structure({
  statusCode,
  targets: arrayOf(structure({ targetId: expandedNodeId, remainingPathIndex: uint32 }), 6, {}),
});

export const translateBrowsePathsRequest = structure({
  browsePaths: arrayOf(browsePath, 6, {}),
});

export const translateBrowsePathsResponse = structure({
  results: arrayOf(browsePathResult, 8, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

const nodeIds = arrayOf(nodeId, NODE_ID_BYTES_MIN, '');

export const registerNodesRequest = structure({ nodesToRegister: nodeIds });
export const registerNodesResponse = structure({ registeredNodeIds: nodeIds });
export const unregisterNodesRequest = structure({ nodesToUnregister: nodeIds });
