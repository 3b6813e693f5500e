/**
 * From a file that was set aside to its salvage, without ever holding up the agent: a child reads
 * what can be read, then pieces are brought in a step at a time. What came of it is a signed word,
 * once; a crash in between begins again.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { BufferSession } from './buffer-session.ts';
import { BufferChild } from './child-process.ts';
import type { ChainSigner } from './outbox.ts';
import { SalvageImport } from './salvage-import.ts';
import type { UpkeepNotice, UpkeepOptions } from './upkeep.ts';

/** Set-aside files that are kept for a closer look; older ones give their room back. */
const SET_ASIDE_MAX = 1;

/** Of the main thread, each second: what must not wait has the rest. */
const STEP_MS_MAX = 40;

export class Salvager {
  readonly #options: UpkeepOptions;
  #path: string | undefined;
  #child: BufferChild | undefined;
  #import: SalvageImport | undefined;
  /** The session that the import writes to: a new one begins the work again. */
  #session: BufferSession | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  step(session: BufferSession, signer: ChainSigner | undefined): void {
    if (session !== this.#session) this.stop();
    this.#session = session;
    this.#path ??= session.salvageDue();
    if (this.#path === undefined) return;
    const { childWords } = this.#options;
    if (childWords === undefined) {
      this.#end(session, signer, 'notTried', 'nothing was salvaged from it yet');
      return;
    }
    if (this.#import !== undefined) {
      this.#bring(session, signer, this.#import);
      return;
    }
    this.#child ??= new BufferChild(childWords, ['salvage', this.#path, this.#salvagePath()]);
    const { answer } = this.#child;
    if (answer === undefined) return;
    this.#child = undefined;
    if (answer.kind === 'failed') {
      this.#end(session, signer, 'failed', `nothing could be salvaged (${answer.reason})`);
    } else this.#import = new SalvageImport(this.#salvagePath(), session);
  }

  stop(): void {
    this.#child?.stop();
    this.#child = undefined;
    this.#import?.close();
    this.#import = undefined;
    this.#path = undefined;
  }

  #bring(session: BufferSession, signer: ChainSigner | undefined, importing: SalvageImport): void {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + STEP_MS_MAX;
    let isDone = false;
    while (!isDone && clock.monotonicMs() < untilMs) isDone = importing.step();
    if (!isDone || this.#path === undefined) return;
    const losses = importing.losses();
    session.endSalvage(this.#path, 'imported', losses, signer);
    this.#notice('salvaged', losses[0].text);
    this.#tidy(this.#path);
    this.stop();
  }

  #end(
    session: BufferSession,
    signer: ChainSigner | undefined,
    outcome: string,
    what: string,
  ): void {
    if (this.#path === undefined) return;
    const text = `The buffer was damaged and set aside; ${what}.`;
    session.endSalvage(this.#path, outcome, [{ code: 'bufferLost', text }], signer);
    this.#notice('salvageFailed', text);
    this.#tidy(this.#path);
    this.stop();
  }

  #notice(event: UpkeepNotice['event'], text: string): void {
    this.#options.onNotice?.({ event, text });
  }

  #salvagePath(): string {
    return `${this.#path}.salvage`;
  }

  /** The copy has served; the newest set-aside file stays for a closer look. */
  #tidy(path: string): void {
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      rmSync(`${path}.salvage${suffix}`, { force: true });
    }
    const folder = dirname(this.#options.path);
    const prefix = `${basename(this.#options.path)}.quarantined-`;
    const setAside = readdirSync(folder)
      .filter((name) => name.startsWith(prefix) && /-\d{4}-\d\d-\d\dT\d+Z(-\d+)?$/.test(name))
      .map((name) => ({ name, ms: statSync(join(folder, name)).mtimeMs }))
      .sort((a, b) => b.ms - a.ms);
    for (const { name } of setAside.slice(SET_ASIDE_MAX)) {
      for (const suffix of ['', '-wal', '-shm', '.page1']) {
        rmSync(join(folder, name + suffix), { force: true });
      }
    }
  }
}
