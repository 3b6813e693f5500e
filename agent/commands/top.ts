/**
 * `fieldtap top`: the live view of a running agent. On a terminal a whole screen, drawn anew with
 * each interval and each change of its size; on a dumb one, or into a pipe, a line an interval.
 */
import { TopModel } from '../diagnostics/top-model.ts';
import { topScreen } from '../diagnostics/top-screen.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { agentStatus } from './control-client.ts';
import { followLive, notRunning } from './live-client.ts';
import { type SocketOptions, socketOf } from './site-socket.ts';

export interface TopOptions extends SocketOptions {
  readonly json: boolean;
  /** Ends by itself after so many intervals; 0 never. */
  readonly intervals: number;
}

/** DEC private modes: alternate screen, cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const ROWS_UNKNOWN = 24;
const COLUMNS_UNKNOWN = 80;

export async function top(options: TopOptions): Promise<number> {
  const socketPath = socketOf(options);
  const status = await agentStatus(socketPath);
  if (status === undefined) throw notRunning(socketPath);
  const { siteName } = status;
  const model = new TopModel();
  const stop = new AbortController();
  const output = process.stdout;
  const isScreen = output.isTTY === true && process.env.TERM !== 'dumb' && !options.json;
  const draw = (): void => {
    if (isScreen) drawScreen(model, siteName);
    else if (options.json) output.write(`${escapeJson(JSON.stringify(model.view()))}\n`);
    else output.write(`${lineOf(model)}\n`);
  };
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  output.once('error', end);
  if (isScreen) {
    output.write(`${ENTER}${HOME}waiting for the first second...`);
    output.on('resize', draw);
    onKey(end);
  }
  let intervals = 0;
  try {
    await followLive(socketPath, stop.signal, (interval) => {
      model.add(interval);
      draw();
      intervals++;
      if (intervals === options.intervals) end();
    });
  } finally {
    if (isScreen) {
      output.off('resize', draw);
      output.write(LEAVE);
      process.stdin.setRawMode?.(false);
      process.stdin.unref();
    }
  }
  return 0;
}

function drawScreen(model: TopModel, siteName: string): void {
  const { columns = COLUMNS_UNKNOWN, rows = ROWS_UNKNOWN } = process.stdout;
  const hasColours = process.env.NO_COLOR === undefined;
  const lines = topScreen(model.view(), siteName, { columns, rows }, hasColours);
  // No newline behind the last line: it would scroll the first one away.
  process.stdout.write(HOME + lines.join(`${CLEAR_LINE}\r\n`) + CLEAR_LINE + CLEAR_BELOW);
}

/** `q`, Ctrl-C and Ctrl-D end it: in raw mode the terminal makes no signals of them. */
function onKey(end: () => void): void {
  const { stdin } = process;
  if (!stdin.isTTY) return;
  stdin.setRawMode(true);
  stdin.on('data', (bytes: Uint8Array) => {
    if (bytes.includes(0x71) || bytes.includes(0x03) || bytes.includes(0x04)) end();
  });
}

function lineOf(model: TopModel): string {
  const view = model.view();
  const [busiest] = view.rows;
  const alerts = view.alerts.length === 0 ? '' : `, ${view.alerts.length} alerts`;
  return (
    `${Math.round(view.framesPerSecond)} frames/s, ` +
    `${Math.round(view.transactionsPerSecond)} transactions/s, ` +
    `${view.framesDropped} dropped, ${view.bytesMissed} bytes missed${alerts}` +
    (busiest === undefined ? '' : `; busiest ${busiest.client} -> ${busiest.server}`)
  );
}
