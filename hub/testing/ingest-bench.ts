/** An ingest for tests, with a clock of its own, whose receipts are kept instead of sent. */
import assert from 'node:assert/strict';
import { ManualClock } from '../../agent/platform/clock.ts';
import { silentLog } from '../../agent/platform/log.ts';
import type { Receipt } from '../../protocols/uplink/messages.ts';
import { AgentRegistry } from '../agent-registry.ts';
import { Ingest } from '../ingest.ts';
import type { HubStore } from '../store.ts';

export interface IngestBench {
  readonly ingest: Ingest;
  readonly receipts: Receipt[];
  readonly clock: ManualClock;
  /** The receipt that was published last; fails where there is none. */
  last(): Receipt;
}

/** `folder` holds the files of the agents. */
export function ingestBench(store: HubStore, folder: string): IngestBench {
  const clock = new ManualClock();
  const receipts: Receipt[] = [];
  const ingest = new Ingest({
    store,
    registry: new AgentRegistry(folder, clock, silentLog),
    clock,
    log: silentLog,
    publishReceipt: (receipt) => receipts.push(receipt),
  });
  const last = (): Receipt => {
    const receipt = receipts.at(-1);
    assert.ok(receipt);
    return receipt;
  };
  return { ingest, receipts, clock, last };
}
