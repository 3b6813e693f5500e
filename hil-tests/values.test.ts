/**
 * Values end to end: what an OPC UA server set is what the records of a capture of its subscription
 * say, value by value, in order, under the right node.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchProcess, eventually, fieldtap, startDevice, startFieldtap } from './bench-process.ts';
import { testNeeding } from './needs.ts';

const LEVEL = 'ns=1;s=Pump1.Level';
const VALUES_MIN = 20;
/** The server sets a value every 200 ms; what it set before the client came isn't on the wire. */
const SET_MIN = VALUES_MIN + 5;

type Fact = Readonly<Record<string, unknown>>;

testNeeding(
  [
    { kind: 'privilege', capability: 'netRaw' },
    { kind: 'package', program: 'tcpdump' },
  ],
  'every value that the subscription brought is one that the server set, in order',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ft-values-'));
    const started: BenchProcess[] = [];
    const keep = <T extends BenchProcess>(each: T): T => {
      started.push(each);
      return each;
    };
    try {
      const words = ['--directory', directory];
      const server = keep(startDevice('opcua-server.ts', words));
      const port = String((await server.ready()).port);
      const capture = join(directory, 'values.pcap');
      const listener = keep(startTcpdump(port, capture));
      await listener.until(({ stderr }) => /listening on/.exec(stderr) ?? undefined, 'listening');
      const setBefore = valuesSet(server).length;
      const client = keep(
        startDevice('opcua-client.ts', [...words, '--port', port, '--role', 'hmi']),
      );
      await client.ready();
      const until = valuesSet(server).length + SET_MIN;
      await eventually(() => valuesSet(server).length >= until || undefined, 'values that are set');
      await client.stop();
      listener.signal('SIGINT');
      await listener.ended();

      const records = await recordsOf(capture, port);
      // The level was 0 before the server set its first value.
      const set = [0, ...valuesSet(server)];
      const brought = valuesBrought(records);
      assert.ok(brought.length >= VALUES_MIN, `only ${brought.length}: ${brought.join(' ')}`);
      assertInOrder(brought, set);
      assert.ok(brought.length <= set.length - setBefore, 'more than were set meanwhile');
      assertRead(records, set);
    } finally {
      await Promise.all(started.map((each) => each.stop()));
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

function startTcpdump(port: string, capture: string): BenchProcess {
  const words = ['-Z', 'root', '-i', 'lo', '-s', '0', '-U', '-w', capture, 'tcp', 'port', port];
  return new BenchProcess(['tcpdump', ...words]);
}

/** From the file, and once more through standard input: the same records. */
async function recordsOf(capture: string, port: string): Promise<readonly Fact[]> {
  const words = ['--opcua-port', port, '--records', 'ndjson'];
  const fromFile = await fieldtap(['replay', capture, ...words]);
  assert.equal(fromFile.exitCode, 0, fromFile.stderr);
  const piped = startFieldtap(['replay', '-', ...words]);
  piped.feed(capture);
  const fromInput = await piped.ended();
  assert.equal(fromInput.exitCode, 0, fromInput.stderr);
  // Tokens are pseudonyms under a key that every replay makes anew.
  const [a, b] = [fromFile, fromInput].map(({ stdout }) => stdout.replace(/hash:[0-9a-f]+/g, ''));
  assert.ok(a === b, 'standard input gave other records than the file');
  return piped.facts();
}

function valuesSet(server: BenchProcess): readonly number[] {
  return server
    .facts()
    .filter((fact) => fact.set === LEVEL)
    .map((fact) => Number(fact.value));
}

/** Values of the level in Publish responses, oldest first. */
function valuesBrought(records: readonly Fact[]): readonly number[] {
  return records
    .filter((record) => record.service === 'Publish')
    .sort((a, b) => Number(a.responseTimeUs) - Number(b.responseTimeUs))
    .flatMap((record) => listIn(record.response, 'dataChanges'))
    .map((change) => {
      assert.equal(change.nodeId, LEVEL, JSON.stringify(change));
      return doubleOf(change);
    });
}

/** What Read brought of the level was set too. */
function assertRead(records: readonly Fact[], set: readonly number[]): void {
  const read = records
    .filter((record) => record.service === 'Read')
    .flatMap((record) => listIn(record.response, 'results'))
    .filter((result) => result.nodeId === LEVEL)
    .map(doubleOf);
  assert.ok(read.length > 0);
  for (const value of read) assert.ok(set.includes(value), `read ${value}, which was never set`);
}

/** Every value is there, and none comes before one that was set earlier. */
function assertInOrder(brought: readonly number[], set: readonly number[]): void {
  let from = 0;
  for (const value of brought) {
    const place = set.indexOf(value, from);
    assert.ok(place >= 0, `${value} was not set after ${set[from - 1]}: ${brought.join(' ')}`);
    from = place + 1;
  }
}

function doubleOf(part: Fact): number {
  const { value } = part;
  assert.ok(typeof value === 'object' && value !== null, JSON.stringify(part));
  assert.ok('type' in value && value.type === 'Double', JSON.stringify(part));
  assert.ok('value' in value && typeof value.value === 'number', JSON.stringify(part));
  return value.value;
}

function listIn(part: unknown, name: string): readonly Fact[] {
  if (typeof part !== 'object' || part === null) return [];
  const list: unknown = Reflect.get(part, name);
  return Array.isArray(list) ? list : [];
}
