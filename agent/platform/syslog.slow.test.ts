/** Lines of syslog as their specifications have them, and that they arrive by UDP and by TLS. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:tls';
import fc from 'fast-check';
import { testNeeding } from '../../hil-tests/needs.ts';
import { SystemClock } from './clock.ts';
import { SYSLOG_QUEUE_MAX, Syslog } from './syslog.ts';
import { type SyslogEvent, syslogLine } from './syslog-format.ts';

const origin = { hostName: 'gateway-7', processId: 4711, programVersion: '0.1.0' };
const event: SyslogEvent = {
  kind: 'detection',
  timeMs: Date.UTC(2026, 10, 2, 3, 4, 5, 678),
  severity: 'high',
  code: 'OPCUA_PASSWORD_CLEAR_TEXT',
  title: 'A password crossed the network',
  text: 'In clear text.',
  client: '10.0.0.6',
  server: '10.0.1.20',
  unitId: 3,
  id: '9f2c00aa11bb22cc',
  occurrencesCount: 2,
  techniques: ['T0859'],
};
const header = '2026-11-02T03:04:05.678Z gateway-7 fieldtap 4711 detection';
const hostile = 'a"b\\c]d|e=f\ng\u202eh';

// biome-ignore format: one case per line
const lines = [
  { name: 'RFC 5424', format: 'rfc5424', over: {}, is: `<131>1 ${header} [fieldtap@32473 code="OPCUA_PASSWORD_CLEAR_TEXT" severity="high" client="10.0.0.6" server="10.0.1.20" unitId="3" id="9f2c00aa11bb22cc" occurrencesCount="2" techniques="T0859"] \ufeffA password crossed the network In clear text.` },
  { name: 'CEF',      format: 'cef',     over: {}, is: `<131>1 ${header} - CEF:0|fieldtap|fieldtap|0.1.0|OPCUA_PASSWORD_CLEAR_TEXT|A password crossed the network|8|rt=1793588645678 src=10.0.0.6 dst=10.0.1.20 externalId=9f2c00aa11bb22cc cnt=2 cn1Label=unitId cn1=3 cs1Label=techniques cs1=T0859 cat=detection msg=In clear text.` },
  { name: 'a name in place of an address', format: 'cef', over: { client: 'line:/dev/ttyS0' }, has: ' shost=line:/dev/ttyS0 ' },
  { name: 'critical',                      format: 'rfc5424', over: { severity: 'critical' }, has: '<130>1 ' },
  { name: 'text that would end a parameter', format: 'rfc5424', over: { server: hostile }, has: 'server="a\\"b\\\\c\\]d|e=f' },
  { name: 'text that would end a header field', format: 'cef', over: { title: hostile }, has: '|a"b\\\\c]d\\|e=f' },
  { name: 'text that would begin another key',  format: 'cef', over: { text: hostile }, has: 'msg=a"b\\\\c]d|e\\=f' },
] as const;
for (const { name, format, over, ...wanted } of lines) {
  test(`${name} (${format})`, () => {
    const line = syslogLine({ ...event, ...over }, { ...origin, facility: 16 }, format);
    if ('is' in wanted) assert.equal(line, wanted.is);
    else assert.ok(line.includes(wanted.has), line);
  });
}

test('any text stays on one line, without control or direction characters', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('rfc5424', 'cef'),
      (text, format) => {
        const wild = { ...event, title: text, text, client: text, code: text };
        const line = syslogLine(wild, { ...origin, facility: 16 }, format);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
        assert.doesNotMatch(line, /[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/);
      },
    ),
  );
});

test('UDP: a datagram a line, cut at 2,048 bytes', async () => {
  const server = createSocket('udp4');
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const target = `udp://127.0.0.1:${server.address().port}`;
  const syslog = new Syslog(
    [{ target, format: 'rfc5424', facility: 16 }],
    origin,
    new SystemClock(),
  );
  const received: string[] = [];
  server.on('message', (bytes) => received.push(bytes.toString()));
  syslog.tell(event);
  syslog.tell({ ...event, text: '水'.repeat(2000) });
  await until(() => received.length === 2);
  assert.equal(received[0], syslogLine(event, { ...origin, facility: 16 }, 'rfc5424'));
  assert.ok(Buffer.byteLength(received[1]) <= 2048 && received[1].endsWith('水'));
  assert.deepEqual(syslog.status(), [{ target, sent: 2, dropped: 0 }]);
  syslog.close();
  server.close();
});

testNeeding(
  [{ kind: 'package', program: 'openssl' }],
  'TLS: lines with their length, kept while the server is away, and only for a trusted one',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldtap-syslog-'));
    const path = (file: string): string => join(folder, file);
    // biome-ignore format: one command
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('key.pem'), '-out', path('cert.pem'), '-days', '2', '-subj', '/CN=log', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
    const pair = { key: readFileSync(path('key.pem')), cert: readFileSync(path('cert.pem')) };
    let text = '';
    const server = createServer(pair, (socket) => {
      socket.on('data', (bytes) => {
        text += bytes.toString();
      });
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // A server that listens has an address with a port (node:net).
    const { port } = server.address() as AddressInfo;
    const target = `tls://127.0.0.1:${port}`;
    const facts = { target, format: 'cef', facility: 16 } as const;
    const trusting = new Syslog([{ ...facts, ca: path('cert.pem') }], origin, new SystemClock());
    const doubting = new Syslog([facts], origin, new SystemClock());
    const line = syslogLine(event, { ...origin, facility: 16 }, 'cef');
    trusting.tell(event);
    for (let count = 0; count < SYSLOG_QUEUE_MAX + 5; count++) doubting.tell(event);
    await until(() => text.length > 0 && doubting.status()[0].problem !== undefined);
    assert.equal(text, `${Buffer.byteLength(line)} ${line}`);
    assert.deepEqual(trusting.status(), [{ target, sent: 1, dropped: 0 }]);
    assert.deepEqual([doubting.status()[0].sent, doubting.status()[0].dropped], [0, 5]);
    assert.match(doubting.status()[0].problem ?? '', /self-signed/);
    trusting.close();
    doubting.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  },
);

async function until(isTrue: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isTrue(); waitedMs += 5) {
    assert.ok(waitedMs < 30_000, 'waited in vain');
    await sleep(5);
  }
}
