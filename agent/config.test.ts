/** The configuration as its reader meets it: every fault names the line, the key and the remedy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFault, parseConfig } from './config.ts';
import { serialLineName } from './platform/serial-line-name.ts';

const GOOD = 'capture:\n  interfaces: [{ name: eth1 }]\n';

// biome-ignore format: one case per line
const faults = [
  { name: 'misspelt key', text: `${GOOD}bufer: {}\n`, line: 3, key: 'bufer', says: /known here: site, capture/ },
  { name: 'misspelt key inside', text: 'capture:\n  interfaces:\n    - name: eth1\n      rol: mirror\n', line: 4, key: 'capture.interfaces.0.rol', says: /known here: name, role/ },
  { name: 'no interface at all', text: 'capture:\n  interfaces: []\n', line: 2, key: 'capture.interfaces', says: /not accepted/ },
  { name: 'no capture section', text: 'site: { name: x }\n', line: 1, key: 'capture', says: /is missing\. Add "capture:", a section with the keys file, interfaces/ },
  { name: 'unknown role', text: 'capture:\n  interfaces:\n    - { name: eth1, role: span }\n', line: 3, key: 'capture.interfaces.0.role', says: /it says "span"\. Write one of: mirror, tapA, tapB, host, such as "role: mirror"/ },
  { name: 'plain MQTT to another machine', text: `${GOOD}uplink:\n  broker: mqtt://10.0.0.1:1883\n`, line: 4, key: 'uplink.broker', says: /mqtts/ },
  { name: 'summary interval below a second', text: `${GOOD}uplink:\n  broker: mqtts://hub:8883\n  summaryIntervalMs: 999\n`, line: 5, key: 'uplink.summaryIntervalMs', says: /it says 999\. Write a whole number from 1000 to 3600000/ },
  { name: 'misspelt key of the uplink', text: `${GOOD}uplink:\n  broker: mqtts://hub:8883\n  profil: metered\n`, line: 5, key: 'uplink.profil', says: /known here: broker, profile/ },
  { name: 'syslog by a path', text: `${GOOD}diagnostics:\n  syslog: [{ target: /dev/log }]\n`, line: 4, key: 'diagnostics.syslog.0.target', says: /udp:\/\/host:port/ },
  { name: 'syslog without a port', text: `${GOOD}diagnostics:\n  syslog: [{ target: "udp://loghost" }]\n`, line: 4, key: 'diagnostics.syslog.0.target', says: /tls:\/\/host:port/ },
  { name: 'metrics open to the network', text: `${GOOD}diagnostics: { metrics: { listen: "0.0.0.0:9470" } }\n`, line: 3, key: 'diagnostics.metrics.listen', says: /loopback/ },
  { name: 'a serial line without its rate', text: 'capture:\n  serial: [{ port: /dev/ttyS0 }]\n', line: 2, key: 'capture.serial.0.baudRate', says: /is missing\. Add "baudRate:", a whole number from 50 to 4000000/ },
  { name: 'a serial line by no path', text: 'capture:\n  serial: [{ port: ttyS0, baudRate: 9600 }]\n', line: 2, key: 'capture.serial.0.port', says: /by-id/ },
  { name: 'RTU on 7 data bits', text: 'capture:\n  serial: [{ port: /dev/ttyS0, baudRate: 9600, dataBits: 7 }]\n', line: 2, key: 'capture.serial', says: /8 data bits/ },
  { name: 'a line named like an interface', text: 'capture:\n  interfaces: [{ name: eth1 }]\n  serial: [{ port: /dev/ttyS0, baudRate: 9600, name: eth1 }]\n', line: 3, key: 'capture.serial', says: /same name/ },
  { name: 'a number in place of a text', text: `${GOOD}site: { name: 42 }\n`, line: 3, key: 'site.name', says: /it says 42\. Put it in quotes, so that it is a text: "42"/ },
  { name: 'a text in place of a number', text: `${GOOD}buffer: { quotaMiB: 2G }\n`, line: 3, key: 'buffer.quotaMiB', says: /it says "2G"\. Write a whole number from 16 to 1048576, such as "quotaMiB: 1024"/ },
  { name: 'a text in place of yes or no', text: `${GOOD}probe: { allowed: "yes" }\n`, line: 3, key: 'probe.allowed', says: /it says "yes"\. Write true or false, such as "allowed: false"/ },
  { name: 'a key without its value', text: `${GOOD}uplink:\n  broker:\n`, line: 4, key: 'uplink.broker', says: /it says nothing\. Write a text/ },
  { name: 'one port in place of a list', text: `${GOOD}decode: { modbusPorts: 502 }\n`, line: 3, key: 'decode.modbusPorts', says: /it says 502\. Write a list of at most 32, such as "modbusPorts: \[502\]"/ },
  { name: 'a port that is none', text: `${GOOD}decode: { modbusPorts: [502, 70000] }\n`, line: 3, key: 'decode.modbusPorts.1', says: /it says 70000\. Write a whole number from 1 to 65535 \(docs/ },
  { name: 'a choice of numbers', text: 'capture:\n  serial: [{ port: /dev/ttyS0, baudRate: 9600, stopBits: 3 }]\n', line: 2, key: 'capture.serial.0.stopBits', says: /it says 3\. Write one of: 1, 2, such as "stopBits: 1"/ },
  { name: 'a list in place of a section', text: 'capture: [eth1]\n', line: 1, key: 'capture', says: /it says a list of 1\. Write a section with the keys file, interfaces/ },
  { name: 'too many interfaces', text: `capture:\n  interfaces: [${'{ name: e }, '.repeat(9)}]\n`, line: 2, key: 'capture.interfaces', says: /it says a list of 9\. Write a list of at most 8/ },
  { name: 'a site name that is too long', text: `${GOOD}site: { name: ${'x'.repeat(65)} }\n`, line: 3, key: 'site.name', says: /it says "x{40}"\. Write a text of 1 to 64 characters/ },
  { name: 'broken YAML', text: 'capture: [\n', line: 2, key: '', says: /not YAML\. A bracket or brace is opened/ },
  { name: 'a quote that stays open', text: 'site: { name: "x }\n', line: 2, key: '', says: /not YAML\. A quote, comma or bracket is missing.*Close each quote/ },
  { name: 'a tab', text: 'capture:\n\tinterfaces: []\n', line: 2, key: '', says: /tab.*Indent with spaces/ },
  { name: 'columns that do not fit', text: ' site: { name: a }\ncapture: {}\n', line: 2, key: '', says: /indentation.*same column/ },
  { name: 'two keys in a line', text: 'site: name: a\n', line: 1, key: '', says: /second ": ".*quotes/ },
  { name: 'key given twice', text: `${GOOD}site: { name: a }\nsite: { name: b }\n`, line: 4, key: '', says: /stands twice.*Keep one/ },
] as const;

for (const { name, text, line, key, says } of faults) {
  test(`refused: ${name}`, () => {
    const result = parseConfig(text);
    assert.equal(result.kind, 'faults');
    if (result.kind !== 'faults') return;
    assert.equal(result.faults[0].key, key);
    assert.equal(result.faults[0].line, line);
    assert.match(`${result.faults[0].problem} ${result.faults[0].remedy}`, says);
    // Words of the libraries below are for their programmers.
    for (const { problem, remedy } of result.faults) {
      assert.doesNotMatch(`${problem} ${remedy}`, /Invalid|expected|received|Too (big|small)/);
    }
  });
}

test('two faults are told in one go, with the file and their lines', () => {
  const result = parseConfig('capture: { interfaces: [{ name: eth1, x: 1 }] }\ny: 2\n');
  assert.ok(result.kind === 'faults' && result.faults.length === 2);
  const { problem } = configFault('/etc/f.yaml', result.faults);
  assert.match(problem, /^The configuration "\/etc\/f.yaml" has 2 faults, in lines 1, 2:\n/);
  assert.match(problem, /\n {2}\/etc\/f.yaml:2: y is no key of this file/);
});

test('a minimal file gets every default', () => {
  const result = parseConfig(GOOD);
  assert.ok(result.kind === 'config');
  assert.equal(result.config.site.sharing, 'minimal');
  assert.deepEqual(result.config.capture.interfaces, [{ name: 'eth1', role: 'mirror' }]);
  assert.deepEqual(result.config.decode, {
    modbusPorts: [502],
    opcuaPorts: [4840],
    registerMaps: [],
  });
  assert.equal(result.config.uplink, undefined);
  assert.equal(result.config.capture.ringMiB, 8);
});

test('a serial line alone is enough, and gets its defaults', () => {
  const result = parseConfig('capture:\n  serial: [{ port: /dev/ttyS0, baudRate: 19200 }]\n');
  assert.ok(result.kind === 'config');
  const [line] = result.config.capture.serial;
  assert.deepEqual(line, {
    port: '/dev/ttyS0',
    baudRate: 19_200,
    parity: 'even',
    stopBits: 1,
    framing: 'rtu',
  });
  assert.equal(serialLineName(line, 0), 'serial1');
});

test('the example of the design is accepted as it stands', () => {
  const result = parseConfig(`
site:     { name: Waterworks North, sector: water, sharing: minimal }
capture:
  interfaces: [{ name: eth1, role: mirror }]
  serial: []
decode:   { modbusPorts: [502], opcuaPorts: [4840], registerMaps: [] }
buffer:   { path: /var/lib/fieldtap/buffer.db, quotaMiB: 1024 }
uplink:   { broker: mqtts://hub.example:8883, profile: normal, summaryIntervalMs: 60000, credentials: /var/lib/fieldtap/enrolment }
diagnostics: { page: { listen: 127.0.0.1:8470 }, metrics: { listen: 127.0.0.1:9470 }, syslog: [] }
probe:    { allowed: false }
`);
  assert.deepEqual(result.kind === 'faults' ? result.faults : [], []);
});

test('an alias is refused, so that no file can make itself large', () => {
  const result = parseConfig(`${GOOD}site: &a { name: x }\nbuffer: *a\n`);
  assert.match(result.kind === 'faults' ? result.faults[0].problem : '', /alias/);
});

// biome-ignore format: one case per line
const intervals = [
  { uplink: 'profile: normal',                              intervalMs: 60_000 },
  { uplink: 'profile: metered',                             intervalMs: 300_000 },
  { uplink: 'profile: satellite',                           intervalMs: 900_000 },
  { uplink: 'profile: satellite, summaryIntervalMs: 5000',  intervalMs: 5000 },
] as const;
for (const { uplink, intervalMs } of intervals) {
  test(`uplink with ${uplink}: a summary each ${intervalMs} ms`, () => {
    const result = parseConfig(`${GOOD}uplink: { broker: mqtts://hub:8883, ${uplink} }\n`);
    assert.ok(result.kind === 'config');
    assert.equal(result.config.uplink?.summaryIntervalMs, intervalMs);
  });
}
