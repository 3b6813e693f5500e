/**
 * A site that never has a link: what it signed goes to the hub on a stick and the receipts come back.
 * A torn stick is gone on with, a second one is known already, a tampered one is refused by name.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SiteBuffer } from '../../buffer/site-buffer.ts';
import { eventually, fieldtap, startFieldtap, startHub } from '../../hil-tests/bench-process.ts';
import { ArchiveReader, encodeArchiveRecord } from '../../protocols/uplink/archive.ts';
import { STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../../protocols/uplink/open.ts';
import { sampleEpochBegins, sampleSummary } from '../../protocols/uplink/sample-messages.ts';
import { SystemClock } from '../platform/clock.ts';
import { SystemRandom } from '../platform/random.ts';
import { openAgentIdentity } from '../uplink/credentials.ts';

const SUMMARIES = 1000;
const CAPTURE = join(import.meta.dirname, '../../hil-tests/captures/bench.pcap');

/** A site with so many summaries that nobody has confirmed. */
function makeSite(
  folder: string,
  summaries = SUMMARIES,
): { config: string; agentId: string; credentials: string } {
  const credentials = join(folder, 'enrolment');
  const { agentId, signer } = openAgentIdentity(credentials);
  const path = join(folder, 'buffer.db');
  const around = { clock: new SystemClock(), random: new SystemRandom() };
  const buffer = SiteBuffer.open({ path, quotaMiB: 64, ...around });
  buffer.signAs({
    agentId,
    epochBegins: (position, facts) => {
      const begins = sampleEpochBegins(agentId, position.stream);
      return sealAgentMessage(signer, { ...begins, ...position, ...facts });
    },
  });
  for (let count = 0; count < summaries; count++) {
    const result = buffer.append(STREAM_SUMMARIES, (position) =>
      sealAgentMessage(signer, { ...sampleSummary(agentId, position.sequence), ...position }),
    );
    assert.equal(result.kind, 'appended');
  }
  buffer.close();
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `site: { name: Far away, sector: water }
capture: { file: ${CAPTURE} }
buffer: { path: buffer.db, quotaMiB: 64 }
uplink: { broker: "mqtt://127.0.0.1:1", credentials: enrolment, summaryIntervalMs: 3600000 }
diagnostics: { socket: agent.sock }
`,
  );
  return { config, agentId, credentials };
}

function makeHub(folder: string, agentId: string, credentials: string): string {
  mkdirSync(join(folder, 'agents'), { recursive: true });
  copyFileSync(join(credentials, 'agent.json'), join(folder, 'agents', `${agentId}.json`));
  const config = join(folder, 'hub.yaml');
  writeFileSync(
    config,
    `broker: { url: "mqtt://127.0.0.1:1" }
database: { path: hub.db }
keys: keys
agents: agents
logLevel: error
`,
  );
  return config;
}

