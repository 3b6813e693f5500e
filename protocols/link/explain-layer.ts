/**
 * What the explainers of the layers share: each takes its header off the front of what is left and
 * names what follows, so that a new layer is one function and one row in explain-frame.ts.
 */
import { type ExplainedField, FieldList } from '../explain.ts';

/** What stands behind a header, by the number that the header gives it. */
export type NextLayer =
  | { readonly kind: 'etherType'; readonly number: number }
  | { readonly kind: 'ipProtocol'; readonly number: number }
  /** The payload of TCP or UDP. */
  | { readonly kind: 'application' }
  | { readonly kind: 'none' };

export const NO_LAYER: NextLayer = { kind: 'none' };

/** The way through one frame; the innermost layer so far speaks. */
export interface LayerWalk {
  readonly bytes: Uint8Array;
  position: number;
  /** Bytes of the layer under way; the rest belongs to an outer one. */
  end: number;
  readonly fields: ExplainedField[];
  /** Ends of outer layers, outermost first: what they have behind the inner one. */
  readonly outerEnds: number[];
  sourceAddress: string;
  destinationAddress: string;
  ipProtocol: 'tcp' | 'udp';
  sourcePort: number;
  destinationPort: number;
  /** A piece of an IP packet: what is here is no whole segment. */
  isFragment: boolean;
}

export type LayerExplainer = (walk: LayerWalk) => NextLayer;

/** Adds the next `length` bytes, as far as they are there, as the field of one layer. */
export function addLayer(
  walk: LayerWalk,
  name: string,
  length: number,
  build: (list: FieldList) => string,
): void {
  const end = Math.min(walk.position + length, walk.end);
  if (end <= walk.position) return;
  const list = new FieldList(walk.bytes, walk.position, end);
  const value = build(list);
  list.finish();
  walk.fields.push(list.asField(name, value, shortNote(end - walk.position, length)));
  walk.position = end;
}

/** The layer ends at `end`: what stands behind is for an outer one. */
export function narrow(walk: LayerWalk, end: number): void {
  if (end >= walk.end || end < walk.position) return;
  walk.outerEnds.push(walk.end);
  walk.end = end;
}

/** `0x0800 (IPv4)` */
export function hexNumber(value: number, digits: number, name = ''): string {
  const text = `0x${value.toString(16).padStart(digits, '0')}`;
  return name === '' ? text : `${text} (${name})`;
}

function shortNote(there: number, length: number): string {
  return there < length ? `header cut: ${there} of ${length} bytes are here` : '';
}
