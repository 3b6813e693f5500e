/**
 * What this site has seen, as far as an advisory may ask for it: addresses, function codes, unit
 * ids, node ids. Bounded sets without times; an advisory that comes tomorrow finds today in them.
 */
import type { ConversationCounts, IntervalReport } from '../../protocols/interval-report.ts';
import type { AdvisoryIndicators } from '../../protocols/uplink/messages.ts';

/** Beyond these nothing is learned any more, and `refused` counts it. */
const ADDRESSES_MAX = 8192;
const NODE_IDS_MAX = 8192;
/** Longer node ids are no indicator either. */
const NODE_ID_CHARACTERS_MAX = 256;

export interface SeenIndicators {
  readonly addresses: readonly string[];
  readonly functionCodes: readonly number[];
  readonly unitIds: readonly number[];
  readonly nodeIds: readonly string[];
}

export class IndicatorWatch {
  readonly #addresses = new Set<string>();
  readonly #functionCodes = new Set<number>();
  readonly #unitIds = new Set<number>();
  readonly #nodeIds = new Set<string>();
  refused = 0;
  /** Rises whenever something new was seen: only then is a match worth another look. */
  revision = 0;

  add(report: Pick<IntervalReport, 'conversations' | 'observations'>): void {
    for (const conversation of report.conversations) this.#addConversation(conversation);
    for (const observation of report.observations) {
      const { clientIpAddress, serverIpAddress, functionCode, unitId, nodeId } = observation;
      this.#learn(this.#addresses, clientIpAddress, ADDRESSES_MAX);
      this.#learn(this.#addresses, serverIpAddress, ADDRESSES_MAX);
      this.#learn(this.#functionCodes, functionCode, 256);
      this.#learn(this.#unitIds, unitId, 256);
      if ((nodeId?.length ?? 0) <= NODE_ID_CHARACTERS_MAX) {
        this.#learn(this.#nodeIds, nodeId, NODE_IDS_MAX);
      }
    }
  }

  /** Those of the indicators that this site has seen; undefined when it has seen none. */
  match(indicators: AdvisoryIndicators | undefined): SeenIndicators | undefined {
    if (indicators === undefined) return undefined;
    const seen: SeenIndicators = {
      addresses: indicators.addresses.filter((each) => this.#addresses.has(each)),
      functionCodes: indicators.functionCodes.filter((each) => this.#functionCodes.has(each)),
      unitIds: indicators.unitIds.filter((each) => this.#unitIds.has(each)),
      nodeIds: indicators.nodeIds.filter((each) => this.#nodeIds.has(each)),
    };
    const { addresses, functionCodes, unitIds, nodeIds } = seen;
    const count = addresses.length + functionCodes.length + unitIds.length + nodeIds.length;
    return count > 0 ? seen : undefined;
  }

  #addConversation(conversation: ConversationCounts): void {
    this.#learn(this.#addresses, conversation.clientIpAddress, ADDRESSES_MAX);
    this.#learn(this.#addresses, conversation.serverIpAddress, ADDRESSES_MAX);
    this.#learn(this.#unitIds, conversation.unitId, 256);
    for (const { functionCode } of conversation.functionCodes ?? []) {
      this.#learn(this.#functionCodes, functionCode, 256);
    }
  }

  #learn<T>(set: Set<T>, value: T | undefined, max: number): void {
    if (value === undefined || set.has(value)) return;
    if (set.size >= max) this.refused++;
    else {
      set.add(value);
      this.revision++;
    }
  }
}
