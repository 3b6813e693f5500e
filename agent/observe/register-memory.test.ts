// Register memory against a model that is as simple as can be: a map from address to what was seen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { BEGIN_US, madeEnd, madeFlow, madeModbus } from './made-traffic.ts';
import { PollTable } from './poll-table.ts';
import { RegisterMemory } from './register-memory.ts';
import { listRegisters, type RegisterReportOptions } from './register-report.ts';

const NOW_US = BEGIN_US + 30_000_000;

function memory() {
  const polls = new PollTable();
  const registers = new RegisterMemory(polls);
  return {
    polls,
    registers,
    see: (transaction: ModbusTransaction) => registers.see(transaction, polls.see(transaction)),
    ranges: (options: Partial<RegisterReportOptions> = {}) =>
      listRegisters(registers, polls, { nowUs: NOW_US, ...options }).ranges,
  };
}

const hex = (value: number, digits = 4) => value.toString(16).padStart(digits, '0');
const at = (second: number) => ({
  requestTimeUs: BEGIN_US + second * 1_000_000,
  responseTimeUs: BEGIN_US + second * 1_000_000 + 1000,
});

test('a register keeps its last value, its range and how often it changed', () => {
  const { see, ranges } = memory();
  for (const [second, value] of [5, 5, 9, 2, 2].entries()) {
    see(madeModbus('0300640002', `0304${hex(value)}0007`, at(second)));
  }
  const [range] = ranges();
  assert.deepEqual(range.values, [2, 7]);
  assert.equal(range.periodMs, 1000);
  assert.equal(range.readsCount, 5);
  assert.deepEqual(range.history, [
    {
      address: 100,
      reference: 40101,
      value: 2,
      minimum: 2,
      maximum: 9,
      changesCount: 2,
      lastChangeUs: BEGIN_US + 3_001_000,
    },
  ]);
});

// biome-ignore format: one case per line
const WRITES = [
  { name: 'one coil',                    request: '050002ff00',               response: '050002ff00',     object: 'coil',            address: 2,  values: [1] },
  { name: 'one register',                request: '06000a1234',               response: '06000a1234',     object: 'holdingRegister', address: 10, values: [0x1234] },
  { name: 'coils over a byte',           request: '0f0007000a02cd01',         response: '0f0007000a',     object: 'coil',            address: 7,  values: [1, 0, 1, 1, 0, 0, 1, 1, 1, 0] },
  { name: 'registers over a page',       request: '10001f000204000a0102',     response: '10001f0002',     object: 'holdingRegister', address: 31, values: [10, 0x102] },
  { name: 'what 23 writes, not reads',   request: '17000300010020000102abcd', response: '17020005',       object: 'holdingRegister', address: 32, values: [0xabcd] },
  { name: 'a mask over all bits',        request: '16000400001234',           response: '16000400001234', object: 'holdingRegister', address: 4,  values: [0x1234] },
] as const;

for (const { name, request, response, object, address, values } of WRITES) {
  test(`a write is remembered with its writer: ${name}`, () => {
    const { see, ranges } = memory();
    see(madeModbus(request, response));
    const range = ranges().find((each) => each.object === object && each.address === address);
    assert.deepEqual(range?.values ?? values.map(() => range?.value), [...values]);
    for (const point of range?.history ?? []) {
      assert.equal(point.lastWriter, '10.0.0.5');
      assert.equal(point.writesCount, 1);
      assert.deepEqual([point.minimum, point.maximum], [point.value, point.value]);
    }
    assert.equal(range?.history?.length, values.length);
  });
}

test('a refused or unanswered write changes nothing', () => {
  const { see, ranges } = memory();
  see(madeModbus('06000a1234', '8602'));
  see(madeModbus('06000a1234', ''));
  see(madeModbus('', '0304000a0007'));
  assert.deepEqual(ranges(), []);
});

test('a mask write changes what is known by the rule of the specification', () => {
  const { see, ranges } = memory();
  see(madeModbus('0300040001', '03020012'));
  see(madeModbus('16000400f20025', '16000400f20025', at(1)));
  assert.equal(ranges()[0].value, 0x17, 'the example of V1.1b3 section 6.16');
});

