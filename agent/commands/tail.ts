/** `fieldtap tail`: observations and alerts of the running agent, a line each, as they come. */
import { alertLine, observationLine } from '../diagnostics/observation-text.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { followLive } from './live-client.ts';
import { type SocketOptions, socketOf } from './site-socket.ts';

export interface TailOptions extends SocketOptions {
  readonly json: boolean;
  /** Ends by itself after so many lines; 0 never. */
  readonly lines: number;
  /** Only these kinds of observation; all unless given. */
  readonly kind?: readonly string[];
}

export async function tail(options: TailOptions): Promise<number> {
  const socketPath = socketOf(options);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  process.stdout.once('error', end);
  if (process.stderr.isTTY) {
    process.stderr.write('fieldtap: observations as they come; Ctrl-C ends it.\n');
  }
  let written = 0;
  const print = (value: unknown, text: () => string): void => {
    if (options.lines > 0 && written >= options.lines) return;
    process.stdout.write(options.json ? `${escapeJson(JSON.stringify(value))}\n` : `${text()}\n`);
    written++;
    if (written === options.lines) end();
  };
  const isWanted = (kind: string): boolean => options.kind?.includes(kind) ?? true;
  await followLive(socketPath, stop.signal, ({ report, missedIntervals }) => {
    if (missedIntervals > 0) {
      print({ kind: 'missed', missedIntervals }, () => `(${missedIntervals} intervals not shown)`);
    }
    for (const observation of report.observations) {
      if (isWanted(observation.kind)) print(observation, () => observationLine(observation));
    }
    for (const alert of report.detections) {
      if (isWanted('alert')) print({ kind: 'alert', ...alert }, () => alertLine(alert));
    }
    const { observationsFolded: count } = report;
    if (count > 0) print({ kind: 'folded', count }, () => `(${count} more were only counted)`);
  });
  return 0;
}
