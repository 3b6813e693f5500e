/**
 * Managed switches and power units by SNMP v2c through Debian's `snmp` programs: the objects of
 * IF-MIB (RFC 2863) for ports, and whatever object a power unit's manual names for an outlet.
 */
import type { MirrorPort, SwitchedLink } from './bench.ts';
import { command } from './command.ts';
import type { OutletEntry, SwitchPortEntry } from './inventory.ts';

/** IF-MIB. Counters of 64 bit; unicast, multicast and broadcast are counted apart. */
const IF_ADMIN_STATUS = '1.3.6.1.2.1.2.2.1.7';
const IF_HC_IN_FRAMES = [
  '1.3.6.1.2.1.31.1.1.1.7',
  '1.3.6.1.2.1.31.1.1.1.8',
  '1.3.6.1.2.1.31.1.1.1.9',
];
const IF_HC_OUT_FRAMES = [
  '1.3.6.1.2.1.31.1.1.1.11',
  '1.3.6.1.2.1.31.1.1.1.12',
  '1.3.6.1.2.1.31.1.1.1.13',
];
const ADMIN_STATUS = { up: 1, down: 2 } as const;

interface Agent {
  readonly address: string;
  readonly community: string;
}

export class SnmpSwitchPort implements MirrorPort {
  readonly #entry: SwitchPortEntry;

  constructor(entry: SwitchPortEntry) {
    this.#entry = entry;
  }

  async set(state: 'up' | 'down'): Promise<void> {
    await snmpSet(this.#entry, this.#object(IF_ADMIN_STATUS), ADMIN_STATUS[state]);
  }

  async counters(): Promise<{ framesSent: number; framesReceived: number }> {
    return {
      framesSent: await this.#sum(IF_HC_OUT_FRAMES),
      framesReceived: await this.#sum(IF_HC_IN_FRAMES),
    };
  }

  async #sum(objects: readonly string[]): Promise<number> {
    const values = await Promise.all(
      objects.map((object) => snmpGet(this.#entry, this.#object(object))),
    );
    return values.reduce((sum, value) => sum + value, 0);
  }

  #object(column: string): string {
    return `${column}.${this.#entry.interfaceIndex}`;
  }
}

export class SnmpOutlet implements SwitchedLink {
  readonly #entry: OutletEntry;

  constructor(entry: OutletEntry) {
    this.#entry = entry;
  }

  async set(state: 'up' | 'down'): Promise<void> {
    const { objectId, onValue, offValue } = this.#entry;
    await snmpSet(this.#entry, objectId, state === 'up' ? onValue : offValue);
  }
}

async function snmpGet(agent: Agent, object: string): Promise<number> {
  const text = await command(['snmpget', ...access(agent), '-Oqv', agent.address, object]);
  const value = Number(text.trim());
  if (!Number.isFinite(value)) throw new Error(`${agent.address} says "${text}" for ${object}`);
  return value;
}

async function snmpSet(agent: Agent, object: string, value: number): Promise<void> {
  await command(['snmpset', ...access(agent), agent.address, object, 'i', String(value)]);
}

function access({ community }: Agent): readonly string[] {
  return ['-v2c', '-c', community, '-t', '5', '-r', '2'];
}