test('1,000 summaries to the hub on a stick, receipts back, deletion', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-usb-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const stick = join(folder, 'stick');
  mkdirSync(stick);
  const { config, agentId, credentials } = makeSite(folder);
  const hub = makeHub(join(folder, 'hub'), agentId, credentials);
  const file = join(stick, `${agentId}.ftar`);
  const exported = await fieldtap(['export', '--to', stick, '--config', config, '--json']);
  assert.equal(exported.exitCode, 0, exported.stderr);
  // The first message of each of the two streams is epochBegins.
  assert.equal(JSON.parse(exported.stdout).messagesWritten, SUMMARIES + 2);

  const spans = [
    { words: ['--until', '2001-01-01'], messages: 0 },
    { words: ['--from', '2001-01-01', '--until', '2999-01-01T00:00Z'], messages: SUMMARIES + 2 },
  ];
  for (const [at, { words, messages }] of spans.entries()) {
    const to = join(folder, `span-${at}`);
    mkdirSync(to);
    const spanned = await fieldtap(['export', '--to', to, '--config', config, '--json', ...words]);
    assert.equal(JSON.parse(spanned.stdout).messagesWritten, messages, words.join(' '));
  }
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, Math.floor(whole.length / 2)));
  const resumed = await fieldtap(['export', '--to', stick, '--config', config, '--json']);
  const { messagesWritten, messagesThere, bytesCutOff } = JSON.parse(resumed.stdout);
  assert.equal(messagesWritten + messagesThere, SUMMARIES + 2, 'a torn stick is gone on with');
  assert.ok(messagesThere > 0 && bytesCutOff > 0);

  const receipts = join(stick, 'receipts.ftar');
  const imported = await startHub([
    'import',
    file,
    '--receipts',
    receipts,
    '--config',
    hub,
    '--json',
  ]).ended();
  assert.equal(imported.exitCode, 0, imported.stderr + imported.stdout);
  assert.equal(JSON.parse(imported.stdout).stored, SUMMARIES + 2);
  const words = ['import', file, '--receipts', receipts, '--config', hub, '--json'];
  const again = await startHub(words).ended();
  assert.deepEqual(
    [again.exitCode, JSON.parse(again.stdout).duplicates, JSON.parse(again.stdout).stored],
    [0, SUMMARIES + 2, 0],
  );
  assert.equal(again.stderr, '', 'receipts of the last time are replaced by those of today');
  const precious = join(folder, 'precious');
  writeFileSync(precious, 'no receipts at all');
  const refused = await startHub(['import', file, '--receipts', precious, '--config', hub]).ended();
  assert.match(
    refused.stderr,
    /no file of receipts; nothing was imported.*HUB_ARCHIVE_NOT_WRITTEN/,
  );
  assert.equal(readFileSync(precious, 'utf8'), 'no receipts at all');
  const tampered = await startHub(['import', tamper(file), '--config', hub, '--json']).ended();
  assert.equal(tampered.exitCode, 1);
  assert.deepEqual(JSON.parse(tampered.stdout).reasons, { signatureInvalid: 1 });

  copyFileSync(
    join(folder, 'hub', 'keys', 'receipt-key.json'),
    join(credentials, 'receipt-key.json'),
  );
  const agent = startFieldtap(['run', '--config', config]);
  context.after(() => agent.stop());
  const waiting = async (): Promise<number | undefined> => {
    const { stdout } = await fieldtap(['status', '--json', '--config', config]);
    return stdout === '' ? undefined : JSON.parse(stdout).uplink.outboxMessages;
  };
  const before = await eventually(waiting, 'the agent');
  const nothing = await fieldtap(['import', join(folder, 'none'), '--config', config]);
  assert.match(nothing.stderr, /\[IMPORT_UNREADABLE\]/);
  const back = await fieldtap(['import', receipts, '--config', config, '--json']);
  assert.equal(back.exitCode, 0, back.stderr + back.stdout);
  assert.equal(JSON.parse(back.stdout).receiptsTaken, 2);
  const after = await waiting();
  assert.ok(
    before > SUMMARIES && after !== undefined && after < 50,
    `${before} before, ${after} after`,
  );

  const next = join(folder, 'next');
  mkdirSync(next);
  const rest = await fieldtap(['export', '--to', next, '--config', config, '--json']);
  const { messagesWritten: left } = JSON.parse(rest.stdout);
  assert.ok(left < 50, `only what has no receipt is carried again: ${left}`);

  writeFileSync(receipts, flip(readFileSync(receipts)));
  const broken = await fieldtap(['import', receipts, '--config', config]);
  assert.equal(broken.exitCode, 1);
  assert.match(broken.stdout, /damaged|refused/);
});

