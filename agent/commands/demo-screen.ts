/**
 * The demo's screen: one line that changes in place on a terminal, and a line every few seconds
 * elsewhere (a log, a pipe), with what happens in between as lines of their own.
 */
import type { AgentStatus } from '../diagnostics/agent-status.ts';
import { escapeText } from '../platform/wire-text.ts';

const LOG_LINE_MS = 3000;
const ERASE_LINE = '\r\u001b[K';

export class DemoScreen {
  readonly #output: NodeJS.WriteStream;
  readonly #startedMs = performance.now();
  #lastLogLineMs = Number.NEGATIVE_INFINITY;
  #isLineOpen = false;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  /** Something that happened. */
  say(line: string): void {
    this.#closeLine();
    this.#output.write(`${this.#seconds()}  ${escapeText(line)}\n`);
    this.#lastLogLineMs = Number.NEGATIVE_INFINITY;
  }

  /** The figures of the moment. */
  show(status: AgentStatus, isLinkCut: boolean): void {
    const line = `${this.#seconds()}  ${figures(status, isLinkCut)}`;
    if (this.#output.isTTY) {
      this.#output.write(`${ERASE_LINE}${line.slice(0, (this.#output.columns || 80) - 1)}`);
      this.#isLineOpen = true;
      return;
    }
    if (performance.now() - this.#lastLogLineMs < LOG_LINE_MS) return;
    this.#lastLogLineMs = performance.now();
    this.#output.write(`${line}\n`);
  }

  end(): void {
    this.#closeLine();
  }

  #closeLine(): void {
    if (this.#isLineOpen) this.#output.write(ERASE_LINE);
    this.#isLineOpen = false;
  }

  #seconds(): string {
    return `${Math.floor((performance.now() - this.#startedMs) / 1000)} s`.padStart(6);
  }
}

function figures(status: AgentStatus, isLinkCut: boolean): string {
  const { traffic, uplink } = status;
  const last = status.alerts.at(-1);
  return [
    `frames ${traffic.frames}`,
    `Modbus ${traffic.modbusTransactions}`,
    `OPC UA ${traffic.opcuaTransactions}`,
    `summaries ${uplink?.summariesSigned ?? 0}`,
    `backlog ${uplink?.outboxMessages ?? 0}`,
    `receipts ${uplink?.receiptsApplied ?? 0}`,
    `link ${isLinkCut ? 'CUT' : uplink?.isConnected ? 'up' : 'connecting'}`,
    `alert ${last?.code ?? 'none'}`,
  ].join('  ');
}
