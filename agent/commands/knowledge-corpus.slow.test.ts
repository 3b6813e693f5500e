// What is known after a capture that nobody here made, compared with what tshark reads in it: device
// identification, units behind a gateway, routers, ARP, and every register that was polled.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { Asset } from '../observe/asset-list.ts';
import type { RegisterRange } from '../observe/register-report.ts';

const NEEDS = [{ kind: 'corpus' }, { kind: 'package', program: 'tshark' }] as const;
const MAIN = join(import.meta.dirname, '../main.ts');
const BYTES_MAX = 64 * 1024 * 1024;

interface Summary {
  readonly assets: readonly Asset[];
  readonly registers: readonly RegisterRange[];
  readonly conversations: readonly { readonly communityIds?: readonly string[] }[];
}

function pathOf(capture: string): string {
  return join(corpusFolder ?? '', 'captures', capture);
}

function summaryOf(capture: string): Summary {
  const words = [MAIN, 'replay', pathOf(capture), '--summary', 'json', '--registers'];
  const text = execFileSync(process.execPath, words, { encoding: 'utf8', maxBuffer: BYTES_MAX });
  // The shape is this program's own.
  return JSON.parse(text) as Summary;
}

/** One row for each frame that passes the filter, with the fields as texts. */
function tshark(capture: string, filter: string, fields: readonly string[]): string[][] {
  const words = ['-r', pathOf(capture), '-Y', filter, '-T', 'fields', '-E', 'separator=/t'];
  const asked = [...words, ...fields.flatMap((field) => ['-e', field])];
  const options = { encoding: 'utf8', maxBuffer: BYTES_MAX, stdio: ['ignore', 'pipe', 'ignore'] };
  const text = execFileSync('tshark', asked, options as { encoding: 'utf8' });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

const factsOf = (asset: Asset | undefined, source: string) =>
  Object.fromEntries(
    (asset?.facts ?? [])
      .filter((fact) => fact.source === source)
      .map(({ name, value }) => [name, value]),
  );

testNeeding(NEEDS, 'device identification: the same objects as tshark, with their source', () => {
  const capture = 'mliras__malmod/modbus.pcapng';
  const rows = tshark(capture, 'modbus.object_str_value', [
    'ip.src',
    'modbus.object_id',
    'modbus.object_str_value',
  ]);
  assert.ok(rows.length > 0);
  const { assets } = summaryOf(capture);
  for (const [server, ids, values] of rows) {
    const asset = assets.find(({ assetId }) => assetId === server);
    const told = factsOf(asset, 'modbus.readDeviceIdentification');
    const names = { 0: 'vendorName', 1: 'productCode', 2: 'majorMinorRevision' };
    for (const [index, id] of ids.split(',').entries()) {
      const name = Object.entries(names).find(([number]) => number === id)?.[1];
      if (name !== undefined) assert.equal(told[name], values.split(',')[index], name);
    }
  }
});

testNeeding(NEEDS, 'several units behind a gateway are devices of their own', () => {
  const capture = 'ITI__ICS-Security-Tools/pcaps/ModbusTCP/Modbus/modbus_test.pcap';
  const answered = new Set<string>();
  const rows = tshark(capture, 'modbus && tcp.srcport == 502 && !modbus.exception_code', [
    'ip.src',
    'mbtcp.unit_id',
  ]);
  for (const [server, units] of rows) {
    for (const unit of units.split(',')) answered.add(`${server}/${unit}`);
  }
  const servers = new Map<string, number>();
  for (const id of answered)
    servers.set(id.split('/')[0], (servers.get(id.split('/')[0]) ?? 0) + 1);
  const expected = [...answered].filter((id) => {
    const [server, unit] = id.split('/');
    const own = unit !== '0' && unit !== '255';
    const units = [...answered].filter((each) => each.startsWith(`${server}/`));
    const others = units.filter((each) => !['0', '255'].includes(each.split('/')[1]));
    return own && others.length > 1;
  });
  const { assets } = summaryOf(capture);
  const units = assets.filter(({ assetId }) => assetId.includes('/')).map(({ assetId }) => assetId);
  assert.deepEqual(units.sort(), expected.sort());
  assert.ok(units.length > 1);
});

testNeeding(NEEDS, 'many addresses behind one MAC address: a router, and nobody is merged', () => {
  const capture = 'arkime__arkime/tests/pcap/opcua_synthetic.pcap';
  const behind = new Map<string, Set<string>>();
  for (const [mac, address] of tshark(capture, 'opcua', ['eth.src', 'ip.src'])) {
    if (address === '') continue;
    behind.set(mac, (behind.get(mac) ?? new Set()).add(address));
  }
  const { assets } = summaryOf(capture);
  for (const [mac, addresses] of behind) {
    const router = assets.find(({ assetId }) => assetId === `mac:${mac}`);
    assert.equal(router?.roles[0], 'router', mac);
    for (const address of addresses) {
      const asset = assets.find(({ assetId }) => assetId === address);
      assert.deepEqual(asset?.addresses, [address]);
      assert.equal(asset?.behindRouter, mac);
    }
  }
});

testNeeding(
  NEEDS,
  'ARP: who claims which address, and a MAC address that claims two is a conflict',
  () => {
    const capture = 'kb221svs__modbus-anomaly-detection/modbus.pcap';
    const claims = new Map<string, Set<string>>();
    for (const [mac, address] of tshark(capture, 'arp', ['arp.src.hw_mac', 'arp.src.proto_ipv4'])) {
      if (address !== '0.0.0.0') claims.set(address, (claims.get(address) ?? new Set()).add(mac));
    }
    const { assets } = summaryOf(capture);
    for (const [address, macs] of claims) {
      const asset = assets.find(({ assetId }) => assetId === address);
      const told = (asset?.facts ?? []).filter(({ source }) => source.startsWith('arp.'));
      assert.deepEqual(told.map(({ value }) => value).sort(), [...macs].sort(), address);
      assert.equal(
        asset?.conflicts?.some(({ name }) => name === 'macAddress') ?? false,
        macs.size > 1,
      );
      assert.equal(asset?.redundantWith, undefined, 'two devices that one claims are no pair');
    }
  },
);

testNeeding(NEEDS, 'every register that was read has the last value that tshark sees', () => {
  const capture = 'ITI__ICS-Security-Tools/pcaps/ModbusTCP/ModbusTCP.pcap';
  const last = new Map<string, number>();
  const filter = 'modbus.func_code == 4 && modbus.request_frame && tcp.srcport == 502';
  const fields = ['ip.src', 'mbtcp.unit_id', 'modbus.regnum16', 'modbus.regval_uint16'];
  for (const [server, unit, numbers, values] of tshark(capture, filter, fields)) {
    // Two answers in a frame have their fields run together: those are left out.
    if (unit.includes(',') || numbers === '') continue;
    for (const [index, number] of numbers.split(',').entries()) {
      last.set(`${server} ${unit} ${number}`, Number(values.split(',')[index]));
    }
  }
  assert.ok(last.size > 1000);
  const { registers } = summaryOf(capture);
  let same = 0;
  for (const { server, unitId, object, address, quantity, value, values } of registers) {
    if (object !== 'inputRegister') continue;
    for (let index = 0; index < quantity; index++) {
      const expected = last.get(`${server} ${unitId} ${address + index}`);
      if (expected === undefined) continue;
      if ((values?.[index] ?? value) === expected) same++;
    }
  }
  // A frame with two answers may have brought the very last value of a few.
  assert.ok(same >= last.size * 0.99, `${same} of ${last.size}`);
});

testNeeding(NEEDS, 'Community IDs are those that tshark makes', () => {
  const capture = 'ITI__ICS-Security-Tools/pcaps/ModbusTCP/ModbusTCP.pcap';
  const options = [
    '-r',
    pathOf(capture),
    '--enable-protocol',
    'communityid',
    '-Y',
    'modbus',
    '-T',
    'fields',
    '-e',
    'communityid',
  ];
  const text = execFileSync('tshark', options, {
    encoding: 'utf8',
    maxBuffer: BYTES_MAX,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const expected = [...new Set(text.split('\n').filter((line) => line !== ''))];
  const found = summaryOf(capture).conversations.flatMap(({ communityIds }) => communityIds ?? []);
  assert.ok(expected.length > 0);
  assert.deepEqual([...new Set(found)].sort(), expected.sort());
});