test('values that may be old say why', () => {
  const { see, registers, ranges } = memory();
  for (let second = 0; second < 5; second++) {
    see(madeModbus('0300640001', '03020005', at(second)));
  }
  assert.equal(ranges({ nowUs: BEGIN_US + 30_000_000 })[0].stale, undefined);
  assert.equal(ranges({ nowUs: BEGIN_US + 300_000_000 })[0].stale, 'silent');
  const blind = { blindUntilUs: BEGIN_US + 20_000_000, blindReason: 'restart' } as const;
  assert.equal(ranges(blind)[0].stale, 'restart');
  registers.gap('10.0.1.9', BEGIN_US + 10_000_000);
  assert.equal(ranges()[0].stale, 'gap');
  see(madeModbus('0300640001', '03020005', at(11)));
  assert.equal(ranges()[0].stale, undefined, 'heard again');
});

test('neighbours that one poll reads are one range, and a sweep is compressed to one value', () => {
  const { see, ranges } = memory();
  for (let address = 0; address < 1000; address += 100) {
    see(madeModbus(`03${hex(address)}0064`, `03c8${'0000'.repeat(100)}`));
  }
  const [range, ...others] = ranges();
  assert.equal(others.length, 0);
  assert.deepEqual([range.address, range.quantity, range.value], [0, 1000, 0]);
});

test('only the server and unit that are asked for are listed', () => {
  const { see, ranges } = memory();
  const flow = madeFlow({ flowNumber: 4, server: madeEnd('10.0.1.10', 502) });
  see(madeModbus('0300640001', '03020005', { unitId: 1 }));
  see(madeModbus('0300640001', '03020005', { unitId: 2 }));
  see(madeModbus('0300640001', '03020005', { flow, unitId: 1 }));
  assert.equal(ranges().length, 3);
  assert.equal(ranges({ server: '10.0.1.10' }).length, 1);
  assert.equal(ranges({ server: '10.0.1.9', unitId: 2 }).length, 1);
});

interface Model {
  value: number;
  minimum: number;
  maximum: number;
  changesCount: number;
}

const step = fc.record({
  isCoil: fc.boolean(),
  first: fc.integer({ min: 0, max: 90 }),
  values: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 70 }),
});

test('any mixture of reads leaves what a plain map would hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { see, ranges } = memory();
      const model = new Map<string, Model>();
      for (const [second, { isCoil, first, values }] of steps.entries()) {
        const numbers = values.map((value) => (isCoil ? value & 1 : value));
        see(readOf(isCoil, first, numbers, second));
        for (const [index, value] of numbers.entries()) {
          remember(model, `${isCoil ? 'coil' : 'holdingRegister'} ${first + index}`, value);
        }
      }
      const found = new Map<string, Model>();
      for (const range of ranges()) {
        for (let index = 0; index < range.quantity; index++) {
          const address = range.address + index;
          const value = range.values?.[index] ?? range.value ?? -1;
          const point = range.history?.find((each) => each.address === address);
          const { minimum = value, maximum = value, changesCount = 0 } = point ?? {};
          found.set(`${range.object} ${address}`, { value, minimum, maximum, changesCount });
        }
      }
      assert.deepEqual(sorted(found), sorted(model));
    }),
    { numRuns: 200 },
  );
});

function readOf(isCoil: boolean, first: number, values: readonly number[], second: number) {
  const request = `0${isCoil ? 1 : 3}${hex(first)}${hex(values.length)}`;
  if (!isCoil) {
    const data = values.map((value) => hex(value)).join('');
    return madeModbus(request, `03${hex(values.length * 2, 2)}${data}`, at(second));
  }
  const bytes = Array.from({ length: Math.ceil(values.length / 8) }, (_, byte) =>
    values.slice(byte * 8, byte * 8 + 8).reduce((sum, bit, place) => sum | (bit << place), 0),
  );
  const data = bytes.map((byte) => hex(byte, 2)).join('');
  return madeModbus(request, `01${hex(bytes.length, 2)}${data}`, at(second));
}

function remember(model: Map<string, Model>, key: string, value: number): void {
  const known = model.get(key);
  if (known === undefined) {
    model.set(key, { value, minimum: value, maximum: value, changesCount: 0 });
    return;
  }
  if (known.value !== value) known.changesCount++;
  known.value = value;
  known.minimum = Math.min(known.minimum, value);
  known.maximum = Math.max(known.maximum, value);
}

function sorted(map: Map<string, Model>): [string, Model][] {
  return [...map].sort(([a], [b]) => a.localeCompare(b));
}

