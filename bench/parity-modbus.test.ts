// Our Modbus records against tshark's lines, field by field, over every capture of the corpus that
// has an oracle; what differs stands in a table with its cause.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../hil-tests/needs.ts';
import { collectFile, type RecordObject } from './collect-records.ts';
import { MODBUS_EXCEPTIONS, type ParityException } from './parity/modbus-exceptions.ts';
import { differencesOf, type FieldDifference } from './parity/modbus-oracle.ts';
import { type ModbusSide, sidesOf } from './parity/modbus-sides.ts';

const SUFFIX = '.modbus.ndjson';
const LINES_AT_LEAST = 40_000;
const folder = corpusFolder ?? '';

testNeeding(
  [{ kind: 'corpus' }],
  'parity: every Modbus field that tshark has, ours says too',
  () => {
    const unexplained: string[] = [];
    const used = new Set<ParityException>();
    let linesCount = 0;
    const note = (path: string, frame: number, code: number, what: string, text: string): void => {
      const exception = MODBUS_EXCEPTIONS.find((each) => explains(each, path, frame, code, what));
      if (exception === undefined) unexplained.push(`${path} frame ${frame} ${what}: ${text}`);
      else used.add(exception);
    };
    for (const path of capturesWithOracle()) {
      const { records } = collectFile(join(folder, 'captures', path));
      const sides = bySubject(sidesOf(records));
      for (const line of linesOf(path)) {
        linesCount += 1;
        const [frame, code] = [Number(line.frame), Number(line.fc)];
        const best = takeBest(sides, line);
        if (best === undefined) note(path, frame, code, 'missing', JSON.stringify(line));
        for (const { field, theirs, ours } of best ?? []) {
          note(path, frame, code, field, `theirs ${theirs}, ours ${ours}`);
        }
      }
      for (const { frame, record } of [...sides.values()].flatMap(({ all }) => all)) {
        note(path, frame, Number(record.functionCode), 'extra', JSON.stringify(record));
      }
    }
    assert.deepEqual(unexplained, []);
    const idle = MODBUS_EXCEPTIONS.filter((each) => !used.has(each));
    assert.deepEqual(idle, [], 'exceptions that nothing needs');
    assert.ok(linesCount > LINES_AT_LEAST, `${linesCount} lines compared`);
  },
);

interface Subject {
  /** Not yet matched with a line. */
  readonly all: ModbusSide[];
  /** How often this request was repeated: lines of the oracle without a side of ours. */
  repeats: { readonly side: ModbusSide; left: number }[];
}

function subjectOf(frame: unknown, isRequest: boolean, tid: unknown, code: unknown): string {
  return `${isRequest ? '' : `${frame} `}${isRequest} ${tid} ${code}`;
}

function bySubject(sides: readonly ModbusSide[]): Map<string, Subject> {
  const subjects = new Map<string, Subject>();
  for (const side of sides) {
    const { transactionId, functionCode, retriesCount } = side.record;
    const key = subjectOf(side.frame, side.isRequest, transactionId, functionCode);
    const subject = subjects.get(key) ?? { all: [], repeats: [] };
    subject.all.push(side);
    if (side.isRequest && retriesCount !== undefined) {
      subject.repeats.push({ side, left: Number(retriesCount) });
    }
    subjects.set(key, subject);
  }
  return subjects;
}

/** The differences to the side that fits best, which is then gone; undefined: there is none. */
function takeBest(
  subjects: Map<string, Subject>,
  line: RecordObject,
): readonly FieldDifference[] | undefined {
  const isRequest = line.dir === 'request';
  const subject = subjects.get(subjectOf(line.frame, isRequest, line.tid, line.fc));
  if (subject === undefined) return undefined;
  let best: { side: ModbusSide; differences: readonly FieldDifference[] } | undefined;
  for (const side of subject.all) {
    if (side.frame !== line.frame) continue;
    const differences = differencesOf(line, side);
    if (best === undefined || differences.length < best.differences.length) {
      best = { side, differences };
    }
    if (differences.length === 0) break;
  }
  if (best === undefined) return isRequest ? repeatOf(subject, line) : undefined;
  subject.all.splice(subject.all.indexOf(best.side), 1);
  return best.differences;
}

/** The same request again has no record of its own; all but its frame and time must agree. */
function repeatOf(subject: Subject, line: RecordObject): readonly FieldDifference[] | undefined {
  for (const repeat of subject.repeats) {
    if (repeat.left === 0) continue;
    const differences = differencesOf(line, repeat.side).filter(({ field }) => field !== 'time');
    if (differences.length > 0) continue;
    repeat.left -= 1;
    return [];
  }
  return undefined;
}

function explains(
  each: ParityException,
  path: string,
  frame: number,
  code: number,
  what: string,
): boolean {
  if (each.what !== what) return false;
  if (each.path !== undefined && each.path !== path) return false;
  if (each.functionCode !== undefined && each.functionCode !== code) return false;
  return each.frames === undefined || each.frames.includes(frame);
}

function capturesWithOracle(): string[] {
  return readdirSync(join(folder, 'oracle'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(0, -SUFFIX.length))
    .sort();
}

function linesOf(path: string): RecordObject[] {
  const text = readFileSync(join(folder, 'oracle', `${path}${SUFFIX}`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line): RecordObject => JSON.parse(line));
}
