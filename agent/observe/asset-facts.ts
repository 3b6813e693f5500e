/**
 * What a device told about itself, or the network about it: each fact with its source, when it was
 * seen first and last, and how sure it is. The same name with two values is a conflict, and shown.
 */

/** Facts of one asset; a device that changes its name each second must not make us grow. */
export const FACTS_PER_ASSET_MAX = 32;
/** Facts of all assets together. */
export const FACTS_MAX = 49_152;
const FACT_CHARACTERS_MAX = 256;
/** Source of what `fieldtap probe` asked for. */
export const ASKED_SOURCE = 'probe';

export type FactValue = string | number;

export interface AssetFact {
  readonly name: string;
  /** From the wire, not escaped. */
  readonly value: FactValue;
  /** Where it was read: `opcua.GetEndpoints`, `traffic`. */
  readonly source: string;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  /** 0..1 */
  readonly confidence: number;
}

/** Names of which a device has one: two values at a time contradict each other. */
const SINGLE_VALUED: ReadonlySet<string> = new Set([
  'macAddress',
  'vendorName',
  'manufacturerName',
  'productCode',
  'productName',
  'modelName',
  'majorMinorRevision',
  'softwareVersion',
  'serialNumber',
  'serverIdText',
  'systemName',
]);

export interface FactConflict {
  readonly name: string;
  /** Newest first. */
  readonly values: readonly FactValue[];
}

type WritableFact = { -readonly [Key in keyof AssetFact]: AssetFact[Key] };

/** How many facts there are in all tables that share it. */
export class FactBudget {
  used = 0;
  refusedCount = 0;
}

const NONE: readonly WritableFact[] = [];

export class AssetFacts {
  readonly #budget: FactBudget;
  /** Few, and ten thousand devices have some: looked through, and as long as it must be. */
  #facts: readonly WritableFact[] = NONE;
  /** Bit n: the fact that was learned as the n-th has been announced. None is ever taken back. */
  #toldMask = 0;

  constructor(budget: FactBudget) {
    this.#budget = budget;
  }

  /** True: nothing of that name and value was known. The same again only moves `lastSeenUs`. */
  add(fact: AssetFact): boolean {
    const { name, source, firstSeenUs, lastSeenUs, confidence } = fact;
    const value = keptOf(fact.value);
    if (value === '') return false;
    const known = this.#find(name, value, source === ASKED_SOURCE);
    if (known !== undefined) {
      known.firstSeenUs = Math.min(known.firstSeenUs, firstSeenUs);
      known.lastSeenUs = Math.max(known.lastSeenUs, lastSeenUs);
      known.confidence = Math.max(known.confidence, confidence);
      return false;
    }
    if (this.size >= FACTS_PER_ASSET_MAX || this.#budget.used >= FACTS_MAX) {
      this.#budget.refusedCount++;
      return false;
    }
    this.#budget.used++;
    // What was heard already and is confirmed now is no news for the hub.
    if (source === ASKED_SOURCE && this.#find(name, value, false) !== undefined) {
      this.#toldMask |= 1 << this.size;
    }
    const added = { name, value, source, firstSeenUs, lastSeenUs, confidence };
    // Spread would leave room for sixteen more.
    this.#facts = this.#facts.concat([added]);
    return true;
  }

  /** Facts that were never announced, at most `factsMax`; they count as announced now. */
  takeUntold(factsMax: number): AssetFact[] {
    if (!this.hasUntold) return [];
    const untold: AssetFact[] = [];
    for (const [index, fact] of this.list().entries()) {
      if (untold.length >= factsMax) break;
      if ((this.#toldMask & (1 << index)) !== 0) continue;
      this.#toldMask |= 1 << index;
      untold.push(fact);
    }
    return untold;
  }

  /** For the state: which facts of `list` have been announced, bit by bit. */
  get toldMask(): number {
    return this.#toldMask;
  }

  get hasUntold(): boolean {
    return this.#toldMask !== (this.size === FACTS_PER_ASSET_MAX ? -1 : (1 << this.size) - 1);
  }

  /** A fact from the state of before; `isTold`: the hub was to hear of it then. */
  restore(fact: AssetFact, isTold: boolean): void {
    this.add(fact);
    if (!isTold) return;
    const isAsked = fact.source === ASKED_SOURCE;
    const known = this.#find(fact.name, keptOf(fact.value), isAsked);
    if (known !== undefined) this.#toldMask |= 1 << this.#facts.indexOf(known);
  }

  list(): AssetFact[] {
    return [...this.#facts];
  }

  valuesOf(name: string): FactValue[] {
    return this.list()
      .filter((fact) => fact.name === name)
      .map(({ value }) => value);
  }

  get size(): number {
    return this.#facts.length;
  }

  /** The fact of that name and value, `502` and `"502"` being one, that we asked for or heard. */
  #find(name: string, value: FactValue, isAsked: boolean): WritableFact | undefined {
    return this.#facts.find(
      (fact) =>
        fact.name === name &&
        (fact.source === ASKED_SOURCE) === isAsked &&
        (fact.value === value || String(fact.value) === String(value)),
    );
  }
}

function keptOf(value: FactValue): FactValue {
  return typeof value === 'string' ? value.slice(0, FACT_CHARACTERS_MAX) : value;
}

/** What we asked for ourselves stands beside what was heard, also where it says the same. */
function keyOf({ name, value, source }: AssetFact): string {
  return `${name}=${keptOf(value)}${source === ASKED_SOURCE ? ' asked' : ''}`;
}

/** The same fact from the same side, of several addresses of one device, once. */
export function withoutDoubles(facts: readonly AssetFact[]): AssetFact[] {
  const byKey = new Map<string, AssetFact>();
  for (const fact of facts) {
    const key = keyOf(fact);
    if (!byKey.has(key)) byKey.set(key, fact);
  }
  return [...byKey.values()];
}

export function conflictsOf(facts: readonly AssetFact[]): FactConflict[] {
  const byName = new Map<string, Map<FactValue, number>>();
  for (const { name, value, lastSeenUs } of facts) {
    if (!SINGLE_VALUED.has(name)) continue;
    const values = byName.get(name) ?? new Map<FactValue, number>();
    values.set(value, Math.max(values.get(value) ?? 0, lastSeenUs));
    byName.set(name, values);
  }
  return [...byName]
    .filter(([, values]) => values.size > 1)
    .map(([name, values]) => ({
      name,
      values: [...values].sort(([, a], [, b]) => b - a).map(([value]) => value),
    }));
}
