/** Which of the four objects of Modbus a function reads or writes (V1.1b3 section 4.3). */
import type { MappedObject } from '../../protocols/modbus/register-map.ts';

export const OBJECTS: readonly MappedObject[] = [
  'coil',
  'discreteInput',
  'holdingRegister',
  'inputRegister',
];

/** Index into OBJECTS by function code; -1: none that is remembered. */
export const OBJECT_OF = new Int8Array(128).fill(-1);
for (const [code, object] of [
  [1, 0],
  [2, 1],
  [3, 2],
  [4, 3],
  [5, 0],
  [6, 2],
  [15, 0],
  [16, 2],
  [22, 2],
  [23, 2],
] as const) {
  OBJECT_OF[code] = object;
}

export function isBits(object: MappedObject): boolean {
  return object === 'coil' || object === 'discreteInput';
}