const reading = fc.record({
  kind: fc.constant('read' as const),
  poll: fc.integer({ min: 0, max: 5 }),
  changes: fc.array(fc.record({ at: fc.nat(60), value: fc.nat(0xffff) }), { maxLength: 3 }),
});
const writing = fc.record({
  kind: fc.constant('write' as const),
  address: fc.nat(95),
  value: fc.nat(0xffff),
});
/** Apart, side by side on one page, overlapping, the same for two clients, coils. */
const POLLS = [
  { first: 0, quantity: 40, client: '10.0.0.5', isCoil: false },
  { first: 40, quantity: 10, client: '10.0.0.5', isCoil: false },
  { first: 60, quantity: 20, client: '10.0.0.5', isCoil: false },
  { first: 70, quantity: 20, client: '10.0.0.5', isCoil: false },
  { first: 0, quantity: 40, client: '10.0.0.6', isCoil: false },
  { first: 3, quantity: 50, client: '10.0.0.5', isCoil: true },
];

test('polls over and over, with changes and writes between them, leave what a plain map would', () => {
  const flows = ['10.0.0.5', '10.0.0.6'].map((client, index) =>
    madeFlow({ flowNumber: 10 + index, slot: 10 + index, client: madeEnd(client, 40_000) }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(reading, reading, reading, writing), { maxLength: 80 }),
      (steps) => {
        const { see, ranges } = memory();
        const device = new Array<number>(96).fill(7);
        const coils = new Array<number>(96).fill(0);
        const model = new Map<string, Model>();
        for (const [second, step] of steps.entries()) {
          if (step.kind === 'write') {
            device[step.address] = step.value;
            const pdu = `06${hex(step.address)}${hex(step.value)}`;
            see(madeModbus(pdu, pdu, { flow: flows[0], ...at(second) }));
            remember(model, `holdingRegister ${step.address}`, step.value);
            continue;
          }
          const { first, quantity, client, isCoil } = POLLS[step.poll];
          for (const each of step.changes) {
            const place = first + (each.at % quantity);
            if (isCoil) coils[place] = each.value & 1;
            else device[place] = each.value;
          }
          const values = (isCoil ? coils : device).slice(first, first + quantity);
          see({
            ...readOf(isCoil, first, values, second),
            flow: flows[client === '10.0.0.5' ? 0 : 1],
          });
          for (const [index, value] of values.entries()) {
            remember(model, `${isCoil ? 'coil' : 'holdingRegister'} ${first + index}`, value);
          }
        }
        const found = new Map<string, Model>();
        for (const range of ranges()) {
          for (let index = 0; index < range.quantity; index++) {
            const address = range.address + index;
            const value = range.values?.[index] ?? range.value ?? -1;
            const point = range.history?.find((each) => each.address === address);
            const { minimum = value, maximum = value, changesCount = 0 } = point ?? {};
            found.set(`${range.object} ${address}`, { value, minimum, maximum, changesCount });
          }
        }
        assert.deepEqual(sorted(found), sorted(model));
      },
    ),
    { numRuns: 300 },
  );
});

test('a range that always says the same is heard all the same', () => {
  const { see, registers, ranges } = memory();
  for (let second = 0; second < 100; second++) {
    see(madeModbus('0300640002', '030400050007', at(second)));
  }
  const [range] = ranges({ nowUs: BEGIN_US + 101_000_000 });
  assert.equal(range.lastSeenUs, BEGIN_US + 99_000_000);
  const page = registers.banks[0].pages.at(100 >> 5);
  assert.equal(registers.points.lastSeenUs[page], BEGIN_US + 99_001_000);
});

test('a sweep of short reads is applied in full, and a poll before it still is', () => {
  const { see, ranges } = memory();
  const poll = (value: number, second: number) =>
    see(madeModbus('0300000002', `0304${hex(value)}0000`, at(second)));
  poll(1, 0);
  poll(1, 1);
  for (let address = 0; address < 200; address++) {
    see(madeModbus(`03${hex(address)}0001`, `0302${hex(address + 3)}`, at(2)));
  }
  poll(1, 3);
  assert.equal(ranges().flatMap(({ values = [] }) => values)[0], 1);
  poll(1, 4);
  poll(9, 5);
  const values = ranges().flatMap(({ value, values: all = [value ?? -1] }) => all);
  assert.equal(values[0], 9);
});
