/**
 * View services (OPC 10000-4 §5.8): a client looks around in the server's address space.
 */
import { dateTime } from '../date-time.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { expandedNodeId, nodeId } from '../node-id.ts';
import { boolean, uint32 } from '../scalars.ts';
import { statusCode } from '../status-code.ts';
import { arrayOf, structure } from '../structure.ts';
import { localizedText, qualifiedName, secretLength } from '../text.ts';

const viewDescription = structure({ viewId: nodeId, timestamp: dateTime, viewVersion: uint32 });

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
