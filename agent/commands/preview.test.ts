/** What `preview` prints is what leaves: the same bytes in the same order, with and without an agent. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { detection, TestBuffers } from '../../buffer/test-kit.ts';
import { ControlServer } from '../diagnostics/control-server.ts';
import { STATUS } from '../diagnostics/sample-status.ts';
import { conversation, UplinkBench } from '../uplink/test-kit.ts';
import { uplinkActions } from '../uplink-actions.ts';
import { findPreview, type Preview, type PreviewedMessage, previewText } from './preview.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-preview-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const buffers = new TestBuffers();
const secretAddress = '10.77.66.55';

/** A site without a link: three summaries and an alert wait. */
function waitingSite(): UplinkBench {
  const bench = new UplinkBench(buffers);
  bench.uplink.start();
  for (let made = 0; made < 3; made++) {
    bench.report({ conversations: [{ ...conversation(made), clientIpAddress: secretAddress }] });
    bench.advance(2000);
  }
  const title = `somebody writes from ${secretAddress}`;
  const found = detection({ client: secretAddress, title });
  bench.report({ detections: [{ change: 'raised', detection: found }] });
  return bench;
}

function publishedHex(bench: UplinkBench): string[] {
  bench.link.up();
  const sent: string[] = [];
  for (let round = 0; round < 20; round++) {
    for (const message of bench.link.take()) {
      sent.push(Buffer.from(message.bytes).toString('hex'));
      bench.hub.receive(message);
    }
    bench.receipt(1);
    bench.receipt(2);
  }
  return sent;
}

const kindOf = ({ message }: PreviewedMessage): unknown =>
  typeof message === 'object' && message !== null && 'kind' in message ? message.kind : message;
const hexOf = (found: Preview): string[] => found.messages.map(({ messageHex }) => messageHex);

test('a running agent: the bytes that preview shows are those published next', async () => {
  const bench = waitingSite();
  const socket = join(folder, 'agent.sock');
  const actions = uplinkActions(() => bench.uplink);
  const control = new ControlServer({ status: () => STATUS, metrics: async () => '', actions });
  await control.listen(socket);
  const found = await findPreview({ config: '/nowhere.yaml', socket, count: 20 });
  await control.close();
  assert.deepEqual(
    found.messages.map((each) => `${each.topic.slice(-1)} ${kindOf(each)}`),
    ['a epochBegins', 'a alert', 's summary', 's epochBegins', 's summary', 's summary'],
  );
  assert.ok(found.next !== undefined, 'the next one has seen the alert alone so far');
  assert.ok(!JSON.stringify(found).includes(secretAddress), 'sharing minimal: no address');
  const shown = previewText(found, true);
  assert.ok(hexOf(found).every((hex) => shown.includes(hex)) && !shown.includes(secretAddress));
  assert.deepEqual(hexOf(found), publishedHex(bench));
  bench.link.down();
  bench.buffer.close();
});

test('no agent: the same out of the buffer, read-only', async () => {
  const bench = waitingSite();
  const config = join(folder, 'fieldtap.yaml');
  writeFileSync(
    config,
    `capture: { interfaces: [{ name: eth1 }] }
buffer: { path: ${bench.path} }
diagnostics: { socket: ${join(folder, 'nobody.sock')} }
`,
  );
  const found = await findPreview({ config, count: 20 });
  assert.equal(found.next, undefined);
  assert.deepEqual(hexOf(found), publishedHex(bench));
  assert.match(previewText(await findPreview({ config, count: 20 }), false), /nothing waits/);
  bench.link.down();
  bench.buffer.close();
});
