/**
 * The kernel filter that keeps our own uplink out of the plant's traffic: without it, capturing on
 * the uplink's interface would observe each message we send, summarize it, and send that too.
 * Spec: Linux Documentation/networking/filter.rst, "BPF engine and instruction set" (classic BPF).
 *
 * A frame is refused when it is TCP over IPv4 or IPv6 and its source or its destination is one of
 * the excluded endpoints. Everything else passes, on purpose also: fragments of IPv4 and IPv6,
 * IPv6 with extension headers, and frames that carry a VLAN tag in their bytes. The kernel strips
 * the outermost tag before the filter runs, so a frame with one tag is judged like one without.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** An endpoint that is ours: every address when `ipAddress` is absent. */
export interface Exclusion {
  readonly ipAddress?: string;
  readonly port: number;
}

/** Entries that one filter holds; whoever has more tells the operator (see InterfaceSource). */
export const EXCLUSIONS_MAX = 32;

/** struct sock_filter: operation, jumps if true and if false, operand. */
export interface FilterInstruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly operand: number;
}

/** Operations: class, size and mode as linux/bpf_common.h names them. */
export const LOAD_BYTE = 0x30;
export const LOAD_HALF = 0x28;
export const LOAD_WORD = 0x20;
export const LOAD_HALF_INDEXED = 0x48;
export const LOAD_LENGTH = 0x80;
export const LOAD_MEMORY = 0x60;
export const STORE_MEMORY = 0x02;
/** X = 4 * (byte & 15): the length of an IPv4 header. */
export const LOAD_X_HEADER_BYTES = 0xb1;
export const SUBTRACT_X = 0x1c;
export const JUMP = 0x05;
export const JUMP_EQUAL = 0x15;
export const JUMP_AT_LEAST = 0x35;
export const JUMP_AT_LEAST_X = 0x3d;
export const JUMP_ANY_BIT = 0x45;
export const RETURN = 0x06;

/** What a filter returns: bytes to keep. Frames are up to 64 KiB long (GRO), and more. */
export const KEEP_ALL = 0x4_0000;
export const KEEP_NOTHING = 0;

const ETHERNET_BYTES = 14;
const ETHERTYPE = 12;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const IP_PROTOCOL_TCP = 6;
const IPV4_BYTES_MIN = 20;
const IPV4_FRAGMENT = ETHERNET_BYTES + 6;
/** Fragment offset and the flag that more fragments follow. */
const IPV4_FRAGMENT_BITS = 0x3fff;
const IPV4_PROTOCOL = ETHERNET_BYTES + 9;
const IPV4_SOURCE = ETHERNET_BYTES + 12;
const IPV4_DESTINATION = ETHERNET_BYTES + 16;
const IPV6_NEXT_HEADER = ETHERNET_BYTES + 6;
const IPV6_SOURCE = ETHERNET_BYTES + 8;
const IPV6_DESTINATION = ETHERNET_BYTES + 24;
const IPV6_BYTES = 40;
const PORTS_BYTES = 4;

/** Cells of the filter's own memory that hold the ports meanwhile. */
const SOURCE_PORT = 0;
const DESTINATION_PORT = 1;

/** The filter for these endpoints; the first EXCLUSIONS_MAX of them. */
export function excludeFilter(exclusions: readonly Exclusion[]): readonly FilterInstruction[] {
  const entries = exclusions.slice(0, EXCLUSIONS_MAX).map(entryOf);
  const ipv4 = ipv4Section(entries.filter(({ words }) => words.length !== IPV6_WORDS));
  const ipv6 = ipv6Section(entries.filter(({ words }) => words.length !== IPV4_WORDS));
  // A load past the end refuses the frame, so each length is checked first: a cut or hostile
  // frame must be seen, not vanish in the filter.
  return [
    instruction(LOAD_LENGTH, 0),
    jump(JUMP_AT_LEAST, ETHERNET_BYTES, 0, 4),
    instruction(LOAD_HALF, ETHERTYPE),
    jump(JUMP_EQUAL, ETHERTYPE_IPV4, 3, 0),
    jump(JUMP_EQUAL, ETHERTYPE_IPV6, 0, 1),
    // Unconditional, since the section may be longer than the 255 that a condition reaches.
    instruction(JUMP, 1 + ipv4.length),
    instruction(RETURN, KEEP_ALL),
    ...ipv4,
    ...ipv6,
  ];
}

/** The program as the kernel takes it: an array of struct sock_filter, 8 bytes each. */
export function encodeFilter(program: readonly FilterInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, ifTrue, ifFalse, operand }, at) => {
    view.setUint16(at * 8, code, true);
    bytes[at * 8 + 2] = ifTrue;
    bytes[at * 8 + 3] = ifFalse;
    view.setUint32(at * 8 + 4, operand >>> 0, true);
  });
  return bytes;
}

interface Entry {
  /** Words of the address, most significant first: 1 or 4, or none for every address. */
  readonly words: readonly number[];
  readonly port: number;
}

const IPV4_WORDS = 1;
const IPV6_WORDS = 4;

