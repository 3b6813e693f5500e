/**
 * For tests: where our records and tshark's lines over the corpus differ, and why each time. The
 * parity test reads both tables: a difference that isn't here fails, and so does a row too many.
 */

export interface ParityRule {
  /** Of `key: theirs VALUE ours VALUE`. */
  readonly difference: RegExp;
  readonly cause: string;
}

export const PARITY_RULES: readonly ParityRule[] = [
  {
    difference: /^scid: theirs 0 ours \d+$/,
    cause:
      'the first OPN request names channel 0, for there is none yet: its record, which holds the ' +
      'answer too, names the channel that the server gave',
  },
  {
    difference: /^(url|reason|endpoint): theirs "" ours undefined$/,
    cause: 'a null text: tshark prints an empty one, in a record it is absent',
  },
];

export interface ParityException {
  readonly capture: string;
  /** Number of the frame in the capture. */
  readonly frame: number;
  /** The oracle's key that differs; `message`: one side has no such message. */
  readonly key: string;
  readonly cause: string;
}

const TRACES = 'cisagov__icsnpp-opcua-binary/tests/traces';

export const PARITY_EXCEPTIONS: readonly ParityException[] = [
  {
    capture: `${TRACES}/opcua_with-gap.pcap`,
    frame: 30,
    key: 'message',
    cause:
      'the segment comes behind a hole: tshark calls it out of order and leaves it undissected',
  },
  {
    capture: `${TRACES}/opcua_with-gap_with-handshake.pcap`,
    frame: 30,
    key: 'message',
    cause:
      'the segment comes behind a hole: tshark calls it out of order and leaves it undissected',
  },
];
