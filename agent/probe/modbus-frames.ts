/**
 * The request frames of the probe, byte by byte, so that they can be shown before anything is sent.
 * Reads only: there is no function here that changes a device.
 * Spec: MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4, 6.13 and 6.21.
 */
import { crc16 } from '../../protocols/modbus/crc16.ts';
import type { ModbusCarrier, ModbusQuestion } from './probe-plan.ts';

const READ_FUNCTION = {
  coil: 1,
  discreteInput: 2,
  holdingRegister: 3,
  inputRegister: 4,
} as const;
const REPORT_SERVER_ID = 17;
const ENCAPSULATED_INTERFACE = 43;
const DEVICE_IDENTIFICATION = 14;
const BASIC = 1;
const FIRST_OBJECT = 0;

/** The frames of all questions in their order; transaction identifiers begin with 1. */
export function requestFrames(
  carrier: ModbusCarrier,
  unitId: number,
  questions: readonly ModbusQuestion[],
): string[] {
  return questions.map((question, at) => {
    const adu = [unitId, ...pduOf(question)];
    const frame = carrier === 'tcp' ? [...mbap(at + 1, adu.length), ...adu] : withCrc(adu);
    return Buffer.from(frame).toString('hex');
  });
}

export function questionText(question: ModbusQuestion): string {
  switch (question.kind) {
    case 'deviceIdentification':
      return 'device identification (43/14)';
    case 'serverId':
      return 'server id (17)';
    case 'read': {
      const { object, address, quantity } = question;
      return `read ${quantity} ${object} from ${address} (${READ_FUNCTION[object]})`;
    }
    default:
      return question satisfies never;
  }
}

function pduOf(question: ModbusQuestion): number[] {
  switch (question.kind) {
    case 'deviceIdentification':
      return [ENCAPSULATED_INTERFACE, DEVICE_IDENTIFICATION, BASIC, FIRST_OBJECT];
    case 'serverId':
      return [REPORT_SERVER_ID];
    case 'read': {
      const { object, address, quantity } = question;
      return [READ_FUNCTION[object], ...uint16(address), ...uint16(quantity)];
    }
    default:
      return question satisfies never;
  }
}

function mbap(transactionId: number, length: number): number[] {
  return [...uint16(transactionId), 0, 0, ...uint16(length)];
}

function withCrc(adu: number[]): number[] {
  const bytes = Uint8Array.from(adu);
  const crc = crc16(bytes, 0, bytes.length);
  return [...adu, crc & 0xff, crc >> 8];
}

function uint16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}
