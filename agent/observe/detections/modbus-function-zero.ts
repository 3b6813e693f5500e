/** MODBUS_FUNCTION_ZERO: a request with a function code that the specification rules out. */
import type { ModbusTransaction } from '../../../protocols/modbus/transaction.ts';
import type { Finding, ModbusRule } from './detection-rule.ts';

/** V1.1b3 section 4.1: "function code 0 is not valid". Evidence set T, guard F. */
export const modbusFunctionZero: ModbusRule = {
  code: 'MODBUS_FUNCTION_ZERO',
  severity: 'high',
  title: 'Illegal Modbus function 0',
  techniques: ['T0814'],
  detectModbus(transaction: ModbusTransaction): Finding | undefined {
    if (transaction.functionCode !== 0 || transaction.requestPdu.length === 0) return undefined;
    // Function 128 is 0 with the exception bit, which has an anomaly of its own.
    if (transaction.requestPdu.bytes[transaction.requestPdu.offset] !== 0) return undefined;
    const { client, server } = transaction.flow;
    const answer =
      transaction.exceptionCode !== 0
        ? `The device refused it with exception ${transaction.exceptionCode}.`
        : transaction.responsePdu.length > 0
          ? 'The device answered as if it were a real function.'
          : 'No answer was seen.';
    return {
      rule: modbusFunctionZero,
      explanation:
        `${client.ipAddress} sent function code 0, which Modbus does not have, to unit ` +
        `${transaction.unitId} of ${server.ipAddress}: a probe or a faulty program. ${answer}`,
      remedy:
        `Find ${client.ipAddress} and ask what runs on it; check that unit ` +
        `${transaction.unitId} of ${server.ipAddress} still works as it should.`,
    };
  },
};
