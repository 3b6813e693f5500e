/** The generated traffic is what its truth says, by the word of an independent decoder. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { testNeeding } from '../hil-tests/needs.ts';
import { generateModbus, type ModbusTruth } from './generate-modbus.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-generate-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'modbus.pcap');

test('the same seed makes the same bytes, another seed others', () => {
  const hashes = [7, 7, 8].map((seed) => {
    generateModbus(path, 2000, seed);
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  });
  assert.equal(hashes[0], hashes[1]);
  assert.notEqual(hashes[0], hashes[2]);
});

testNeeding([{ kind: 'package', program: 'tshark' }], 'tshark counts what the truth says', () => {
  const truth = generateModbus(path, 10_000, 1);
  const fields = ['modbus.func_code', 'modbus.exception_code', 'tcp.srcport'];
  const lines = tshark(['-Y', 'modbus', '-T', 'fields', ...fields.flatMap((name) => ['-e', name])]);
  const seen: ModbusTruth = {
    frames: tshark([]).length,
    bytes: truth.bytes,
    requests: 0,
    responses: 0,
    exceptions: 0,
    unmatchedRequests: truth.unmatchedRequests,
    byFunctionCode: {},
  };
  for (const line of lines) {
    const [functionCode, exceptionCode, sourcePort] = line.split('\t');
    if (sourcePort !== '502') seen.requests += 1;
    else if (exceptionCode === '') seen.responses += 1;
    else seen.exceptions += 1;
    seen.byFunctionCode[functionCode] = (seen.byFunctionCode[functionCode] ?? 0) + 1;
  }
  assert.deepEqual(seen, truth);
  assert.deepEqual(tshark(['-Y', '_ws.malformed || tcp.analysis.flags']), []);
  assert.deepEqual(tshark(['-Y', 'ip.checksum.status == 0 || tcp.checksum.status == 0']), []);
});

function tshark(options: readonly string[]): string[] {
  const checks = ['-o', 'ip.check_checksum:TRUE', '-o', 'tcp.check_checksum:TRUE'];
  const output = execFileSync('tshark', ['-r', path, ...checks, ...options], {
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return output
    .toString()
    .split('\n')
    .filter((line) => line !== '');
}
