/**
 * A service body field by field, through the very tables that decode it (structure.ts): what they
 * read is where they read it. Secrets keep their place and their length, and nothing else.
 */
import type { ByteSpan, Digest } from '../decoded.ts';
import { type ExplainedField, FieldList, markAnomalies } from '../explain.ts';
import { ByteReader } from './byte-reader.ts';
import { FieldTrace } from './field-trace.ts';
import { isSecretBearing } from './secret-spans.ts';
import { readServiceBody } from './service-body.ts';
import { SIDE_REQUEST, SIDE_RESPONSE, SIDE_UNKNOWN, sideOf } from './service-table.ts';
import type { Decoder } from './structure.ts';

export interface ExplainedBody {
  /** `Read request`; `unknown service 4711`. */
  readonly title: string;
  /** Cover the span exactly. */
  readonly fields: readonly ExplainedField[];
}

/** `isTruncated`: the body goes on behind the span. */
export function explainServiceBody(
  span: ByteSpan,
  isTruncated: boolean,
  digest: Digest,
): ExplainedBody {
  const reader = new ByteReader(span, isTruncated, digest);
  const trace = new FieldTrace();
  reader.trace = trace;
  const { typeId, service, bytesAfterBody } = readServiceBody(reader);
  const list = new FieldList(span.bytes, span.offset, span.offset + span.length);
  list.append(typedFields(trace.fields, service));
  if (bytesAfterBody > 0) list.rest('bytesAfterBody');
  else addRest(list, reader, typeId);
  const side = sideOf(typeId);
  const sideName = side === SIDE_REQUEST ? ' request' : side === SIDE_RESPONSE ? ' response' : '';
  return {
    title: side === 0 ? `unknown service ${typeId}` : `${service}${sideName}`,
    fields: markAnomalies(list.finish(), reader.anomalies, span.offset),
  };
}

/**
 * The fields of any other table, which has no secrets (handshake, security header), as far as they
 * could be read.
 */
export function explainTable(
  span: ByteSpan,
  isTruncated: boolean,
  digest: Digest,
  decode: Decoder<unknown>,
): readonly ExplainedField[] {
  const reader = new ByteReader(span, isTruncated, digest);
  const trace = new FieldTrace();
  reader.trace = trace;
  decode(reader);
  return markAnomalies(trace.fields, reader.anomalies, span.offset);
}

/** The type id says in words what it stands for. */
function typedFields(fields: readonly ExplainedField[], service: string): ExplainedField[] {
  return fields.map((field) =>
    field.name === 'typeId' ? { ...field, value: `${field.value} (${service})` } : field,
  );
}

/** Where reading broke off, or the service is unknown, the rest may hold a secret. */
function addRest(list: FieldList, reader: ByteReader, typeId: number): void {
  const fault = reader.faults.at(-1)?.name ?? 'unknown service';
  if (!reader.isStopped && sideOf(typeId) !== SIDE_UNKNOWN) list.rest('notDecoded');
  else if (!isSecretBearing(typeId)) list.rest('notDecoded', '', fault);
  else list.secret('notDecoded', list.bytesLeft, `${fault}: it may hold a secret`);
}
