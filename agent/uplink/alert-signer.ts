/** Signs what goes onto the stream of alerts by itself: cases that are due, steps of the clock. */
import type { AppendResult, SiteBuffer } from '../../buffer/site-buffer.ts';
import { STREAM_ALERTS } from '../../protocols/uplink/messages.ts';
import type { Log } from '../platform/log.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { MessageSealer } from './message-sealer.ts';
import type { ClockStep } from './site-time.ts';

const ALERTS_PER_PASS = 64;

export class AlertSigner {
  readonly #buffer: SiteBuffer;
  readonly #sealer: MessageSealer;
  readonly #log: Log;
  /** More alerts are due than one pass signs, or the disk refused one. */
  #areWaiting = false;
  #signedCount = 0;

  constructor(buffer: SiteBuffer, sealer: MessageSealer, log: Log) {
    this.#buffer = buffer;
    this.#sealer = sealer;
    this.#log = log;
  }

  /** Another pass has work to do. */
  get areWaiting(): boolean {
    return this.#areWaiting;
  }

  /** Alerts since start. */
  get signedCount(): number {
    return this.#signedCount;
  }

  /** Up to ALERTS_PER_PASS of those that the buffer holds due. */
  sign(): void {
    const dueNow = this.#buffer.alertsDue(ALERTS_PER_PASS);
    this.#areWaiting = dueNow.length === ALERTS_PER_PASS;
    for (const due of dueNow) {
      const result: AppendResult = this.#buffer.append(
        STREAM_ALERTS,
        (position) => this.#sealer.alert(position, due),
        due,
      );
      if (result.kind === 'fault') {
        this.#areWaiting = true;
        this.#logFault(result.fault);
        return;
      }
      this.#signedCount++;
    }
  }

  /** The wall clock jumped: whoever compares times at the hub has to know. */
  sayStepped({ fromMs, toMs }: ClockStep): void {
    const seconds = Math.round((toMs - fromMs) / 1000);
    const fromUs = Math.max(0, Math.round(fromMs * 1000));
    const toUs = Math.max(0, Math.round(toMs * 1000));
    const text = `The gateway's clock was moved by ${seconds} s.`;
    const result = this.#buffer.append(STREAM_ALERTS, (position) =>
      this.#sealer.statement(position, { code: 'clockStepped', fromUs, toUs, text }),
    );
    this.#log.warn({ event: 'clockStepped', seconds }, text);
    if (result.kind === 'fault') this.#logFault(result.fault);
  }

  #logFault(fault: OperatorFault): void {
    this.#log.warn({ code: fault.code, remedy: fault.remedy }, fault.problem);
  }
}
