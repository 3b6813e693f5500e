/** What the tools on site can't do: each by its code, before anything is written, with what to do. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fieldtap } from '../../hil-tests/bench-process.ts';
import { encodeArchiveRecord } from '../../protocols/uplink/archive.ts';
import { sampleSigner } from '../../protocols/uplink/sample-keys.ts';
import { openAgentIdentity } from '../uplink/credentials.ts';
import { runSender } from './probe-run.ts';

interface Place {
  readonly folder: string;
  /** With an uplink and a key, and a configuration without either. */
  readonly config: string;
  readonly bare: string;
  readonly keyless: string;
}

function place(context: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'ft-refusals-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, uplink: string): string => {
    const path = join(folder, `${name}.yaml`);
    const capture = 'capture: { interfaces: [{ name: eth77 }] }';
    writeFileSync(path, `${capture}\nbuffer: { path: ${name}.db }\n${uplink}`);
    return path;
  };
  const uplink = (credentials: string): string =>
    `uplink: { broker: "mqtt://127.0.0.1:1", credentials: ${credentials} }\n`;
  openAgentIdentity(join(folder, 'enrolment'));
  mkdirSync(join(folder, 'stick'));
  return {
    folder,
    config: write('enrolled', uplink('enrolment')),
    bare: write('bare', ''),
    keyless: write('keyless', uplink('nothing')),
  };
}

interface Case {
  readonly code: string;
  readonly words: (place: Place) => readonly string[];
  readonly says: RegExp;
  readonly before?: (place: Place) => void;
}

const stick = ({ folder }: Place): string => join(folder, 'stick');
/** No folder can be there, whoever asks. */
const NOWHERE = '/proc/version/none';

/** As another gateway left it on the same stick. */
function writeForeignArchive(place: Place): void {
  const { agentId } = openAgentIdentity(join(place.folder, 'enrolment'));
  const other = sampleSigner('another gateway');
  const { signerId, keyNumber, algorithm } = other;
  const publicKeyHex = Buffer.from(other.publicKey).toString('hex');
  const key = { role: 'agent', signerId, keyNumber, algorithm, publicKeyHex } as const;
  const bytes = encodeArchiveRecord({ kind: 'key', key });
  writeFileSync(join(stick(place), `${agentId}.ftar`), bytes);
}

// biome-ignore format: one case per line
const cases: readonly Case[] = [
  { code: 'SETUP_ANSWER_UNUSABLE',    words: ({ folder }) => ['setup', '--config', join(folder, 'new.yaml'), '--sector', 'Water!'], says: /site\.sector .*lower-case/ },
  { code: 'SETUP_CONFIG_NOT_WRITTEN', words: () => ['setup', '--config', join(NOWHERE, 'x.yaml')], says: /root.*--config/ },
  { code: 'BUNDLE_NOT_WRITTEN',       words: ({ config }) => ['bundle', '--config', config, '--yes', '--to', join(NOWHERE, 'x.tar.gz')], says: /--to/ },
  { code: 'EXPORT_NO_UPLINK',         words: (at) => ['export', '--to', stick(at), '--config', at.bare], says: /Add uplink/ },
  { code: 'EXPORT_NO_IDENTITY',       words: (at) => ['export', '--to', stick(at), '--config', at.keyless], says: /as its user or root/ },
  { code: 'EXPORT_OTHER_AGENT',       words: (at) => ['export', '--to', stick(at), '--config', at.config], before: writeForeignArchive, says: /another folder/ },
  { code: 'EXPORT_SPAN_UNREADABLE',   words: (at) => ['export', '--to', stick(at), '--config', at.config, '--from', 'yesterday'], says: /"yesterday".*2026-11-25/ },
  { code: 'EXPORT_STICK_UNUSABLE',    words: ({ config }) => ['export', '--to', NOWHERE, '--config', config], says: /mounted/ },
];

for (const { code, words, says, before } of cases) {
  test(`${code} says what to do`, async (context) => {
    const at = place(context);
    before?.(at);
    const { exitCode, stderr } = await fieldtap(words(at));
    assert.equal(exitCode, 1);
    assert.ok(stderr.includes(`[${code}]`), stderr);
    assert.match(stderr, says);
    assert.equal(stderr.trim().split('\n').length, 1, 'one sentence, no stack');
  });
}

test('a sender that does not end in time is ended', async (context) => {
  const { folder } = place(context);
  const plan = {
    protocol: 'opcua',
    endpointUrl: 'opc.tcp://127.0.0.1:1',
    hasSession: false,
    storeFolder: folder,
    timeoutMs: 1,
  } as const;
  const { failed, sent } = await runSender(plan, () => {}, 1);
  assert.equal(failed?.code, 'PROBE_TIMED_OUT');
  assert.deepEqual(sent, []);
});

for (const path of [NOWHERE, '/nowhere/fieldtap']) {
  test(`a sender whose program is gone (${path}) is no silence of the device`, async (context) => {
    const program = process.execPath;
    context.after(() => {
      process.execPath = program;
    });
    process.execPath = path;
    const plan = {
      protocol: 'opcua',
      endpointUrl: 'opc.tcp://127.0.0.1:1',
      hasSession: false,
      storeFolder: place(context).folder,
      timeoutMs: 1000,
    } as const;
    const { failed, sent } = await runSender(plan, () => {}, 1000);
    assert.equal(failed?.code, 'PROBE_NOT_STARTED');
    assert.deepEqual(sent, []);
  });
}
