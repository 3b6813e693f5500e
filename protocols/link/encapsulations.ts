/**
 * The wrappings that a frame may have around its IP packet, by the names that a record gives them
 * (docs/fields.md section 3), and packed into one number, because a list per frame is an object.
 */
import type { FrameHeaders } from './frame-headers.ts';

export const ENCAPSULATION_QINQ = 1;
export const ENCAPSULATION_ERSPAN1 = 2;
export const ENCAPSULATION_ERSPAN2 = 3;
export const ENCAPSULATION_ERSPAN3 = 4;
export const ENCAPSULATION_GRE = 5;
export const ENCAPSULATION_VXLAN = 6;
export const ENCAPSULATION_GENEVE = 7;
export const ENCAPSULATION_MPLS = 8;
export const ENCAPSULATION_PPPOE = 9;

/** By number; an ERSPAN tunnel is that alone, the GRE below it isn't named. */
const NAMES = [
  '',
  'qinq',
  'erspan1',
  'erspan2',
  'erspan3',
  'gre',
  'vxlan',
  'geneve',
  'mpls',
  'pppoe',
] as const;

/** Wrappings that are named; further ones inside are read and not named. */
export const ENCAPSULATIONS_MAX = 8;
const BITS = 4;
const MASK = 0xf;
const FULL = 32 - BITS;

const NO_ENCAPSULATIONS: readonly string[] = Object.freeze([]);

export function noteEncapsulation(headers: FrameHeaders, encapsulation: number): void {
  const known = headers.encapsulations;
  if (known >>> FULL !== 0) return;
  headers.encapsulations = (known << BITS) | encapsulation;
}

/** Their names, outermost first. */
export function encapsulationNames(encapsulations: number): readonly string[] {
  if (encapsulations === 0) return NO_ENCAPSULATIONS;
  const names: string[] = [];
  for (let rest = encapsulations; rest !== 0; rest >>>= BITS) {
    names.unshift(NAMES[rest & MASK] ?? '');
  }
  return names;
}
