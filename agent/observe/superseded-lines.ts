/**
 * Records of Modbus requests whose place another request took. The line names the record of that
 * one, which is not written yet: so it is held until then, and stands right before it.
 */
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';

/** Lines held at a time; further ones are written at once, without the name of their successor. */
export const LINES_HELD_MAX = 1024;
/** What a line ends with, and what a further field goes before. */
const END = '}\n';

export class SupersededLines {
  /** By flow, transaction identifier, unit and function. */
  readonly #lines = new Map<string, string>();

  /** Does a line wait for the record of this transaction? */
  isAwaited(transaction: ModbusTransaction): boolean {
    if (this.#lines.size === 0 || transaction.requestPdu.length === 0) return false;
    return this.#lines.has(keyOf(transaction));
  }

  /** True: the line is kept here until the transaction's successor is written. */
  hold(transaction: ModbusTransaction, line: string): boolean {
    const isReplaced = !transaction.matched && transaction.isSuperseded === true;
    if (!isReplaced || transaction.requestPdu.length === 0) return false;
    if (this.#lines.size >= LINES_HELD_MAX) return false;
    this.#lines.set(keyOf(transaction), line);
    return true;
  }

  /** The line that waited for this transaction, with its identifier; call where `isAwaited`. */
  take(transaction: ModbusTransaction, recordId: string): string {
    const key = keyOf(transaction);
    const line = this.#lines.get(key) ?? END;
    this.#lines.delete(key);
    return `${line.slice(0, -END.length)},"supersededBy":"${recordId}"${END}`;
  }

  /** All lines that still wait: nothing follows. */
  takeAll(): readonly string[] {
    const lines = [...this.#lines.values()];
    this.#lines.clear();
    return lines;
  }
}

function keyOf({ flow, transactionId, unitId, functionCode }: ModbusTransaction): string {
  return `${flow.flowNumber} ${transactionId} ${unitId} ${functionCode}`;
}