test('an advisory on the stick: checked, shown, never rolled back, never of somebody else', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-usb-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const stick = join(folder, 'stick');
  mkdirSync(stick);
  const { config, agentId, credentials } = makeSite(folder, 3);
  const hub = makeHub(join(folder, 'hub'), agentId, credentials);
  assert.equal((await fieldtap(['export', '--to', stick, '--config', config])).exitCode, 0);
  const file = join(stick, `${agentId}.ftar`);
  const back = async (at: string, name: string): Promise<string> => {
    const path = join(folder, name);
    await advise(at);
    const words = ['import', file, '--receipts', path, '--config', at, '--json'];
    const { exitCode, stderr } = await startHub(words).ended();
    assert.equal(exitCode, 0, stderr);
    return path;
  };
  const first = await back(hub, 'first.ftar');
  const second = await back(hub, 'second.ftar');
  const stranger = await back(makeHub(join(folder, 'other'), agentId, credentials), 'other.ftar');
  for (const key of ['receipt-key.json', 'advisory-key.json']) {
    copyFileSync(join(folder, 'hub', 'keys', key), join(credentials, key));
  }
  const agent = startFieldtap(['run', '--config', config]);
  context.after(() => agent.stop());
  const status = (): Promise<string> =>
    fieldtap(['status', '--config', config]).then(({ stdout }) => stdout);
  await eventually(async () => ((await status()) === '' ? undefined : true), 'the agent');
  const taken = async (path: string): Promise<readonly [number, number, string]> => {
    const words = ['import', path, '--config', config, '--json'];
    const { exitCode, stdout } = await fieldtap(words);
    const { advisoriesTaken, refused } = JSON.parse(stdout);
    return [exitCode, advisoriesTaken, refused.join()];
  };

  assert.deepEqual(await taken(first), [0, 1, '']);
  assert.match(await status(), /advisories 1 of the hub.*\n {2}FT-1 {2}Writes from outside/);
  assert.deepEqual(await taken(second), [0, 1, '']);
  const [exitCode, count, why] = await taken(first);
  assert.deepEqual([exitCode, count], [1, 0]);
  assert.match(why, /"FT-1" revision 1 after 2.*UPLINK_ADVISORY_REFUSED/);
  for (const path of [tamperAdvisory(second), stranger]) {
    const [code, advisories, reason] = await taken(path);
    assert.deepEqual([code, advisories], [1, 0]);
    assert.match(reason, /signatureInvalid|keyUnknown/);
  }
  const listed = await fieldtap(['advisories', '--config', config, '--json']);
  assert.match(listed.stdout, /"revision":2/);
});

/** Signs one more revision; its broker is dead, so that it can leave on a stick alone. */
async function advise(hub: string): Promise<void> {
  const path = `${hub}.advisory`;
  writeFileSync(
    path,
    `advisoryId: FT-1
sector: water
validHours: 24
tlp: amber
headline: Writes from outside
advice: Compare the set points.
`,
  );
  const { stderr } = await startHub(['advise', '--file', path, '--config', hub]).ended();
  assert.match(stderr, /HUB_ADVISORY_NOT_PUBLISHED/);
}

function tamperAdvisory(file: string): string {
  const pieces: Uint8Array[] = [];
  for (const item of new ArchiveReader().push(readFileSync(file))) {
    if (item.kind === 'damaged') continue;
    const bytes = 'bytes' in item ? Uint8Array.from(item.bytes) : undefined;
    if (item.kind === 'advisory' && bytes !== undefined) bytes[bytes.length - 1] ^= 1;
    pieces.push(
      encodeArchiveRecord(item.kind === 'advisory' && bytes ? { kind: 'advisory', bytes } : item),
    );
  }
  const path = `${file}.tampered.ftar`;
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

/** One message changed and its checksum made right again: only the signature can tell. */
function tamper(file: string): string {
  const reader = new ArchiveReader();
  const pieces: Uint8Array[] = [];
  let messages = 0;
  for (const item of reader.push(readFileSync(file))) {
    if (item.kind === 'damaged') continue;
    if (item.kind === 'message' && messages++ === 500) {
      const bytes = Uint8Array.from(item.bytes);
      bytes[bytes.length - 100] ^= 1;
      pieces.push(encodeArchiveRecord({ kind: 'message', bytes }));
    } else {
      pieces.push(encodeArchiveRecord(item));
    }
  }
  const path = `${file}.tampered`;
  writeFileSync(path, Buffer.concat(pieces));
  return path;
}

function flip(bytes: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[flipped.length - 20] ^= 1;
  return flipped;
}
