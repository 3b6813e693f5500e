/**
 * The log, as the rest of the program sees it: structured, one line a fact. The real one is pino
 * (loaded only by long-running commands); tests use `silentLog`.
 */
export interface Log {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};

/** Lines on standard error, which systemd's journal stores; `level` as pino names them. */
export async function openLog(level: string): Promise<Log> {
  const { pino } = await import('pino');
  const logger: Log = pino({ level, base: null }, pino.destination({ fd: 2, sync: true }));
  return logger;
}
