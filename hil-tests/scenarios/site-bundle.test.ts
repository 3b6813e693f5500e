/**
 * What leaves a gateway by hand holds no secret: a password that crossed the network and secrets in
 * the configuration's comments are planted, and looked for in the support file, on the stick (also
 * inside its compressed messages) and in the preview, at the sharing level that tells most.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, fieldtap, startFieldtap } from '../bench-process.ts';
import { readMessage, textsIn } from '../wire-reader.ts';

/** The bench's OPC UA client logs in with it, in clear, in captures/bench.pcap. */
const CAPTURE = join(import.meta.dirname, '../captures/bench.pcap');
const PLANTED = ['hunter2-in-a-comment', 'AAAAsecretkeybytes', 'user:pa55word'];

test('support file: said first, signed, and without any secret', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-bundle-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `# password: ${PLANTED[0]}
# -----BEGIN PRIVATE KEY-----
# ${PLANTED[1]}
# -----END PRIVATE KEY-----
# old broker: mqtts://${PLANTED[2]}@hub.example:8883
site: { name: Bench, sharing: full }
capture: { file: ${CAPTURE} }
buffer: { path: buffer.db, quotaMiB: 64 }
uplink: { broker: "mqtt://127.0.0.1:1", credentials: enrolment, summaryIntervalMs: 1000 }
diagnostics: { socket: agent.sock }
`,
  );
  mkdirSync(join(folder, 'enrolment'));
  writeFileSync(join(folder, 'enrolment', 'receipt-key.json'), receiptKey());
  const agent = startFieldtap(['run', '--config', config]);
  context.after(() => agent.stop());
  await eventually(async () => {
    const { stdout } = await fieldtap(['status', '--json', '--config', config]);
    return stdout.includes('OPCUA_PASSWORD_CLEAR_TEXT') || undefined;
  }, 'the password to be seen on the wire');
  const passwords = passwordsInCapture();

  const file = join(folder, 'support.tar.gz');
  const refused = startFieldtap(['bundle', '--config', config, '--to', file]);
  refused.hangUp();
  const unasked = await refused.ended();
  assert.equal(unasked.exitCode, 2);
  assert.match(unasked.stdout, /will hold.*\n.*versions\.json/);
  assert.ok(!existsSync(file), 'nothing is written without a yes');

  const words = ['bundle', '--config', config, '--to', file, '--record', '2', '--yes'];
  const written = await fieldtap(words);
  assert.equal(written.exitCode, 0, written.stderr);
  assert.match(written.stdout, /signed by [a-z2-7]{26}/);
  const inside = join(folder, 'inside');
  mkdirSync(inside);
  execFileSync('tar', ['xzf', file, '-C', inside]);
  const names = readdirSync(inside).sort();
  for (const name of PARTS) assert.ok(names.includes(name), `${name} is inside`);
  assert.match(readFileSync(join(inside, 'alerts.json'), 'utf8'), /OPCUA_PASSWORD_CLEAR_TEXT/);
  assertSigned(inside);
  assert.match(readFileSync(join(inside, 'recording.ndjson'), 'utf8'), /"before"[\s\S]*"after"/);

  const stick = join(folder, 'stick');
  mkdirSync(stick);
  assert.equal((await fieldtap(['export', '--to', stick, '--config', config])).exitCode, 0);
  const key = readFileSync(join(folder, 'site.key'));
  const told = await fieldtap(['preview', '--count', '100', '--json', '--config', config]);
  const shown = await fieldtap(['preview', '--count', '100', '--config', config]);
  const secrets = [...PLANTED, ...passwords, key.toString('hex'), key.toString('latin1')];
  const looks = [
    { what: 'preview --json', bytes: Buffer.from(told.stdout) },
    { what: 'preview', bytes: Buffer.from(shown.stdout) },
    ...[inside, stick].flatMap((place) =>
      readdirSync(place).map((name) => ({ what: name, bytes: readFileSync(join(place, name)) })),
    ),
    ...readdirSync(stick).map((name) => ({
      what: `the messages in ${name}`,
      bytes: Buffer.from(messagesIn(readFileSync(join(stick, name))), 'latin1'),
    })),
  ];
  for (const { what, bytes } of looks) {
    for (const secret of secrets) {
      const plain = Buffer.from(secret, 'latin1');
      assert.ok(!bytes.includes(plain), `a secret is in ${what}`);
      assert.ok(!bytes.includes(plain.toString('hex')), `a secret is in ${what}, as hex`);
    }
  }
  // That the messages were looked into: at this level they name the bench's server.
  const last = looks.at(-1)?.bytes;
  assert.ok(last?.includes(Buffer.from(BENCH_ADDRESS).toString('hex')), 'messages are read');
  assert.match(told.stdout, /"kind":"summary"/);
});

const PARTS = [
  'versions.json',
  'config.yaml',
  'doctor.txt',
  'doctor.json',
  'status.json',
  'alerts.json',
  'metrics.txt',
  'log.txt',
  'recording.ndjson',
];
/** 127.0.0.1, as a summary has it. */
const BENCH_ADDRESS = [127, 0, 0, 1];
const ARCHIVE_HEAD_BYTES = 11;

/** All text and all bytes, as hex, of the signed messages of an archive (docs/wire-format.md). */
function messagesIn(archive: Buffer): string {
  const texts: string[] = [];
  for (let at = 0; at < archive.length; ) {
    const end = at + ARCHIVE_HEAD_BYTES + archive.readUInt32BE(at + 3);
    const body = archive.subarray(at + ARCHIVE_HEAD_BYTES, end);
    if (archive[at + 2] === 'M'.charCodeAt(0)) texts.push(...textsIn(readMessage(body)));
    at = end;
  }
  return texts.join('\n');
}

function assertSigned(inside: string): void {
  const manifest = readFileSync(join(inside, 'manifest.json'));
  const publicKey = createPublicKey(readFileSync(join(inside, 'agent-key.pub.pem')));
  const signature = readFileSync(join(inside, 'manifest.sig'));
  assert.ok(verify(null, manifest, publicKey, signature), 'the manifest is signed');
  const { files } = JSON.parse(manifest.toString());
  assert.ok(files.length > 5);
  for (const { name, sha256 } of files) {
    const bytes = readFileSync(join(inside, name));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256, name);
  }
}

/** The stranger of the bench's capture (devices/opcua-client.ts) said it in clear. */
function passwordsInCapture(): string[] {
  const password = 'guess-1234';
  assert.ok(readFileSync(CAPTURE).includes(password), 'the capture holds a password');
  return [password];
}

/** Of a hub that nobody reaches. */
function receiptKey(): string {
  const publicKeyHex = '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29';
  const hubId = base32(createHash('sha256').update(Buffer.from(publicKeyHex, 'hex')).digest());
  return JSON.stringify({ hubId, keyNumber: 1, algorithm: 'Ed25519', publicKeyHex });
}

function base32(digest: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const bits = [...digest.subarray(0, 16)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => alphabet[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}
