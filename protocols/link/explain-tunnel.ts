/**
 * Wrappings, field by field. Where a header ends and what follows it, the decoders themselves say,
 * so that an explanation never takes another way than the analysis. Pictures and sources stand in
 * mpls.ts, ppp.ts, gre.ts, vxlan.ts, geneve.ts and hsr.ts.
 */
import type { FieldList } from '../explain.ts';
import { ETHER_TYPE_NONE } from './ethernet.ts';
import {
  addLayer,
  hexNumber,
  type LayerExplainer,
  type LayerWalk,
  type NextLayer,
  NO_LAYER,
  narrow,
} from './explain-layer.ts';
import { FrameHeaders } from './frame-headers.ts';
import { GENEVE_PORT, readGeneve } from './geneve.ts';
import { readGre } from './gre.ts';
import { readHsr } from './hsr.ts';
import { readMpls } from './mpls.ts';
import { readPppoeSession } from './ppp.ts';
import { readVxlan, VXLAN_PORT } from './vxlan.ts';

/** Bytes of a header that is named although nothing that we read follows. */
const MPLS_ENTRY_BYTES = 4;
const PPPOE_HEADER_BYTES = 8;
const GRE_HEADER_BYTES = 4;
const HSR_TAG_BYTES = 6;

export const explainMpls = tunnel('mpls', readMpls, MPLS_ENTRY_BYTES, (list) => {
  let isBottom = false;
  while (list.bytesLeft > 0 && !isBottom) {
    list.number('label', MPLS_ENTRY_BYTES, (entry) => {
      isBottom = ((entry >>> 8) & 1) === 1;
      const label = Math.floor(entry / 4096);
      return `${label}, traffic class ${(entry >>> 9) & 7}, time to live ${entry & 0xff}`;
    });
  }
  list.number('controlWord', 4, (word) => hexNumber(word, 8));
});

export const explainPppoe = tunnel('pppoe', readPppoeSession, PPPOE_HEADER_BYTES, (list) => {
  list.number('versionAndType', 1, (value) => hexNumber(value, 2));
  list.number('code', 1);
  list.number('sessionId', 2);
  list.number('lengthBytes', 2);
  list.number('pppProtocol', Math.min(2, list.bytesLeft), (protocol) => hexNumber(protocol, 4));
});

export const explainGre = tunnel('gre', readGre, GRE_HEADER_BYTES, (list) => {
  const flags = list.number('flagsAndVersion', 2, (value) => hexNumber(value, 4));
  const protocol = list.number('protocolType', 2, (value) => hexNumber(value, 4));
  if ((flags & 0x8000) !== 0) list.number('checksum', 4, (value) => hexNumber(value, 8));
  if ((flags & 0x2000) !== 0) list.number('key', 4, (value) => hexNumber(value, 8));
  if ((flags & 0x1000) !== 0) list.number('sequenceNumber', 4);
  if ((flags & 0x0087) === 0x0081) list.number('acknowledgmentNumber', 4);
  if (protocol === 0x88be || protocol === 0x22eb) list.rest('erspan');
});

export const explainHsr = tunnel('hsrTag', readHsr, HSR_TAG_BYTES, (list) => {
  list.number('pathId+lsduSize', 2, (value) => `path ${value >> 12}, ${value & 0x0fff} bytes`);
  list.number('sequenceNumber', 2);
  list.number('etherType', 2, (type) => hexNumber(type, 4));
});

/** By the destination port of a datagram: what may be wrapped in it. */
export const UDP_TUNNELS: ReadonlyMap<number, LayerExplainer> = new Map([
  [
    VXLAN_PORT,
    tunnel('vxlan', inDatagram(readVxlan), 0, (list) => {
      list.number('flags', 1, (flags) => hexNumber(flags, 2));
      list.number('reserved', 3);
      list.number('networkId', 3);
      list.number('reserved', 1);
    }),
  ],
  [
    GENEVE_PORT,
    tunnel('geneve', inDatagram(readGeneve), 0, (list) => {
      list.number('versionAndOptionsLength', 1, (value) => hexNumber(value, 2));
      list.number('flags', 1, (flags) => hexNumber(flags, 2));
      list.number('protocolType', 2, (type) => hexNumber(type, 4));
      list.number('networkId', 3);
      list.number('reserved', 1);
      list.rest('options');
    }),
  ],
]);

type Reader = (headers: FrameHeaders, bytes: Uint8Array) => number;

/** `bytesAlone`: of the header that is named where nothing that we read follows; 0: none. */
function tunnel(
  name: string,
  read: Reader,
  bytesAlone: number,
  build: (list: FieldList) => void,
): LayerExplainer {
  return (walk: LayerWalk): NextLayer => {
    const headers = new FrameHeaders();
    headers.transport = walk.position;
    headers.transportEnd = walk.end;
    const etherType = read(headers, walk.bytes);
    const isRead = etherType !== ETHER_TYPE_NONE;
    const length = isRead ? headers.transport - walk.position : bytesAlone;
    addLayer(walk, name, length, (list) => {
      build(list);
      return '';
    });
    if (!isRead) return NO_LAYER;
    narrow(walk, headers.transportEnd);
    return { kind: 'etherType', number: etherType };
  };
}

function inDatagram(
  read: (headers: FrameHeaders, bytes: Uint8Array, at: number, end: number) => number,
): Reader {
  return (headers, bytes) => read(headers, bytes, headers.transport, headers.transportEnd);
}
