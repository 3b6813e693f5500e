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

test('what changes something is taken from the socket alone, bounded, and faults are answers', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'fieldtap-control-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'fieldtap.sock');
  const fault = new OperatorFault({ code: 'MADE_UP', problem: 'No.', remedy: 'Yes.' });
  const actions = new Map<string, (body: Uint8Array) => unknown>([
    ['/v1/echo', (body) => ({ bytes: body.byteLength })],
    [
      '/v1/fault',
      () => {
        throw fault;
      },
    ],
    ['/v1/bug', () => Promise.reject(new Error('secret detail'))],
  ]);
  const server = new ControlServer({
    // Nobody asks for it here.
    status: () => ({}) as AgentStatus,
    metrics: async () => '',
    actions,
  });
  context.after(() => server.close());
  await server.listen(socketPath);
  const port = await server.listenMetrics('127.0.0.1:0');
  assert.deepEqual(await post(socketPath, '/v1/echo', 5), [200, '{"bytes":5}']);
  assert.equal((await post(socketPath, '/v1/echo', 300 * 1024))[0], 413);
  const [code, text] = await post(socketPath, '/v1/fault', 0);
  assert.deepEqual([code, text.includes('MADE_UP')], [409, true]);
  const [bugCode, bugText] = await post(socketPath, '/v1/bug', 0);
  assert.deepEqual([bugCode, bugText.includes('secret')], [500, false]);
  assert.equal((await post(socketPath, '/v1/unknown', 0))[0], 405);
  const overTcp = await fetch(`http://127.0.0.1:${port}/v1/echo`, { method: 'POST' });
  assert.equal(overTcp.status, 405);
});

function post(socketPath: string, path: string, bytes: number): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, method: 'POST', agent: false }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    asked.on('error', reject);
    asked.end(new Uint8Array(bytes));
  });
}
