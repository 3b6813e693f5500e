/**
 * Looks at the whole file once a day without holding up the agent: a child process finds what is no
 * longer what was written. Damaged pages set the file aside; damaged rows are taken out and told.
 */
import { DamagedDatabase } from './buffer-fault.ts';
import type { BufferSession } from './buffer-session.ts';
import type { CheckReport } from './check-file.ts';
import { BufferChild } from './child-process.ts';
import type { ChainSigner } from './outbox.ts';
import type { UpkeepOptions } from './upkeep.ts';

/** After the start: the plant comes first. */
const FIRST_CHECK_MS = 60_000;
const CHECK_INTERVAL_MS = 24 * 3_600_000;

export class Checker {
  readonly #options: UpkeepOptions;
  readonly #firstMs: number;
  #nextAtMs: number | undefined;
  #child: BufferChild | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#firstMs = options.firstCheckMs ?? FIRST_CHECK_MS;
  }

  /** Throws DamagedDatabase where the file can't go on. */
  step(session: BufferSession, signer: ChainSigner | undefined): void {
    const { childWords, clock, path } = this.#options;
    if (childWords === undefined) return;
    this.#nextAtMs ??= clock.monotonicMs() + this.#firstMs;
    if (clock.monotonicMs() < this.#nextAtMs) return;
    this.#child ??= new BufferChild(childWords, ['check', path]);
    const { answer } = this.#child;
    if (answer === undefined) return;
    this.#child = undefined;
    this.#nextAtMs = clock.monotonicMs() + CHECK_INTERVAL_MS;
    if (answer.kind === 'failed') {
      const text = `The check of the buffer did not end well: ${answer.reason}.`;
      this.#options.onNotice?.({ event: 'checkFailed', text });
      return;
    }
    // child.ts is the same program, and `check` prints one CheckReport.
    const report = answer.value as CheckReport;
    if (report.pages.length > 0) throw new DamagedDatabase(report.pages[0]);
    if (report.heads > 0) throw new DamagedDatabase('the head of a stream has a flipped bit');
    session.removeDamaged(report.damaged, signer);
  }

  stop(): void {
    this.#child?.stop();
    this.#child = undefined;
  }
}
