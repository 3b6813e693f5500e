/**
 * StatusCode: what a server thinks of a service, an operation or a value (OPC 10000-4 §7.39.1).
 *
 *     bits 30-31   severity              bits 10-11   infoType; only where it is 1:
 *     bits 16-27   subCode               bits  8-9    limitBits
 *     bit  15      structureChanged      bit   7      overflow
 *     bit  14      semanticsChanged      bits  0-4    historianBits
 */
import type { ByteReader } from './byte-reader.ts';
import { STATUS_CODE_NAMES } from './status-code-names.ts';

export interface StatusCodeFields {
  readonly code: number;
  /** `BadNodeIdUnknown`; hexadecimal where the published list has no name. */
  readonly name: string;
  /** 0 good, 1 uncertain, 2 bad; absent, as all below, where the code is 0. */
  readonly severity?: number;
  readonly subCode?: number;
  readonly structureChanged?: boolean;
  readonly semanticsChanged?: boolean;
  /** 1: the bits below hold facts about a data value. */
  readonly infoType?: number;
  readonly limitBits?: number;
  readonly overflow?: boolean;
  readonly historianBits?: number;
}

const INFO_TYPE_DATA_VALUE = 1;
const names = new Map(
  STATUS_CODE_NAMES.trim()
    .split('\n')
    .map((line) => [Number.parseInt(line.slice(0, 4), 16), line.slice(5)] as const),
);

/** The ordinary answer, one object for all. */
export const GOOD: StatusCodeFields = Object.freeze({ code: 0, name: 'Good' });

export function statusCodeFields(code: number): StatusCodeFields {
  if (code === 0) return GOOD;
  const infoType = (code >>> 10) & 3;
  return {
    code,
    name: statusCodeName(code),
    severity: code >>> 30,
    subCode: (code >>> 16) & 0xfff,
    ...((code & 0x8000) !== 0 && { structureChanged: true }),
    ...((code & 0x4000) !== 0 && { semanticsChanged: true }),
    ...(infoType !== 0 && { infoType }),
    ...(infoType === INFO_TYPE_DATA_VALUE && {
      limitBits: (code >>> 8) & 3,
      overflow: (code & 0x80) !== 0,
      historianBits: code & 0x1f,
    }),
  };
}

export function statusCodeName(code: number): string {
  return names.get(code >>> 16) ?? `0x${code.toString(16).toUpperCase().padStart(8, '0')}`;
}

/** Neither good nor uncertain. */
export function isBad(code: number): boolean {
  return code >>> 31 === 1;
}

export function statusCode(reader: ByteReader): StatusCodeFields | undefined {
  const code = reader.readUInt32();
  return reader.isStopped ? undefined : statusCodeFields(code);
}
