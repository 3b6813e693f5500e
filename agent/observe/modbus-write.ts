/** Which points a Modbus write touches, read from the request alone (V1.1b3 section 6). */
import type { ByteSpan } from '../../protocols/decoded.ts';
import { ABSENT, byteAt, wordAt } from '../../protocols/modbus/pdu-bytes.ts';

export type WrittenObject = 'coil' | 'holdingRegister' | 'file';

export interface ModbusWritePoint {
  readonly object: WrittenObject;
  /** First coil or register, 0-based; the record number in a file. */
  readonly address: number;
  readonly quantity?: number;
  /** Only where one single value is written: 0 or 1 for a coil. */
  readonly value?: number;
  readonly fileNumber?: number;
}

const COIL_ON = 0xff00;

/** Undefined for what is no write, or was cut before its address. */
export function modbusWritePoint(pdu: ByteSpan): ModbusWritePoint | undefined {
  const functionCode = byteAt(pdu, 0);
  switch (functionCode) {
    case 5: {
      const output = wordAt(pdu, 3);
      const value = output === COIL_ON ? 1 : output;
      return point('coil', wordAt(pdu, 1), 1, value);
    }
    case 6:
      return point('holdingRegister', wordAt(pdu, 1), 1, wordAt(pdu, 3));
    case 15:
      return point('coil', wordAt(pdu, 1), wordAt(pdu, 3), ABSENT);
    case 16: {
      const quantity = wordAt(pdu, 3);
      return point(
        'holdingRegister',
        wordAt(pdu, 1),
        quantity,
        quantity === 1 ? wordAt(pdu, 6) : ABSENT,
      );
    }
    case 21: {
      const file = point('file', wordAt(pdu, 5), wordAt(pdu, 7), ABSENT);
      const fileNumber = wordAt(pdu, 3);
      return file === undefined || fileNumber === ABSENT ? file : { ...file, fileNumber };
    }
    case 22:
      return point('holdingRegister', wordAt(pdu, 1), 1, ABSENT);
    case 23:
      return point('holdingRegister', wordAt(pdu, 5), wordAt(pdu, 7), ABSENT);
    default:
      return undefined;
  }
}

function point(
  object: WrittenObject,
  address: number,
  quantity: number,
  value: number,
): ModbusWritePoint | undefined {
  if (address === ABSENT) return undefined;
  return {
    object,
    address,
    ...(quantity === ABSENT ? {} : { quantity }),
    ...(value === ABSENT ? {} : { value }),
  };
}
