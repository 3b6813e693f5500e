/**
 * One-time codes for enrolling many sites: a list of sites goes in, a list with a code each comes
 * out. Whoever shows the proof of an unused code is that site; a code is used once.
 */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeWhole } from '../agent/platform/durable-file.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { Random } from '../agent/platform/random.ts';
import { SECTOR } from '../protocols/uplink/advisory.ts';
import { type PublicKeyFacts, proofOfCode } from '../protocols/uplink/enrolment.ts';

/** Letters and digits that nobody mistakes for one another on paper. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const CODE_CHARACTERS = 20;
const CODE_GROUP = 5;
export const SITES_MAX = 10_000;
const HEADER = 'siteName,sector';

const codeSchema = z.object({
  code: z.string(),
  siteName: z.string(),
  sector: z.string().optional(),
  expiresMs: z.number(),
  /** agentId that used it. */
  usedBy: z.string().optional(),
});
export type EnrolmentCode = z.infer<typeof codeSchema>;

export class EnrolmentCodes {
  readonly #path: string;
  readonly #codes: EnrolmentCode[];

  /** `path`: a JSON file, readable by the hub's user alone. Throws OperatorFault. */
  constructor(path: string) {
    this.#path = path;
    try {
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '[]';
      this.#codes = z.array(codeSchema).parse(JSON.parse(text));
    } catch (cause) {
      throw new OperatorFault({
        code: 'HUB_ENROLMENT_CODES_UNUSABLE',
        problem: `The one-time codes in "${path}" can't be read.`,
        remedy: 'Restore the file or remove it; unused codes are worth nothing then.',
        cause,
      });
    }
  }

  /** One new code a site; the answer is CSV with the codes, for the sites. */
  add(sites: readonly Site[], expiresMs: number, random: Random): string {
    const fresh = sites.map((site) => ({ ...site, code: newCode(random), expiresMs }));
    this.#codes.push(...fresh);
    this.#write();
    const lines = fresh.map(({ siteName, sector, code }) =>
      [siteName, sector ?? '', code].map(csvField).join(','),
    );
    return `${HEADER},code\n${lines.join('\n')}\n`;
  }

  /** The site whose code was proved, or why there is none. */
  find(proof: string, key: PublicKeyFacts, nowMs: number): EnrolmentCode | 'unknown' | 'used' {
    const found = this.#codes.find(({ code }) => proofOfCode(code, key) === proof);
    if (found === undefined || found.expiresMs <= nowMs) return 'unknown';
    return found.usedBy === undefined || found.usedBy === key.signerId ? found : 'used';
  }

  use(code: EnrolmentCode, agentId: string): void {
    code.usedBy = agentId;
    this.#write();
  }

  #write(): void {
    writeWhole(this.#path, `${JSON.stringify(this.#codes, undefined, 2)}\n`, 0o600);
  }
}

export interface Site {
  readonly siteName: string;
  readonly sector?: string;
}

/** CSV with the columns siteName and sector (RFC 4180 quoting). Throws OperatorFault by line. */
export function readSites(path: string): Site[] {
  const [header, ...lines] = readFileSync(path, 'utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  if (header?.trim() !== HEADER && header?.trim() !== 'siteName') {
    throw badLine(path, 1, `its first line is not "${HEADER}"`);
  }
  const sites: Site[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const [siteName, sector = ''] = csvFields(line);
    if (siteName === undefined || siteName === '' || siteName.length > 256) {
      throw badLine(path, index + 2, 'a site needs a name of at most 256 characters');
    }
    if (sector !== '' && !SECTOR.test(sector)) {
      throw badLine(path, index + 2, `"${sector}" is no sector (lower-case letters and digits)`);
    }
    if (sites.length >= SITES_MAX) throw badLine(path, index + 2, `over ${SITES_MAX} sites`);
    sites.push({ siteName, ...(sector !== '' && { sector }) });
  }
  return sites;
}

function newCode(random: Random): string {
  let code = '';
  while (code.length < CODE_CHARACTERS) {
    for (const byte of random.bytes(CODE_CHARACTERS)) {
      // Bytes beyond the last whole round of the alphabet would favour its beginning.
      const isFair = byte < 256 - (256 % ALPHABET.length);
      if (isFair && code.length < CODE_CHARACTERS) code += ALPHABET[byte % ALPHABET.length];
    }
  }
  return (code.match(new RegExp(`.{${CODE_GROUP}}`, 'g')) ?? []).join('-');
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csvFields(line: string): string[] {
  const fields: string[] = [];
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    fields.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim());
  }
  return fields;
}

function badLine(path: string, line: number, problem: string): OperatorFault {
  return new OperatorFault({
    code: 'HUB_SITE_LIST_INVALID',
    problem: `${path}:${line}: ${problem}.`,
    remedy: 'Mend that line; nothing was enrolled, and no code was made.',
  });
}
