/**
 * `values[]` of a record (FIELDS.md 1.1): the points that a register map knows in a transaction,
 * and whether each has changed since it was seen last.
 */
import {
  type MappedValue,
  mappedValues,
  type RegisterMap,
  type RegisterMapEntry,
  type RegisterValue,
} from '../../protocols/modbus/register-map.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';

/** Points of all servers whose last value is kept; further ones have no `changed`. */
export const POINTS_KEPT_MAX = 65_536;

export interface ChangedValue extends Omit<RegisterValue, 'entry'> {
  /** Absent at first sight. */
  readonly changed?: boolean;
  readonly previousValue?: MappedValue;
}

export class RegisterValues {
  readonly #map: RegisterMap;
  readonly #last = new Map<string, Map<RegisterMapEntry, MappedValue>>();
  #kept = 0;
  /** Points that found no room. */
  refusedCount = 0;

  constructor(map: RegisterMap) {
    this.#map = map;
  }

  /** Undefined where the map knows nothing of what the transaction touched. */
  of(transaction: ModbusTransaction): readonly ChangedValue[] | undefined {
    const { flow, unitId, requestPdu, responsePdu } = transaction;
    const server = flow.server.ipAddress;
    const values = mappedValues(this.#map, server, unitId, requestPdu, responsePdu);
    return values.length === 0 ? undefined : values.map((value) => this.#compare(server, value));
  }

  #compare(server: string, { entry, ...value }: RegisterValue): ChangedValue {
    let known = this.#last.get(server);
    const previousValue = known?.get(entry);
    if (previousValue === undefined) {
      if (this.#kept >= POINTS_KEPT_MAX) {
        this.refusedCount += 1;
        return value;
      }
      this.#kept += 1;
    }
    if (known === undefined) {
      known = new Map();
      this.#last.set(server, known);
    }
    known.set(entry, value.value);
    if (previousValue === undefined) return value;
    return { ...value, changed: previousValue !== value.value, previousValue };
  }
}
