/**
 * The fields of a request or response PDU by their names in FIELDS.md 1.2: what the record writer
 * prints under `request` and `response`, and what observers read. Absent is absent, never null; a
 * PDU that was cut has the fields that could still be read.
 */
import type { Anomaly, ByteSpan, Digest } from '../decoded.ts';

export interface ReadPart {
  readonly address: number;
  readonly quantity: number;
}

export interface WritePart {
  readonly address: number;
  readonly quantity: number;
  readonly byteCount: number;
  readonly registers: readonly number[];
}

/** One record of a file (function codes 20 and 21, V1.1b3 sections 6.14 and 6.15). */
export interface FileGroup {
  /** Only in the response of 20: bytes of this group after this one. */
  readonly fileResponseBytes?: number;
  readonly referenceType: number;
  readonly fileNumber?: number;
  readonly recordNumber?: number;
  /** In registers. */
  readonly recordLength?: number;
  /** Lower-case hex; absent where the caller gave no digest. */
  readonly recordSha256?: string;
  /** The first 64 bytes at most, Base64. */
  readonly recordData?: string;
}

/** One object of a device identification (V1.1b3 section 6.21). */
export interface IdentificationObject {
  readonly objectId: number;
  readonly name: string;
  readonly valueBytes: number;
  /** Bytes 0..255 as the code points of the same numbers; not yet escaped for a screen. */
  readonly value: string;
}

/** What a mask does to each of the 16 bits, as masks themselves (V1.1b3 section 6.16). */
export interface MaskEffect {
  readonly bitsSet: number;
  readonly bitsCleared: number;
  readonly bitsKept: number;
}

/** One entry of the communication event log (V1.1b3 section 6.10). */
export interface CommEvent {
  readonly kind: 'receive' | 'send' | 'listenOnly' | 'restart' | 'unknown';
  /** The event byte as read. */
  readonly value: number;
}

export interface ModbusPduFields {
  /** Function code and data, in bytes. */
  readonly pduBytes: number;
  /** 0-based, as on the wire. */
  readonly address?: number;
  readonly quantity?: number;
  readonly byteCount?: number;
  /** 1 is ON, 0 is OFF; only the asked ones when the request is known, else whole bytes. */
  readonly coils?: readonly number[];
  readonly discreteInputs?: readonly number[];
  /** The bits after the last one asked for, right-aligned; absent where there are none. */
  readonly padBits?: number;
  readonly registers?: readonly number[];
  /** 0xFF00 is ON, 0x0000 is OFF. */
  readonly outputValue?: number;
  readonly registerValue?: number;
  readonly exceptionStatus?: number;
  readonly subFunction?: number;
  readonly subFunctionName?: string;
  /** Words of the data field of function code 8. */
  readonly data?: readonly number[];
  readonly counter?: number;
  readonly status?: number;
  readonly eventCount?: number;
  readonly messageCount?: number;
  readonly events?: readonly CommEvent[];
  readonly serverId?: number;
  readonly runIndicatorStatus?: number;
  /** Base64, 64 bytes at most. */
  readonly additionalData?: string;
  readonly serverIdText?: string;
  readonly requestDataBytes?: number;
  readonly responseDataBytes?: number;
  readonly groups?: readonly FileGroup[];
  readonly andMask?: number;
  readonly orMask?: number;
  readonly effect?: MaskEffect;
  readonly read?: ReadPart;
  readonly write?: WritePart;
  readonly fifoPointerAddress?: number;
  readonly fifoCount?: number;
  readonly fifoRegisters?: readonly number[];
  readonly meiType?: number;
  readonly dataBytes?: number;
  readonly readDeviceIdCode?: number;
  readonly objectId?: number;
  readonly conformityLevel?: number;
  readonly moreFollows?: number;
  readonly nextObjectId?: number;
  readonly numberOfObjects?: number;
  readonly objects?: readonly IdentificationObject[];
  /** No further transaction is needed for the whole identification. */
  readonly complete?: boolean;
  /** Pseudonym of the UMAS session key; absent where the caller gave no digest. */
  readonly sessionKey?: string;
  readonly umasFunction?: number;
  readonly umasFunctionName?: string;
  /** The function came inside a signed message (0x38). */
  readonly umasSigned?: boolean;
  readonly programDirection?: 'toController' | 'fromController';
  readonly umasStatus?: number;
  readonly blockNumber?: number;
  readonly blockBytes?: number;
  /** The first 64 bytes of the PDU, Base64; only for vendor and unknown functions. */
  readonly bytesBase64?: string;
}

/** The same object while a decoder fills it. */
export type PduFieldsDraft = { -readonly [Name in keyof ModbusPduFields]: ModbusPduFields[Name] };

/** What a caller may lend a decoder: without it, what must be hashed is left out. */
export interface PduDecodeOptions {
  readonly digest?: Digest;
}

/**
 * Reads one kind of PDU: fills `fields`, collects in `anomalies` what breaks a rule. `request` is
 * what a response answers, where that is known.
 */
export type PduDecoder = (
  pdu: ByteSpan,
  fields: PduFieldsDraft,
  anomalies: Anomaly[],
  request: ByteSpan | undefined,
  options: PduDecodeOptions,
) => void;
