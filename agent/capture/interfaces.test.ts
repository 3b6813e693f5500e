/** The list of interfaces as setup and doctor read it. Every Linux machine has a loopback. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { testNeeding } from '../../hil-tests/needs.ts';
import { interfaceNames } from './interface-names.ts';
import { canCapture, listInterfaces, whyNoCapture } from './interfaces.ts';

test('interfaces: the loopback is there, is up, and comes last', () => {
  const loopback = listInterfaces().at(-1);
  assert.equal(loopback?.name, 'lo');
  assert.equal(loopback?.type, 'loopback');
  assert.equal(loopback?.macAddress, undefined);
});

test('interfaces: every name has its facts, once', () => {
  const names = listInterfaces().map(({ name }) => name);
  assert.deepEqual(names.toSorted(), [...interfaceNames()]);
  assert.equal(new Set(names).size, names.length);
});

test('interfaces: no link without being up', () => {
  for (const { up, linkUp } of listInterfaces()) assert.ok(up || !linkUp);
});

test('interfaces: whether we may listen is one answer, with a reason where not', () => {
  const fault = whyNoCapture();
  assert.equal(canCapture(), fault === undefined);
  if (fault !== undefined) assert.match(fault.code, /^CAPTURE_/);
});

testNeeding([{ kind: 'privilege', capability: 'netRaw' }], 'interfaces: root may listen', () => {
  assert.equal(canCapture(), true);
});

testNeeding(
  [
    { kind: 'privilege', capability: 'root' },
    { kind: 'package', program: 'setpriv' },
  ],
  'interfaces: without any capability the fault is the permission',
  () => {
    const url = new URL('./interfaces.ts', import.meta.url).href;
    const script = `import(${JSON.stringify(url)}).then((m) => console.log(m.whyNoCapture()?.code))`;
    const words = ['--bounding-set=-all', '--inh-caps=-all', process.execPath, '-e', script];
    const output = execFileSync('setpriv', words, { encoding: 'utf8' });
    assert.equal(output.trim(), 'CAPTURE_PERMISSION_MISSING');
  },
);
