/**
 * NodeManagement services (OPC 10000-4 §5.7): a client changes the server's address space, which
 * hardly any plant does while it runs.
 */
import type { ByteReader } from '../byte-reader.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { extensionObject } from '../extension-object.ts';
import { expandedNodeId, nodeId } from '../node-id.ts';
import { boolean, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, type Decoder, structure } from '../structure.ts';
import { qualifiedName, string } from '../text.ts';

/** Names of the structures with a new node's attributes (OPC 10000-4 §7.24). */
const ATTRIBUTES_TYPES: Readonly<Record<number, Decoder<string>>> = {
  351: () => 'NodeAttributes',
  354: () => 'ObjectAttributes',
  357: () => 'VariableAttributes',
  360: () => 'MethodAttributes',
  363: () => 'ObjectTypeAttributes',
  366: () => 'VariableTypeAttributes',
  369: () => 'ReferenceTypeAttributes',
  372: () => 'DataTypeAttributes',
  375: () => 'ViewAttributes',
  17611: () => 'GenericAttributes',
};

/** The attributes themselves are passed over; a type that isn't known is told by its NodeId. */
function nodeAttributesType(reader: ByteReader): string | undefined {
  const type = extensionObject(reader, ATTRIBUTES_TYPES);
  return typeof type === 'object' ? type.typeId : type;
}

const nodeToAdd = structure({
  parentNodeId: expandedNodeId,
  referenceTypeId: nodeId,
  requestedNewNodeId: expandedNodeId,
  browseName: qualifiedName,
  nodeClass: uint32,
  nodeAttributesType,
  typeDefinition: expandedNodeId,
});

const diagnosticInfos = arrayOf(diagnosticInfo, 1, {});

export const addNodesRequest = structure({ nodesToAdd: arrayOf(nodeToAdd, 21, {}) });

export const addNodesResponse = structure({
  results: arrayOf(structure({ statusCode, addedNodeId: nodeId }), 6, {}),
  diagnosticInfos,
});

const referenceToAdd = structure({
  sourceNodeId: nodeId,
  referenceTypeId: nodeId,
  isForward: boolean,
  targetServerUri: string,
  targetNodeId: expandedNodeId,
  targetNodeClass: uint32,
});

export const addReferencesRequest = structure({
  referencesToAdd: arrayOf(referenceToAdd, 15, {}),
});

const nodeToDelete = structure({ nodeId, deleteTargetReferences: boolean });

export const deleteNodesRequest = structure({ nodesToDelete: arrayOf(nodeToDelete, 3, {}) });

const referenceToDelete = structure({
  sourceNodeId: nodeId,
  referenceTypeId: nodeId,
  isForward: boolean,
  targetNodeId: expandedNodeId,
  deleteBidirectional: boolean,
});

export const deleteReferencesRequest = structure({
  referencesToDelete: arrayOf(referenceToDelete, 8, {}),
});

/** Answer of AddReferences, DeleteNodes and DeleteReferences: one StatusCode an operation. */
export const operationResultsResponse = structure({
  results: arrayOf(statusCode, 4, GOOD),
  diagnosticInfos,
});
