/**
 * Our records taken apart into single PDUs, because other decoders speak of requests and responses
 * and never of transactions.
 */
import type { RecordObject } from '../collect-records.ts';

/** One PDU of a record: what lies at the top, and what lies under `request` or `response`. */
export interface ModbusSide {
  readonly isRequest: boolean;
  readonly frame: number;
  readonly record: RecordObject;
  /** The fields under `request` or `response`. */
  readonly fields: RecordObject;
}

/** Repeated requests are one side: `retriesCount` of the record tells how many there were. */
export function sidesOf(records: readonly RecordObject[]): ModbusSide[] {
  const sides: ModbusSide[] = [];
  for (const record of records) {
    if (record.protocol !== 'modbus' || record.kind !== 'transaction') continue;
    const frames = objectOf(record.frames);
    for (const name of ['request', 'response']) {
      const fields = record[name];
      if (fields === undefined) continue;
      const [frame] = listOf(frames[name]);
      const isRequest = name === 'request';
      sides.push({ isRequest, frame: Number(frame), record, fields: objectOf(fields) });
    }
  }
  return sides;
}

export function objectOf(value: unknown): RecordObject {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `10.0.0.5:40012`, as the oracle writes an end. */
export function endOf(record: RecordObject, end: 'client' | 'server'): string {
  return `${record[`${end}IpAddress`]}:${record[`${end}Port`]}`;
}
