/**
 * DateTime: 100 ns since 1601-01-01 UTC as Int64 (OPC 10000-6 §5.2.2.5), given as ISO 8601 text in
 * UTC with milliseconds. Zero and below mean "no time" and are absent.
 */
import type { ByteReader } from './byte-reader.ts';

const MS_FROM_1601_TO_1970 = 11_644_473_600_000;
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59);
const TICKS_PER_MS = 10_000;
/** 2^32 ticks are 429,496 ms and 7,296 ticks. */
const HIGH_MS = 429_496;
const HIGH_TICKS = 7_296;

const MS_A_DAY = 86_400_000;
const twoDigits = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** The calendar day that was asked for last: `toISOString` took a third of a record's time. */
const lastDay = { number: Number.NaN, text: '' };

/** The time that was read last: the values of one message often share it. */
const lastTime = { low: 0, high: 0, text: '' };

export function dateTime(reader: ByteReader): string | undefined {
  const low = reader.readUInt32();
  const high = reader.readInt32();
  if (reader.isStopped || high < 0 || (high === 0 && low === 0)) return undefined;
  if (low === lastTime.low && high === lastTime.high) return lastTime.text;
  const ms = high * HIGH_MS + Math.floor((high * HIGH_TICKS + low) / TICKS_PER_MS);
  const sinceEpochMs = ms - MS_FROM_1601_TO_1970;
  lastTime.low = low;
  lastTime.high = high;
  lastTime.text = sinceEpochMs >= LAST_MS ? '9999-12-31T23:59:59Z' : isoText(sinceEpochMs);
  return lastTime.text;
}

function isoText(sinceEpochMs: number): string {
  const day = Math.floor(sinceEpochMs / MS_A_DAY);
  if (day !== lastDay.number) {
    lastDay.number = day;
    lastDay.text = new Date(day * MS_A_DAY).toISOString().slice(0, 'yyyy-mm-ddT'.length);
  }
  const msOfDay = sinceEpochMs - day * MS_A_DAY;
  const seconds = Math.floor(msOfDay / 1000);
  const hour = twoDigits[Math.floor(seconds / 3600)];
  const minute = twoDigits[Math.floor(seconds / 60) % 60];
  const fraction = String(1000 + (msOfDay % 1000)).slice(1);
  return `${lastDay.text}${hour}:${minute}:${twoDigits[seconds % 60]}.${fraction}Z`;
}