function ipv4Section(entries: readonly Entry[]): FilterInstruction[] {
  if (entries.length === 0) return [instruction(RETURN, KEEP_ALL)];
  return [
    instruction(LOAD_LENGTH, 0),
    ...keepUnless(JUMP_AT_LEAST, ETHERNET_BYTES + IPV4_BYTES_MIN + PORTS_BYTES),
    instruction(LOAD_BYTE, IPV4_PROTOCOL),
    ...keepUnless(JUMP_EQUAL, IP_PROTOCOL_TCP),
    instruction(LOAD_HALF, IPV4_FRAGMENT),
    jump(JUMP_ANY_BIT, IPV4_FRAGMENT_BITS, 0, 1),
    instruction(RETURN, KEEP_ALL),
    instruction(LOAD_X_HEADER_BYTES, ETHERNET_BYTES),
    // A header length of 60 in a frame of 40 bytes must not wrap below zero.
    instruction(LOAD_LENGTH, 0),
    ...keepUnless(JUMP_AT_LEAST_X, 0),
    instruction(SUBTRACT_X, 0),
    ...keepUnless(JUMP_AT_LEAST, ETHERNET_BYTES + PORTS_BYTES),
    instruction(LOAD_HALF_INDEXED, ETHERNET_BYTES),
    instruction(STORE_MEMORY, SOURCE_PORT),
    instruction(LOAD_HALF_INDEXED, ETHERNET_BYTES + 2),
    instruction(STORE_MEMORY, DESTINATION_PORT),
    ...entries.flatMap((entry) => [
      ...refuseEndpoint(entry, IPV4_SOURCE, SOURCE_PORT),
      ...refuseEndpoint(entry, IPV4_DESTINATION, DESTINATION_PORT),
    ]),
    instruction(RETURN, KEEP_ALL),
  ];
}

function ipv6Section(entries: readonly Entry[]): FilterInstruction[] {
  if (entries.length === 0) return [instruction(RETURN, KEEP_ALL)];
  const ports = ETHERNET_BYTES + IPV6_BYTES;
  return [
    instruction(LOAD_LENGTH, 0),
    ...keepUnless(JUMP_AT_LEAST, ports + PORTS_BYTES),
    instruction(LOAD_BYTE, IPV6_NEXT_HEADER),
    ...keepUnless(JUMP_EQUAL, IP_PROTOCOL_TCP),
    instruction(LOAD_HALF, ports),
    instruction(STORE_MEMORY, SOURCE_PORT),
    instruction(LOAD_HALF, ports + 2),
    instruction(STORE_MEMORY, DESTINATION_PORT),
    ...entries.flatMap((entry) => [
      ...refuseEndpoint(entry, IPV6_SOURCE, SOURCE_PORT),
      ...refuseEndpoint(entry, IPV6_DESTINATION, DESTINATION_PORT),
    ]),
    instruction(RETURN, KEEP_ALL),
  ];
}

/** Goes on when the condition holds. */
function keepUnless(code: number, operand: number): FilterInstruction[] {
  return [jump(code, operand, 1, 0), instruction(RETURN, KEEP_ALL)];
}

/** Refuses the frame when address and port are the entry's; otherwise goes on behind. */
function refuseEndpoint(entry: Entry, addressOffset: number, port: number): FilterInstruction[] {
  const decision = [
    instruction(LOAD_MEMORY, port),
    jump(JUMP_EQUAL, entry.port, 0, 1),
    instruction(RETURN, KEEP_NOTHING),
  ];
  const address = entry.words.flatMap((word, at) => [
    instruction(LOAD_WORD, addressOffset + 4 * at),
    jump(JUMP_EQUAL, word, 0, 2 * (entry.words.length - 1 - at) + decision.length),
  ]);
  return [...address, ...decision];
}

function instruction(code: number, operand: number): FilterInstruction {
  return { code, ifTrue: 0, ifFalse: 0, operand };
}

function jump(code: number, operand: number, ifTrue: number, ifFalse: number): FilterInstruction {
  return { code, ifTrue, ifFalse, operand };
}

function entryOf({ ipAddress, port }: Exclusion): Entry {
  if (ipAddress === undefined) return { words: [], port };
  const unzoned = ipAddress.split('%')[0];
  if (isIPv4(unzoned)) return { words: [ipv4Word(unzoned)], port };
  if (!isIPv6(unzoned)) throw new Error(`"${ipAddress}" is not an IP address; resolve it first`);
  const words = ipv6Words(unzoned);
  // ::ffff:192.0.2.1 is how a dual-stack socket names what is IPv4 on the wire.
  const isMapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return { words: isMapped ? [words[3]] : words, port };
}

function ipv4Word(text: string): number {
  return text.split('.').reduce((word, part) => ((word << 8) | Number(part)) >>> 0, 0);
}

/** Four words of a valid textual IPv6 address (RFC 4291 section 2.2). */
function ipv6Words(text: string): number[] {
  const dotted = text.slice(text.lastIndexOf(':') + 1);
  let hex = text;
  if (dotted.includes('.')) {
    const word = ipv4Word(dotted);
    const groups = `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
    hex = text.slice(0, text.length - dotted.length) + groups;
  }
  const [head, tail] = hex.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const missing = tail === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...(tail ?? [])];
  const values = groups.map((group) => Number.parseInt(group, 16));
  return [0, 2, 4, 6].map((at) => ((values[at] << 16) | values[at + 1]) >>> 0);
}
