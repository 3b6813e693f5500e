/**
 * What pairing tells requests apart by (FIELDS.md 1), and which of them only ask. Apart from
 * pairing, with constants of its own: the engine folds those, but loads an imported one each time.
 */
import { PDU, TRANSACTION_ID, UNIT_ID } from '../../protocols/modbus/mbap.ts';

const TRANSACTION_ID_AT = TRANSACTION_ID;
const UNIT_ID_AT = UNIT_ID;
const PDU_AT = PDU;
const FUNCTION_CODE_MASK = 0x7f;

/** Transaction identifier, unit identifier and function code in 31 bits. */
export function keyOf(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at + TRANSACTION_ID_AT] << 23) |
    (bytes[at + TRANSACTION_ID_AT + 1] << 15) |
    (bytes[at + UNIT_ID_AT] << 7) |
    (bytes[at + PDU_AT] & FUNCTION_CODE_MASK)
  );
}

/** Coils, inputs and registers (V1.1b3 sections 6.1 to 6.4): without an answer to no purpose. */
export function isRead(functionCode: number): boolean {
  return functionCode >= 1 && functionCode <= 4;
}
