/**
 * What a device told about itself, or the network about it: each fact with its source, when it was
 * seen first and last, and how sure it is. The same name with two values is a conflict, and shown.
 */

/** Facts of one asset; a device that changes its name each second must not make us grow. */
export const FACTS_PER_ASSET_MAX = 32;
/** Facts of all assets together. */
export const FACTS_MAX = 49_152;
const FACT_CHARACTERS_MAX = 256;

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

export class AssetFacts {
  readonly #budget: FactBudget;
  /** Made with the first fact: most devices of a large plant tell nothing. */
  #facts: Map<string, WritableFact> | undefined;

  constructor(budget: FactBudget) {
    this.#budget = budget;
  }

  /** True: nothing of that name and value was known. The same again only moves `lastSeenUs`. */
  add(fact: AssetFact): boolean {
    const { name, source, firstSeenUs, lastSeenUs, confidence } = fact;
    const value =
      typeof fact.value === 'string' ? fact.value.slice(0, FACT_CHARACTERS_MAX) : fact.value;
    if (value === '') return false;
    const key = `${name}=${value}`;
    const known = this.#facts?.get(key);
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
    this.#facts ??= new Map();
    this.#facts.set(key, { name, value, source, firstSeenUs, lastSeenUs, confidence });
    return true;
  }

  list(): AssetFact[] {
    return this.#facts === undefined ? [] : [...this.#facts.values()];
  }

  valuesOf(name: string): FactValue[] {
    return this.list()
      .filter((fact) => fact.name === name)
      .map(({ value }) => value);
  }

  get size(): number {
    return this.#facts?.size ?? 0;
  }
}

export function conflictsOf(facts: readonly AssetFact[]): FactConflict[] {
  const byName = new Map<string, AssetFact[]>();
  for (const fact of facts) {
    if (!SINGLE_VALUED.has(fact.name)) continue;
    byName.set(fact.name, [...(byName.get(fact.name) ?? []), fact]);
  }
  return [...byName]
    .filter(([, values]) => values.length > 1)
    .map(([name, values]) => ({
      name,
      values: values.sort((a, b) => b.lastSeenUs - a.lastSeenUs).map(({ value }) => value),
    }));
}
