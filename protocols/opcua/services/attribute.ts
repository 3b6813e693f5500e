/**
 * Attribute services Read and Write (OPC 10000-4 §5.10.2, §5.10.4): the values of the plant.
 */
import type { ByteReader } from '../byte-reader.ts';
import { diagnosticInfo } from '../diagnostic-info.ts';
import { nodeId } from '../node-id.ts';
import { duration, uint32 } from '../scalars.ts';
import { GOOD, statusCode } from '../status-code.ts';
import { arrayOf, type Decoder, structure } from '../structure.ts';
import { qualifiedName, string } from '../text.ts';
import { type DataValueFields, dataValue } from '../variant.ts';

/** A QualifiedName without a name is none. */
export const dataEncoding: Decoder<ReturnType<typeof qualifiedName> | undefined> = (reader) => {
  const name = qualifiedName(reader);
  return name.name === undefined || name.name === '' ? undefined : name;
};

/** ReadValueId (OPC 10000-4 §7.29). */
export const readValueId = structure({
  nodeId,
  attributeId: uint32,
  indexRange: string,
  dataEncoding,
});

/** Smallest: two-byte NodeId, attribute, two null texts and a namespace index. */
export const READ_VALUE_ID_BYTES_MIN = 16;

export const readRequest = structure({
  maxAgeMs: duration,
  timestampsToReturn: uint32,
  nodesToRead: arrayOf(readValueId, READ_VALUE_ID_BYTES_MIN, {}),
});

export const readResponse = structure({
  results: arrayOf(dataValue, 1, {}),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});

const writeTarget = structure({ nodeId, attributeId: uint32, indexRange: string });

/** One thing to write: the target, and the fields of its DataValue beside it. */
export type NodeToWrite = ReturnType<typeof writeTarget> & DataValueFields;

function writeValue(reader: ByteReader): NodeToWrite {
  const target = writeTarget(reader);
  return reader.isStopped ? target : { ...target, ...dataValue(reader) };
}

export const writeRequest = structure({ nodesToWrite: arrayOf(writeValue, 11, {}) });

export const writeResponse = structure({
  results: arrayOf(statusCode, 4, GOOD),
  diagnosticInfos: arrayOf(diagnosticInfo, 1, {}),
});
