/** Applies verified receipts and tells what came of them: deleted, refused, a fork, a new hub. */
import type { SiteBuffer } from '../../buffer/site-buffer.ts';
import type { Receipt } from '../../protocols/uplink/messages.ts';
import type { Log } from '../platform/log.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import { forkFault, refusedFault } from './receipt-faults.ts';

export interface ReceiptHandlers {
  /** The hub answered well: earlier faults of messages are over. */
  readonly applied: () => void;
  /** What the receipt names is stored there. */
  readonly stored: (receipt: Receipt) => void;
  /** A new life of the hub, or one that claims less than before: what it had, it may not have. */
  readonly hubChanged: () => void;
  /** It doesn't know so itself, and won't say what it has of other streams. */
  readonly hubClaimsLess: () => void;
  readonly show: (fault: OperatorFault) => void;
}

export class ReceiptDesk {
  readonly #buffer: SiteBuffer;
  readonly #log: Log;
  readonly #handlers: ReceiptHandlers;
  #applied = 0;

  constructor(buffer: SiteBuffer, log: Log, handlers: ReceiptHandlers) {
    this.#buffer = buffer;
    this.#log = log;
    this.#handlers = handlers;
  }

  /** Since start. */
  get appliedCount(): number {
    return this.#applied;
  }

  receive(receipt: Receipt): void {
    const { applied, stored, hubChanged, hubClaimsLess, show } = this.#handlers;
    const { stream, hubEpoch } = receipt;
    const outcome = this.#buffer.applyReceipt(receipt);
    switch (outcome.kind) {
      case 'applied':
        this.#applied++;
        applied();
        if (outcome.refused > 0) {
          show(
            refusedFault(
              outcome.refused,
              receipt.refused.map(({ reason }) => reason),
            ),
          );
        }
        if (outcome.hubEpochChanged || outcome.lostByHub.length > 0) {
          const lost = outcome.lostByHub;
          const word = outcome.hubEpochChanged ? 'hubEpochChanged' : 'hubClaimsLess';
          this.#log.warn({ hubEpoch, stream, lost }, word);
          hubChanged();
          if (outcome.isHubUnaware) hubClaimsLess();
        }
        stored(receipt);
        break;
      case 'fork':
        show(forkFault(stream, outcome.sequence));
        break;
      case 'ahead':
        this.#log.warn({ stream, cumulative: outcome.cumulative }, 'hubIsAhead');
        break;
      case 'fault': {
        const { fault } = outcome;
        this.#log.warn({ code: fault.code, remedy: fault.remedy }, fault.problem);
        break;
      }
      case 'old':
      case 'unknownEpoch':
        this.#log.debug({ outcome: outcome.kind, serial: receipt.receiptSerial }, 'receiptIgnored');
        break;
      default:
        outcome satisfies never;
    }
  }
}
