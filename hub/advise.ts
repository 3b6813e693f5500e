/**
 * Advisories on their way out: a YAML file becomes a signed message, and what the hub has published
 * is kept beside its keys, so that a revision never goes back and can be asked about later.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { writeWhole } from '../agent/platform/durable-file.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import {
  ADVISORY_ID,
  INDICATORS_MAX,
  SECTOR,
  SECTOR_ALL,
  TLP_MARKS,
} from '../protocols/uplink/advisory.ts';
import type { Advisory } from '../protocols/uplink/messages.ts';
import { sealAdvisory } from '../protocols/uplink/open.ts';
import type { Signer } from '../protocols/uplink/signature.ts';

/** Below `keys`: one file for each revision that was published. */
export const ADVISORIES_FOLDER = 'advisories';
const HOUR_MS = 3_600_000;
const byte = z.int().min(0).max(255);

const fileSchema = z.strictObject({
  advisoryId: z.string().regex(ADVISORY_ID),
  /** Absent: one more than the last published one. */
  revision: z.int().min(1).optional(),
  sector: z.string().regex(SECTOR).default(SECTOR_ALL),
  /** From now. */
  validHours: z
    .number()
    .positive()
    .max(24 * 366),
  tlp: z.enum(TLP_MARKS),
  headline: z.string().min(1),
  advice: z.string().min(1),
  indicators: z
    .strictObject({
      addresses: z.array(z.string()).max(INDICATORS_MAX).default([]),
      functionCodes: z.array(byte).max(INDICATORS_MAX).default([]),
      unitIds: z.array(byte).max(INDICATORS_MAX).default([]),
      nodeIds: z.array(z.string()).max(INDICATORS_MAX).default([]),
    })
    .optional(),
});

/** One revision that was published; `messageHex` are the signed bytes. */
const publishedSchema = z.object({
  advisoryId: z.string(),
  revision: z.int(),
  sector: z.string(),
  issuedMs: z.number(),
  expiresMs: z.number(),
  headline: z.string(),
  messageHex: z.string(),
});
export type PublishedAdvisory = z.infer<typeof publishedSchema>;

export interface PreparedAdvisory {
  readonly advisory: Advisory;
  readonly bytes: Uint8Array;
}

/** Reads and signs; throws OperatorFault for what can't be published. */
export function prepareAdvisory(
  text: string,
  path: string,
  signer: Signer,
  published: readonly PublishedAdvisory[],
  nowMs: number,
): PreparedAdvisory {
  const document = parseDocument(text, { uniqueKeys: true });
  const [syntax] = document.errors;
  if (syntax !== undefined) throw invalid(path, syntax.message.split('\n')[0]);
  const parsed = fileSchema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!parsed.success) {
    const told = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
    throw invalid(path, told.join('; '));
  }
  const { validHours, revision, indicators, ...facts } = parsed.data;
  const last = published
    .filter(({ advisoryId }) => advisoryId === facts.advisoryId)
    .reduce((highest, one) => Math.max(highest, one.revision), 0);
  if (revision !== undefined && revision <= last) {
    throw invalid(path, `revision ${revision} is not above ${last}, which is published already`);
  }
  const advisory: Advisory = {
    kind: 'advisory',
    ...facts,
    revision: revision ?? last + 1,
    issuedMs: nowMs,
    expiresMs: nowMs + Math.round(validHours * HOUR_MS),
    ...(indicators && { indicators }),
  };
  try {
    return { advisory, bytes: sealAdvisory(signer, advisory) };
  } catch (cause) {
    // The codec refuses to sign what no agent would take: over 4 KiB, or a field over its limit.
    if (!(cause instanceof RangeError)) throw cause;
    throw invalid(path, cause.message);
  }
}

/** Written before it is published: a revision is spent once it may have left. */
export function keepPublished(folder: string, { advisory, bytes }: PreparedAdvisory): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { advisoryId, revision, sector, issuedMs, expiresMs, headline } = advisory;
  const messageHex = Buffer.from(bytes).toString('hex');
  const facts = { advisoryId, revision, sector, issuedMs, expiresMs, headline, messageHex };
  const path = join(folder, `${advisoryId}.${revision}.json`);
  writeWhole(path, `${JSON.stringify(facts, undefined, 2)}\n`, 0o644);
}

/** The latest first. */
export function readPublished(folder: string): PublishedAdvisory[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const parsed = publishedSchema.safeParse(
        JSON.parse(readFileSync(join(folder, name), 'utf8')),
      );
      return parsed.success ? [parsed.data] : [];
    })
    .sort((a, b) => b.issuedMs - a.issuedMs);
}

/** The signed bytes of the last revision of each that still holds, for sites without a link. */
export function currentAdvisories(folder: string, nowMs: number): Uint8Array[] {
  const latest = new Map<string, PublishedAdvisory>();
  for (const each of readPublished(folder)) {
    const known = latest.get(each.advisoryId);
    if (known === undefined || each.revision > known.revision) latest.set(each.advisoryId, each);
  }
  return [...latest.values()]
    .filter(({ expiresMs }) => expiresMs > nowMs)
    .map(({ messageHex }) => Buffer.from(messageHex, 'hex'));
}

function invalid(path: string, problem: string): OperatorFault {
  return new OperatorFault({
    code: 'HUB_ADVISORY_INVALID',
    problem: `The advisory "${path}" is not accepted: ${problem}.`,
    remedy: 'Mend the file; hub/README.md shows one. Nothing was published.',
  });
}
