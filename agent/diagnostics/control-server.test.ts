/** The control socket: who may reach it, what it answers, and what a second agent meets there. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { metricsText } from '../platform/metrics.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import type { AgentStatus } from './agent-status.ts';
import { ControlServer } from './control-server.ts';

function get(socketPath: string, path: string, method = 'GET'): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method, agent: false }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('serves status and metrics, refuses a second agent, removes a stale socket', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-control-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'run', 'fieldtap.sock');
  const sources = {
    // Only the name is looked at here.
    status: () => ({ siteName: 'North' }) as AgentStatus,
    metrics: () => metricsText([{ name: 'framesSeen', help: 'frames', value: 7 }]),
  };
  const server = new ControlServer(sources);
  await server.listen(socketPath);
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  assert.deepEqual(await get(socketPath, '/v1/status'), [200, '{"siteName":"North"}']);
  const [code, text] = await get(socketPath, '/metrics');
  assert.equal(code, 200);
  assert.match(text, /^fieldtap_framesSeen 7$/m);
  assert.equal((await get(socketPath, '/v1/stop'))[0], 404);
  assert.equal((await get(socketPath, '/v1/status', 'POST'))[0], 405);

  const second = new ControlServer(sources);
  await assert.rejects(second.listen(socketPath), (error: unknown) => {
    return error instanceof OperatorFault && error.code === 'AGENT_ALREADY_RUNNING';
  });
  await server.close();
  assert.ok(!existsSync(socketPath));

  writeFileSync(socketPath, '');
  const third = new ControlServer(sources);
  await third.listen(socketPath);
  assert.equal((await get(socketPath, '/v1/status'))[0], 200);
  const port = await third.listenMetrics('127.0.0.1:0');
  assert.match(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), /framesSeen 7/);
  await third.close();
});
