/**
 * The one active command can't be started by anything but a person at the command line: no file
 * that the running agent, its control socket or the hub loads leads to the probe.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const SPECIFIER = /(?:from|import\(|new URL\()\s*'(\.{1,2}\/[^']+\.ts)'/g;

/** Everything that these files import, directly or not, statically or when it is wanted. */
function reachedFrom(starts: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const waiting = starts.map((start) => join(ROOT, start));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path) || !existsSync(path)) continue;
    reached.add(path);
    for (const [, specifier] of readFileSync(path, 'utf8').matchAll(SPECIFIER)) {
      waiting.push(resolve(dirname(path), specifier));
    }
  }
  return new Set([...reached].map((path) => relative(ROOT, path)));
}

const isProbe = (path: string): boolean => /^agent\/(probe\/|commands\/probe)/.test(path);

// biome-ignore format: one start per line
const starts = [
  { name: 'the agent, its socket and its way to the hub', files: ['agent/agent.ts', 'agent/commands/run.ts'] },
  { name: 'the worker that listens',                      files: ['agent/capture-worker.ts'] },
  { name: 'the hub',                                      files: ['hub/main.ts'] },
] as const;

for (const { name, files } of starts) {
  test(`${name}: no way leads to the probe`, () => {
    const reached = reachedFrom(files);
    assert.ok(reached.size > 20, `${reached.size} files were looked at`);
    assert.deepEqual([...reached].filter(isProbe), []);
  });
}

test('negative control: from the command line it is reached', () => {
  const reached = reachedFrom(['agent/main.ts']);
  assert.ok([...reached].filter(isProbe).length > 5);
});
