/**
 * Where our Modbus records differ from tshark's lines, and why: the parity test reads this table,
 * fails on a difference that isn't in it, and on a row that no longer stands for one.
 */

export interface ParityException {
  /** Capture; absent: every one. */
  readonly path?: string;
  readonly frames?: readonly number[];
  /** Field of the oracle; `missing`: no side of ours; `extra`: a side of ours without a line. */
  readonly what: string;
  readonly functionCode?: number;
  readonly cause: string;
}

const QUICKDRAW_COPIES = [
  'digitalbond__Quickdraw-Snort/modbus_test_data_part1.pcap',
  'arkime__arkime/tests/pcap/modbus.pcap',
] as const;
const SERVER_OPENS =
  'the side with port 502 opened this connection: by its SYN it is the client, by its port tshark takes it for a server';
const TAIL = 'tshark shows the bytes behind the PDU as data; ours is the anomaly bytesAfterPdu';

// biome-ignore format: one exception per line
export const MODBUS_EXCEPTIONS: readonly ParityException[] = [
  ...QUICKDRAW_COPIES.flatMap((path) => [
    { path, frames: [91, 93, 95, 97, 99, 101, 103, 105, 107, 109, 111], what: 'missing', cause: SERVER_OPENS },
    { path, frames: [91, 97, 101, 109, 111, 113], what: 'extra', cause: `${SERVER_OPENS}; 113 is one more, which the bytes show` },
  ]),
  { path: 'OISF__suricata-verify/tests/modbus/modbus.pcap', frames: [91, 93, 95, 97, 99], what: 'missing', cause: SERVER_OPENS },
  { path: 'OISF__suricata-verify/tests/modbus/modbus.pcap', frames: [91, 97], what: 'extra', cause: SERVER_OPENS },
  { path: 'idaholab__Malcolm-Test-Artifacts/pcap/other/Digital_Bond_S4/Advantech.pcap', frames: [127, 245, 269], what: 'extra',
    cause: 'tshark does not dissect segments that it takes for retransmissions' },
  { path: 'zeek__zeek/testing/btest/Traces/modbus/modbusBig.pcap', frames: [3150], what: 'extra',
    cause: 'tshark does not dissect segments that it takes for retransmissions' },
  { path: 'zeek__zeek/testing/btest/Traces/modbus/fuzz-72.pcap', frames: [2, 7, 30, 32], what: 'extra',
    cause: 'fuzzed sequence numbers: tshark does not dissect what it takes for out of order' },
  { path: 'ITI__ICS-Security-Tools/pcaps/ModbusTCP/Modbus/modbus_test.pcap', frames: [70], what: 'req_frame',
    cause: 'three requests under one key: ours is the one that this echo repeats, of the address of frame 68' },
  { path: 'zeek__zeek/testing/btest/Traces/modbus/4SICS-GeekLounge-151022-min.pcap', frames: [1], what: 'data',
    cause: 'fuzzed: an odd byte is left over behind the registers' },
  { functionCode: 6,  what: 'data', frames: [22, 140], cause: TAIL },
  { functionCode: 11, what: 'data', cause: TAIL },
  { functionCode: 12, what: 'data', cause: TAIL },
  { functionCode: 17, what: 'data', cause: TAIL },
  { functionCode: 43, what: 'data', cause: 'of other MEI types than 14 we keep the size alone (FIELDS.md 1.2)' },
  { functionCode: 90, what: 'data', cause: 'the session key is a pseudonym, the block a size (FIELDS.md 1.5, 2.8)' },
];
