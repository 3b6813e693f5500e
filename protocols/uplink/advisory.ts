/**
 * `advisory`: a warning of the hub to all sites of a sector, retained on `ft/v1/adv/{sector}` and
 * signed by the advisory key. Text is for people, indicators are data: nothing is executed.
 */
import { KEY_KIND, KIND_ADVISORY } from './identity.ts';
import type { Advisory, AdvisoryIndicators } from './messages.ts';
import { field, map, optional, type Shape } from './shape.ts';
import { address, choice, constant, list, text, uint } from './shape-types.ts';

/** The signed bytes: an advisory has to cross the slowest link within seconds. */
export const ADVISORY_BYTES_MAX = 4096;
export const ADVISORY_ID_BYTES_MAX = 64;
export const ADVISORY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** The sector whose advisories every agent reads. */
export const SECTOR_ALL = 'all';
export const SECTOR = /^[a-z][a-z0-9-]{0,31}$/;
export const INDICATORS_MAX = 64;
export const HEADLINE_BYTES_MAX = 256;
export const ADVISORY_ADVICE_BYTES_MAX = 3072;

const SECTOR_BYTES_MAX = 32;
const NODE_ID_BYTES_MAX = 256;
/** Traffic Light Protocol 2.0 (FIRST). */
export const TLP_MARKS: readonly Advisory['tlp'][] = [
  'clear',
  'green',
  'amber',
  'amberStrict',
  'red',
];

const byte = uint(255);

export const advisoryShape: Shape<Advisory> = map<Advisory>({
  kind: field(KEY_KIND, constant(KIND_ADVISORY, 'advisory')),
  advisoryId: field(2, text(ADVISORY_ID_BYTES_MAX)),
  revision: field(3, uint(Number.MAX_SAFE_INTEGER, 1)),
  sector: field(4, text(SECTOR_BYTES_MAX)),
  issuedMs: field(5, uint()),
  expiresMs: field(6, uint()),
  tlp: field(10, choice(TLP_MARKS)),
  headline: field(11, text(HEADLINE_BYTES_MAX)),
  advice: field(12, text(ADVISORY_ADVICE_BYTES_MAX)),
  indicators: optional(
    13,
    map<AdvisoryIndicators>({
      addresses: field(1, list(INDICATORS_MAX, address)),
      functionCodes: field(2, list(INDICATORS_MAX, byte)),
      unitIds: field(3, list(INDICATORS_MAX, byte)),
      nodeIds: field(4, list(INDICATORS_MAX, text(NODE_ID_BYTES_MAX))),
    }),
  ),
});
