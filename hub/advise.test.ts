/** What may be published as an advisory, and what an agent makes of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ADVISORY_BYTES_MAX } from '../protocols/uplink/advisory.ts';
import { openAdvisory } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { verificationKey } from '../protocols/uplink/signature.ts';
import { keepPublished, type PublishedAdvisory, prepareAdvisory, readPublished } from './advise.ts';
import { openAdvisorySigner } from './advisory-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'hub-advise-'));
after(() => rmSync(folder, { recursive: true }));
const NOW_MS = 1_790_000_000_000;
const signer = openAdvisorySigner(folder, sampleSigner('hub').signerId);
const TEXT = `advisoryId: 2026-007
sector: water
validHours: 24
tlp: amber
headline: Writes to pump controllers
advice: Compare the set points.
indicators: { functionCodes: [16], addresses: [203.0.113.7] }
`;

function prepare(text: string, published: readonly PublishedAdvisory[] = []) {
  return prepareAdvisory(text, 'advisory.yaml', signer, published, NOW_MS);
}

test('signed by the advisory key, for its sector alone', () => {
  const { bytes, advisory } = prepare(TEXT);
  const key = verificationKey('Ed25519', signer.publicKey);
  const opened = openAdvisory(bytes, () => key, 'water');
  assert.ok(opened.kind === 'opened');
  assert.deepEqual(opened.message, advisory);
  assert.deepEqual([advisory.revision, advisory.expiresMs - NOW_MS], [1, 86_400_000]);
  assert.equal(openAdvisory(bytes, () => key, 'power').kind, 'refused');
  const foreign = verificationKey('Ed25519', sampleSigner('stranger').publicKey);
  const refused = openAdvisory(bytes, () => foreign, 'water');
  assert.ok(refused.kind === 'refused' && refused.reason === 'signatureInvalid');
});

test('revisions only rise, also after a restart', () => {
  keepPublished(join(folder, 'kept'), prepare(TEXT));
  const published = readPublished(join(folder, 'kept'));
  assert.equal(prepare(TEXT, published).advisory.revision, 2);
  assert.throws(() => prepare(`${TEXT}revision: 1\n`, published), /not above 1/);
});

// biome-ignore format: one case per line
const faults = [
  { name: 'an unknown key',        text: `${TEXT}run: rm\n`,                                  told: /run/ },
  { name: 'no expiry',             text: TEXT.replace('validHours: 24\n', ''),                told: /validHours/ },
  { name: 'an unknown mark',       text: TEXT.replace('amber', 'pink'),                       told: /tlp/ },
  { name: 'a function code of 256', text: TEXT.replace('[16]', '[256]'),                      told: /functionCodes/ },
  { name: 'an id with a slash',    text: TEXT.replace('2026-007', '../7'),                    told: /advisoryId/ },
  { name: 'no YAML',               text: 'a: [',                                              told: /not accepted/ },
] as const;

for (const { name, text, told } of faults) {
  test(`not published: ${name}`, () => {
    assert.throws(() => prepare(text), told);
  });
}

test('what is over 4 KiB when signed is not published', () => {
  const noise = Array.from({ length: 64 }, (_, index) => `"ns=2;s=${noiseOf(index)}"`).join(', ');
  const text = TEXT.replace('functionCodes: [16]', `nodeIds: [${noise}]`);
  assert.throws(() => prepare(text), new RegExp(`over ${ADVISORY_BYTES_MAX}`));
});

/** Text that doesn't compress. */
function noiseOf(seed: number): string {
  let text = '';
  for (let at = 1; text.length < 120; at++) {
    text += Math.floor(Math.abs(Math.sin(seed * 97 + at)) * 2 ** 40).toString(36);
  }
  return text.slice(0, 120);
}
