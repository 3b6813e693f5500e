/**
 * The contract files of the wire format, made from the tables that the codec runs on: the names
 * file for programs, and the CDDL (RFC 8610) for people and their tools.
 */
import { advisoryShape } from '../protocols/uplink/advisory.ts';
import { advisoryAnswerShape } from '../protocols/uplink/advisory-answer.ts';
import { alertShape } from '../protocols/uplink/alert.ts';
import { epochBeginsShape } from '../protocols/uplink/epoch-begins.ts';
import { evidenceShape } from '../protocols/uplink/evidence.ts';
import { keyRotationShape } from '../protocols/uplink/key-rotation.ts';
import { receiptShape } from '../protocols/uplink/receipt.ts';
import { ENCODING_REASONS, RULE_REASONS, SIGNATURE_REASONS } from '../protocols/uplink/refusal.ts';
import { renewalRequestShape, renewedCertificateShape } from '../protocols/uplink/renewal.ts';
import { requestShape } from '../protocols/uplink/request.ts';
import type { FieldAbout, ShapeAbout } from '../protocols/uplink/shape.ts';
import { statementShape } from '../protocols/uplink/statement.ts';
import { summaryShape } from '../protocols/uplink/summary.ts';
import { summaryDeltaShape } from '../protocols/uplink/summary-delta.ts';
import { tombstoneShape } from '../protocols/uplink/tombstone.ts';

export const NAMES_FILE = 'docs/wire-names.json';
export const CDDL_FILE = 'docs/wire-format.cddl';

const MESSAGES: readonly (readonly [string, ShapeAbout])[] = [
  ['epochBegins', epochBeginsShape.about],
  ['summary', summaryShape.about],
  ['alert', alertShape.about],
  ['receipt', receiptShape.about],
  ['tombstone', tombstoneShape.about],
  ['statement', statementShape.about],
  ['advisoryAnswer', advisoryAnswerShape.about],
  ['keyRotation', keyRotationShape.about],
  ['evidence', evidenceShape.about],
  ['request', requestShape.about],
  ['advisory', advisoryShape.about],
  ['summaryDelta', summaryDeltaShape.about],
  ['renewalRequest', renewalRequestShape.about],
  ['certificate', renewedCertificateShape.about],
];

/** Each message as a tree of `{type, ...}`; docs/wire-format.md explains the types. */
export function wireNames(): string {
  const names = {
    format: 'ft/v1',
    messages: Object.fromEntries(MESSAGES),
    reasons: {
      signature: SIGNATURE_REASONS,
      encoding: ENCODING_REASONS,
      rule: RULE_REASONS,
    },
  };
  return `${JSON.stringify(names, undefined, 1)}\n`;
}

const PREFACE = `; The wire format of fieldtap, ft/v1. Made by hub/make-wire-documents.ts from the
; tables in protocols/uplink: change those, never this file. The prose is docs/wire-format.md.

; Outer layer: RFC 9052 section 4.2. The payload byte string holds raw DEFLATE (RFC 1951) of one of
; the messages below.
signed-message = #6.18([
  protected: bstr .cbor protected-header,
  unprotected: {},
  payload: bstr,
  signature: bstr .size 64,
])

protected-header = {
  1: -8 / -7,  ; algorithm: EdDSA (Ed25519) or ES256
  4: bstr,     ; key id: UTF-8 of "agentId/keyNumber"
}

message = ${MESSAGES.map(([name]) => kebab(name)).join(' / ')}

agent-id = bstr .size 16
; 4 bytes IPv4, 16 bytes IPv6, 8 bytes pseudonym; text only for what is none of them
address = bstr .size 4 / bstr .size 16 / bstr .size 8 / tstr .size (0..64)
count = 0..9007199254740991
difference = -9007199254740991..9007199254740991
`;

export function wireCddl(): string {
  const rules = MESSAGES.flatMap(([name, about]) => rulesOf(kebab(name), about));
  return `${PREFACE}\n${rules.join('\n\n')}\n`;
}

/** The rule of a container and, before it, those of the containers inside. */
function rulesOf(name: string, about: ShapeAbout): string[] {
  switch (about.type) {
    case 'map': {
      const { rules, lines } = fieldsOf(
        name,
        about.fields,
        ({ key, optional }, type) => `${optional ? '? ' : ''}${key}: ${type}`,
      );
      return [...rules, block(name, '{', lines, '* uint => any', '}')];
    }
    case 'row': {
      const { rules, lines } = fieldsOf(
        name,
        about.fields,
        ({ optional, name: field }, type) => `${field}: ${type}${optional ? ' / null' : ''}`,
      );
      return [...rules, block(name, '[', lines, '* any', ']')];
    }
    case 'columns': {
      if (about.of.type !== 'row') return [];
      const { rules, lines } = fieldsOf(
        name,
        about.of.fields,
        ({ optional, name: field }, type) =>
          `${field}: [1*${about.max} (${type}${optional ? ' / null' : ''})]`,
      );
      return [...rules, block(name, '[] / [', lines, '* any', ']')];
    }
    default:
      return [];
  }
}

function fieldsOf(
  name: string,
  fields: readonly FieldAbout[],
  lineOf: (field: FieldAbout, type: string) => string,
): { rules: string[]; lines: string[] } {
  const rules: string[] = [];
  const lines: string[] = [];
  for (const field of fields) {
    const inner = field.of.type === 'list' ? field.of.of : field.of;
    const innerName = `${name}-${kebab(field.name)}`;
    rules.push(...rulesOf(innerName, inner));
    const type = typeOf(field.of, innerName);
    const note = noteOf(field.of);
    lines.push(`${lineOf(field, type)},  ; ${field.name}${note}`);
  }
  return { rules, lines };
}

function typeOf(about: ShapeAbout, name: string): string {
  switch (about.type) {
    case 'uint':
      return about.min === 0 && about.max === Number.MAX_SAFE_INTEGER
        ? 'count'
        : `${about.min}..${about.max}`;
    case 'number':
      return `${about.min.toFixed(1)}..${about.max.toFixed(1)} / ${about.min}..${about.max}`;
    case 'base':
      return 'count';
    case 'sinceBase':
    case 'difference':
      return 'difference';
    case 'bool':
      return 'bool';
    case 'agentId':
      return 'agent-id';
    case 'address':
      return 'address';
    case 'text':
      return `tstr .size (0..${about.bytesMax})`;
    case 'blob':
      return `bstr .size (0..${about.bytesMax})`;
    case 'bytes':
    case 'hex':
      return `bstr .size ${about.length}`;
    case 'choice':
      return `0..${about.words.length - 1}`;
    case 'constant':
      return String(about.code);
    case 'list':
      return `[0*${about.max} ${typeOf(about.of, name)}]`;
    case 'map':
    case 'row':
    case 'columns':
      return name;
    default:
      return about satisfies never;
  }
}

function noteOf(about: ShapeAbout): string {
  if (about.type === 'choice') {
    return `: ${about.words.map((word, code) => `${code} ${word}`).join(', ')}`;
  }
  if (about.type === 'constant') return `: "${about.word}"`;
  if (about.type === 'base') return ': UTC microseconds, the base of the message';
  if (about.type === 'sinceBase') return ': microseconds since the base';
  return '';
}

function block(
  name: string,
  open: string,
  lines: readonly string[],
  more: string,
  close: string,
): string {
  return `${name} = ${open}\n${[...lines, more].map((line) => `  ${line}`).join('\n')}\n${close}`;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
