/** An explained frame as a person reads it beside Wireshark, and as a program does. */
import { type ExplainedField, hexOfField } from '../../protocols/explain.ts';
import { describeLinkType } from '../../protocols/pcap/link-types.ts';
import { escapeText, escapeTextShort } from '../platform/wire-text.ts';
import type { FrameExplanation } from './explain-run.ts';

const NAME_CHARACTERS = 36;
const VALUE_CHARACTERS_MAX = 160;

/** Columns: offset in hexadecimal, length, name by depth, value; notes and bytes behind. */
export function explanationText(explanation: FrameExplanation): string {
  const { frame, timeUs, linkType, originalBytes, bytes, fields } = explanation;
  const cut = originalBytes > bytes.length ? `, ${bytes.length} captured` : '';
  const lines = [
    `Frame ${frame}, ${stampText(timeUs)}, ${originalBytes} bytes${cut}, link type ` +
      describeLinkType(linkType),
    'offset length  name',
  ];
  for (const field of fields) addLines(lines, field, 0, bytes);
  return `${lines.join('\n')}\n`;
}

/** One object; fields as a tree, each leaf with its first bytes in hexadecimal. */
export function explanationObject(explanation: FrameExplanation): object {
  const { frame, timeUs, linkType, originalBytes, bytes, fields } = explanation;
  return {
    frame,
    timeUs,
    linkType,
    originalBytes,
    capturedBytes: bytes.length,
    fields: fields.map((field) => fieldObject(field, bytes)),
  };
}

function addLines(lines: string[], field: ExplainedField, depth: number, bytes: Uint8Array): void {
  const offset = field.offset.toString(16).padStart(4, '0');
  const length = String(field.length).padStart(6);
  const name = `${'  '.repeat(depth)}${escapeText(field.name)}`.padEnd(NAME_CHARACTERS);
  const hex = hexOfField(field, bytes);
  const parts = [
    escapeTextShort(field.value, VALUE_CHARACTERS_MAX),
    hex === '' ? '' : `| ${hex}`,
    field.note === undefined ? '' : `<- ${escapeTextShort(field.note, VALUE_CHARACTERS_MAX)}`,
  ].filter((part) => part !== '');
  lines.push(`${offset} ${length}  ${name} ${parts.join('  ')}`.trimEnd());
  for (const child of field.children ?? []) addLines(lines, child, depth + 1, bytes);
}

function fieldObject(field: ExplainedField, bytes: Uint8Array): object {
  const { name, offset, length, value, note, children } = field;
  return {
    name,
    offset,
    length,
    ...(value !== '' && { value }),
    ...(note !== undefined && { note }),
    ...(children === undefined
      ? { hex: hexOfField(field, bytes) }
      : { children: children.map((child) => fieldObject(child, bytes)) }),
  };
}

/** A damaged stamp may lie outside what a date can hold. */
function stampText(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  if (Number.isNaN(date.getTime())) return `${timeUs} µs`;
  const microseconds = String(timeUs % 1_000_000).padStart(6, '0');
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}.${microseconds} UTC`;
}
