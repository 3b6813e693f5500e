/**
 * The real buffer behind a door that writes down what it promises. Plants (planted-bugs.ts) stand
 * in the same door: they change what passes, never the product.
 */
import { createHash } from 'node:crypto';
import type { ChainPosition, ChainSigner } from '../../buffer/outbox.ts';
import type { SiteBuffer } from '../../buffer/site-buffer.ts';
import type { Receipt, Stream } from '../../protocols/uplink/messages.ts';
import { type Ledger, nameOf } from './ledger.ts';
import type { Life } from './life.ts';

const PENDING_MAX = 100_000;

/** What a planted bug may change on the way into the buffer. */
export interface BufferPlant {
  readonly position?: (position: ChainPosition) => ChainPosition;
  readonly receipt?: (receipt: Receipt) => Receipt;
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function observeBuffer(
  buffer: SiteBuffer,
  ledger: Ledger,
  life: Life,
  plant: BufferPlant,
): SiteBuffer {
  const sealedNow: string[] = [];
  const sealed = (position: ChainPosition, bytes: Uint8Array): Uint8Array => {
    const sha256 = sha256Hex(bytes);
    ledger.sealed(position, sha256, bytes);
    sealedNow.push(sha256);
    return bytes;
  };
  /** Runs `work`; what was sealed meanwhile is promised when it is committed. */
  const promising = <T extends { readonly kind: string }>(work: () => T): T => {
    sealedNow.length = 0;
    const result = work();
    if (life.isAlive && result.kind !== 'fault') {
      for (const sha256 of sealedNow) ledger.promise(sha256, life);
    }
    return result;
  };
  const watched: Pick<SiteBuffer, 'signAs' | 'append' | 'recordReport' | 'applyReceipt'> = {
    signAs: (signer) => promising(() => buffer.signAs(observeSigner(signer, ledger, sealed))),
    append: (stream, make, alerted) => {
      const result = promising(() =>
        buffer.append(
          stream,
          (position, state) => {
            const placed = plant.position?.(position) ?? position;
            return sealed(placed, make(placed, state));
          },
          alerted,
        ),
      );
      if (alerted !== undefined && result.kind === 'appended' && life.isAlive) {
        ledger.alerted(alerted.detection.detectionId, life);
      }
      return result;
    },
    recordReport: (report) => {
      const result = promising(() => buffer.recordReport(report));
      if (result.kind === 'recorded' && life.isAlive) {
        for (const { detection } of report.detections) ledger.recorded(detection.detectionId, life);
      }
      return result;
    },
    applyReceipt: (receipt) => {
      const outcome = promising(() => buffer.applyReceipt(plant.receipt?.(receipt) ?? receipt));
      if (!life.isAlive) return outcome;
      if (outcome.kind !== 'unknownEpoch' && outcome.kind !== 'fault') ledger.heard(receipt, life);
      if (outcome.kind === 'applied') {
        ledger.receiptApplied(receipt, pendingNames(buffer, receipt.stream));
      }
      return outcome;
    },
  };
  const doors = new Map<string | symbol, unknown>(Object.entries(watched));
  return new Proxy(buffer, {
    get: (target, name) => {
      const door = doors.get(name);
      if (door !== undefined) return door;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const bound: unknown = value.bind(target);
      doors.set(name, bound);
      return bound;
    },
  });
}

/** By `nameOf`. */
export function pendingNames(buffer: SiteBuffer, stream: Stream): ReadonlySet<string> {
  return new Set(buffer.pending(stream, 0, PENDING_MAX).map(nameOf));
}

function observeSigner(
  signer: ChainSigner,
  ledger: Ledger,
  sealed: (position: ChainPosition, bytes: Uint8Array) => Uint8Array,
): ChainSigner {
  return {
    agentId: signer.agentId,
    epochBegins: (position, facts) => sealed(position, signer.epochBegins(position, facts)),
    tombstone: (position, facts) => {
      ledger.evicted(position.stream, facts.epochOf, facts.from, facts.to);
      return sealed(position, signer.tombstone?.(position, facts) ?? new Uint8Array());
    },
    statement: (position, facts) =>
      sealed(position, signer.statement?.(position, facts) ?? new Uint8Array()),
  };
}
