/** Times of a certificate (RFC 5280 §4.1.2.5): UTCTime until 2049, GeneralizedTime after. */
import { type DerElement, DerFault, GENERALIZED_TIME, UTC_TIME } from './der-reader.ts';

const UTC_TIME_TEXT = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME_TEXT = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const TEXT_BYTES_MAX = 32;

/** `2026-09-21T14:13:20Z`. */
export function certificateTime(bytes: Uint8Array, element: DerElement): string {
  const { tag, offset, end } = element;
  const isKnown = tag === UTC_TIME || tag === GENERALIZED_TIME;
  if (!isKnown || end - offset > TEXT_BYTES_MAX) throw new DerFault('no time', offset);
  let text = '';
  for (let at = offset; at < end; at++) text += String.fromCharCode(bytes[at]);
  const parts = (tag === UTC_TIME ? UTC_TIME_TEXT : GENERALIZED_TIME_TEXT).exec(text);
  if (parts === null) throw new DerFault('a time of another form', offset);
  const [, first, month, day, hour, minute, second] = parts;
  const year = tag === UTC_TIME ? `${Number(first) < 50 ? 20 : 19}${first}` : first;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}
