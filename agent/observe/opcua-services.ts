/**
 * Services as small numbers for the counters, and what each of them does to the plant. The names
 * are those of the service table; a name that is not there is counted as `unknown`.
 */
import {
  ENCRYPTED_SERVICE,
  SERVICE_TABLE,
  UNKNOWN_SERVICE,
} from '../../protocols/opcua/service-table.ts';

const UNKNOWN = 0;

/** Names by number. */
export const SERVICE_NAMES: readonly string[] = [
  UNKNOWN_SERVICE,
  ...SERVICE_TABLE.map((row) => row.service),
  ENCRYPTED_SERVICE,
];

const numbers = new Map(SERVICE_NAMES.map((service, number) => [service, number]));

/** FIELDS.md section 4: services that change something in the server. */
const WRITES: ReadonlySet<string> = new Set([
  'Write',
  'Call',
  'HistoryUpdate',
  'AddNodes',
  'AddReferences',
  'DeleteNodes',
  'DeleteReferences',
]);

export function serviceNumber(service: string): number {
  return numbers.get(service) ?? UNKNOWN;
}

export function isOpcuaWrite(service: string): boolean {
  return WRITES.has(service);
}
