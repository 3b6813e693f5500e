/**
 * Every limit of the decode core under one name, with its default and the reason for it.
 */

export interface DecoderOptions {
  /** Ports on which one plausible Modbus header is enough (configuration: decode.modbusPorts). */
  readonly modbusPorts: readonly number[];
  /** Ports of Modbus/TCP Security, where TLS is followed; it is on `modbusPorts` too. */
  readonly modbusTlsPorts: readonly number[];
  /** Ports of OPC UA servers (configuration: decode.opcuaPorts). */
  readonly opcuaPorts: readonly number[];
  /** Rows of the flow table, and so of every table that an analyzer keeps per flow. */
  readonly flowsMax: number;
  /** Blocks of SEGMENT_BLOCK_BYTES for segments that wait: for a hole to fill, or to be told. */
  readonly reassemblyBlocksMax: number;
  /** Blocks that one direction may have behind a hole: 64 hold one 64 KiB frame of GRO. */
  readonly reorderBlocksPerDirectionMax: number;
  /** How long a hole that nobody acknowledges is waited for. */
  readonly reorderHoldMs: number;
  /** Segments of a direction that are looked at for a protocol, off the configured ports. */
  readonly recognitionTriesMax: number;
  /** Idle time after which a flow leaves: never answered, answered, and answered and recognised. */
  readonly idleUnansweredSeconds: number;
  readonly idleAnsweredSeconds: number;
  readonly idleRecognizedSeconds: number;
  /** Start of the hash of flows. A random one keeps outsiders from filling one chain. */
  readonly hashSeed: number;
}

export const DECODER_DEFAULTS: DecoderOptions = {
  modbusPorts: [502],
  // Assigned by IANA as mbap-s.
  modbusTlsPorts: [802],
  opcuaPorts: [4840],
  flowsMax: 8192,
  // 3 MiB, of which only blocks once used become resident.
  reassemblyBlocksMax: 2048,
  reorderBlocksPerDirectionMax: 64,
  reorderHoldMs: 1000,
  recognitionTriesMax: 32,
  idleUnansweredSeconds: 60,
  idleAnsweredSeconds: 600,
  // TCP keep-alives begin after two hours (RFC 9293 section 3.8.4).
  idleRecognizedSeconds: 7500,
  hashSeed: 0x2545_f491,
};
