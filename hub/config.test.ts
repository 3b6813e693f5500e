/** The hub's configuration: what it fills in, and what each fault says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadHubConfig, parseHubConfig } from './config.ts';

test('a broker is enough; the rest has defaults', () => {
  const result = parseHubConfig('broker: { url: "mqtts://hub.example:8883" }');
  assert.ok(result.kind === 'config');
  assert.equal(result.config.database.path, '/var/lib/fieldtap-hub/hub.db');
  assert.equal(result.config.broker.allowPlain, false);
});

// biome-ignore format: one case per line
const faults = [
  { name: 'no broker',                     text: 'logLevel: info',                                              line: 1, key: 'broker',             problem: /missing/ },
  { name: 'an unknown key',                text: 'broker:\n  url: mqtts://a:1\n  colour: red',                  line: 3, key: 'broker.colour',      problem: /no key/ },
  { name: 'an unknown key at the top',     text: 'broker: { url: "mqtts://a:1" }\ndatabse: {}',                 line: 2, key: 'databse',            problem: /no key/ },
  { name: 'plain MQTT to another machine', text: 'broker:\n  url: mqtt://hub.example:1883',                     line: 2, key: 'broker.url',         problem: /plain MQTT/ },
  { name: 'no MQTT at all',                text: 'broker:\n  url: https://hub.example',                         line: 2, key: 'broker.url',         problem: /mqtts/ },
  { name: 'a certificate without a key',   text: 'broker:\n  url: mqtts://a:1\n  certificate: x.pem',           line: 3, key: 'broker.certificate', problem: /belong together/ },
  { name: 'a log level that is none',      text: 'broker: { url: "mqtts://a:1" }\n\nlogLevel: loud',            line: 3, key: 'logLevel',           problem: /not accepted/ },
  { name: 'a key twice',                   text: 'keys: a\nkeys: b\nbroker: { url: "mqtts://a:1" }',            line: 2, key: '',                   problem: /not YAML/ },
  { name: 'broken YAML',                   text: 'broker: {',                                                   line: 1, key: '',                   problem: /not YAML/ },
] as const;

for (const { name, text, line, key, problem } of faults) {
  test(`refused with its line: ${name}`, () => {
    const result = parseHubConfig(text);
    assert.ok(result.kind === 'faults');
    const [fault] = result.faults;
    assert.deepEqual([fault.line, fault.key], [line, key]);
    assert.match(fault.problem, problem);
    assert.ok(fault.remedy.endsWith('.'));
  });
}

// biome-ignore format: one case per line
const plain = ['mqtt://127.0.0.1:1883', 'mqtt://127.8.8.8', 'mqtt://localhost:1', 'mqtt://[::1]:1883'];

for (const url of plain) {
  test(`${url} is this machine, and may be plain`, () => {
    assert.equal(parseHubConfig(`broker: { url: "${url}" }`).kind, 'config');
  });
}

test('plain MQTT elsewhere has to be asked for', () => {
  assert.equal(
    parseHubConfig('broker: { url: "mqtt://10.0.0.9", allowPlain: true }').kind,
    'config',
  );
});

test('a file that is not there is a fault with a remedy', () => {
  assert.throws(() => loadHubConfig('/nowhere/hub.yaml'), { code: 'HUB_CONFIG_UNREADABLE' });
});
