/**
 * The drivers of a real bench, as far as they can be shown without one: in place of `ssh`,
 * `snmpget` and `snmpset` stand small scripts that do, or write down, what they were told.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../bench-process.ts';
import { SshHost } from './host.ts';
import type { SwitchPortEntry } from './inventory.ts';
import { SnmpOutlet, SnmpSwitchPort } from './snmp.ts';

let folder = '';
const path = process.env.PATH;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'ft-drivers-'));
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  const script = (name: string, text: string): void =>
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  // As sshd does: the last word goes to the user's shell.
  script('ssh', 'for word in "$@"; do last=$word; done; exec sh -c "$last"');
  script('snmpget', `echo "get $*" >>${folder}/snmp; echo 7`);
  script('snmpset', `echo "set $*" >>${folder}/snmp`);
  process.env.PATH = `${programs}:${path}`;
});

after(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true, force: true });
});

const entry = { name: 'hmi', destination: 'bench@hmi', ipAddress: '10.0.0.20', checkout: '/opt' };

test('ssh: words arrive as they were given', async () => {
  const host = new SshHost(entry);
  for (const word of ['plain', "it's", 'two words', '$HOME `id` "x"', '', '*']) {
    assert.equal(await host.run('printf', '%s|', word, 'end'), `${word}|end|`);
  }
});

test('ssh: a file goes there and comes back', async () => {
  const host = new SshHost(entry);
  const file = join(folder, "deep/er/it's.yaml");
  await host.writeFile(file, 'site: { name: "Nörd" }\n');
  assert.equal(readFileSync(file, 'utf8'), 'site: { name: "Nörd" }\n');
  assert.equal(await host.readFile(file), 'site: { name: "Nörd" }\n');
});

test('ssh: a program gets its environment and its standard input, and ends when that ends', async () => {
  const host = new SshHost(entry);
  const mark = join(folder, 'ended');
  const words = [
    'sh',
    '-c',
    `trap 'touch ${mark}; exit' TERM; read line; echo "$MARK $line"; while :; do sleep 0.05; done`,
  ];
  const started = host.start(words, { env: { MARK: 'a b' } });
  started.tell('hello');
  await started.until(({ stdout }) => (stdout === 'a b hello\n' ? true : undefined), 'its answer');
  started.hangUp();
  await started.ended();
  await eventually(() => (readFileSync(mark).length === 0 ? true : undefined), 'its end');
});

test('SNMP: a port is switched and counted by IF-MIB, an outlet by its own object', async () => {
  const port: SwitchPortEntry = {
    driver: 'managedSwitch',
    address: '10.0.0.1',
    community: 'bench',
    interfaceIndex: 5,
    kind: 'plain',
  };
  await new SnmpSwitchPort(port).set('down');
  assert.deepEqual(await new SnmpSwitchPort(port).counters(), {
    framesSent: 21,
    framesReceived: 21,
  });
  const outlet = {
    address: '10.0.0.2',
    community: 'c',
    objectId: '1.3.6.1.4.1.9',
    onValue: 1,
    offValue: 2,
  };
  await new SnmpOutlet({ driver: 'pdu', ...outlet }).set('down');
  const told = readFileSync(join(folder, 'snmp'), 'utf8').trim().split('\n');
  assert.equal(told[0], 'set -v2c -c bench -t 5 -r 2 10.0.0.1 1.3.6.1.2.1.2.2.1.7.5 i 2');
  assert.equal(told.at(-1), 'set -v2c -c c -t 5 -r 2 10.0.0.2 1.3.6.1.4.1.9 i 2');
  const read = told.filter((line) => line.startsWith('get')).map((line) => line.split(' ').at(-1));
  const columns = [7, 8, 9, 11, 12, 13].map((column) => `1.3.6.1.2.1.31.1.1.1.${column}.5`);
  assert.deepEqual(read.toSorted(), columns.toSorted());
});
