/**
 * DiagnosticInfo: why a service or an operation failed, with texts as indexes into the response
 * header's string table (OPC 10000-6 §5.2.2.12). In the mask localizedText stands before locale; in
 * the bytes locale comes first.
 */
import type { ByteReader } from './byte-reader.ts';
import { NESTING_DEPTH_MAX } from './limits.ts';
import { type StatusCodeFields, statusCode } from './status-code.ts';
import { string } from './text.ts';

const SYMBOLIC_ID = 0x01;
const NAMESPACE_URI = 0x02;
const LOCALIZED_TEXT = 0x04;
const LOCALE = 0x08;
const ADDITIONAL_INFO = 0x10;
const INNER_STATUS_CODE = 0x20;
const INNER_DIAGNOSTIC_INFO = 0x40;

export interface DiagnosticInfo {
  /** The text, or its index where the string table lacks it; as the next three. */
  symbolicId?: string | number;
  namespaceUri?: string | number;
  locale?: string | number;
  localizedText?: string | number;
  additionalInfo?: string;
  innerStatusCode?: StatusCodeFields;
  innerDiagnosticInfo?: DiagnosticInfo;
}

/** The one of an operation: the string table was read before. */
export function diagnosticInfo(reader: ByteReader): DiagnosticInfo | undefined {
  const info = unresolvedDiagnosticInfo(reader);
  return info && resolveDiagnosticInfo(info, reader.stringTable);
}

/** Indexes stay numbers; an empty one is absent. */
export function unresolvedDiagnosticInfo(reader: ByteReader): DiagnosticInfo | undefined {
  if (reader.depth >= NESTING_DEPTH_MAX) {
    reader.giveUp('nestingTooDeep');
    return undefined;
  }
  reader.depth++;
  const info = readDiagnosticInfo(reader);
  reader.depth--;
  return info;
}

/** Puts the texts of the string table in place of their indexes; -1 is none. */
export function resolveDiagnosticInfo(
  info: DiagnosticInfo,
  stringTable: readonly (string | undefined)[],
): DiagnosticInfo {
  for (let level: DiagnosticInfo | undefined = info; level; level = level.innerDiagnosticInfo) {
    for (const name of ['symbolicId', 'namespaceUri', 'locale', 'localizedText'] as const) {
      const index = level[name];
      if (typeof index !== 'number') continue;
      const text = stringTable[index];
      if (text !== undefined) level[name] = text;
      else if (index === -1) delete level[name];
    }
  }
  return info;
}

function readDiagnosticInfo(reader: ByteReader): DiagnosticInfo | undefined {
  const mask = reader.readByte();
  if (mask === 0) return undefined;
  const info: DiagnosticInfo = {};
  if ((mask & SYMBOLIC_ID) !== 0) info.symbolicId = reader.readInt32();
  if ((mask & NAMESPACE_URI) !== 0) info.namespaceUri = reader.readInt32();
  if ((mask & LOCALE) !== 0) info.locale = reader.readInt32();
  if ((mask & LOCALIZED_TEXT) !== 0) info.localizedText = reader.readInt32();
  if (reader.isStopped) return undefined;
  const additionalInfo = (mask & ADDITIONAL_INFO) !== 0 ? string(reader) : undefined;
  if (additionalInfo !== undefined) info.additionalInfo = additionalInfo;
  const inner = (mask & INNER_STATUS_CODE) !== 0 ? statusCode(reader) : undefined;
  if (inner !== undefined) info.innerStatusCode = inner;
  const deeper =
    (mask & INNER_DIAGNOSTIC_INFO) !== 0 ? unresolvedDiagnosticInfo(reader) : undefined;
  if (deeper !== undefined) info.innerDiagnosticInfo = deeper;
  return info;
}
