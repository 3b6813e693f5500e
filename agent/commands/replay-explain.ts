/**
 * `fieldtap replay FILE --explain FRAME`: one frame byte by byte, with what its connection said
 * before it. Secrets show where they stand and how long they are, never what they are.
 */
import { randomBytes } from 'node:crypto';
import { readCaptureFile, STANDARD_INPUT } from '../capture/file-source.ts';
import { SystemClock } from '../platform/clock.ts';
import { SiteDigest } from '../platform/digest.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import { escapeJson, escapeText } from '../platform/wire-text.ts';
import { ExplainRun } from './explain-run.ts';
import { explanationObject, explanationText } from './explain-text.ts';
import { ReplayOutput } from './replay-output.ts';
import { type ProgressStream, ReplayProgress } from './replay-progress.ts';

export interface ReplayExplainOptions {
  /** 1-based number of a frame. */
  readonly explain: string;
  /** One JSON object instead of a page. */
  readonly json?: boolean;
  readonly records?: string;
  readonly summary?: string;
  readonly modbusPort?: readonly string[];
  readonly opcuaPort?: readonly string[];
}

export interface ExplainStreams {
  readonly output: ReplayOutput;
  readonly errors: ProgressStream;
}

const EXIT_GOOD = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

const SITE_KEY_BYTES = 32;
const FRAME_MAX = 0xffff_ffff;
const PORT_MAX = 65_535;

/** Exit code: 1 where the file has no such frame or couldn't be read, 2 for wrong use. */
export async function replayExplain(
  files: readonly string[],
  options: ReplayExplainOptions,
  streams: ExplainStreams = { output: new ReplayOutput(), errors: process.stderr },
): Promise<number> {
  const { output, errors } = streams;
  const misuse = misuseOf(files, options);
  if (misuse !== undefined) {
    errors.write(`fieldtap: ${misuse}\n`);
    return EXIT_USAGE;
  }
  const frameNumber = Number(options.explain);
  const run = new ExplainRun({
    isWanted: (number) => number === frameNumber,
    digest: new SiteDigest(randomBytes(SITE_KEY_BYTES)),
    ...(options.modbusPort && { modbusPorts: options.modbusPort.map(Number) }),
    ...(options.opcuaPort && { opcuaPorts: options.opcuaPort.map(Number) }),
  });
  const { framesCount, fault } = await read(files[0], run, frameNumber, errors);
  const explanation = run.explain(frameNumber);
  if (fault !== undefined) {
    errors.write(`fieldtap: ${escapeText(`${fault.problem} ${fault.remedy}`)} [${fault.code}]\n`);
  }
  if (explanation === undefined) {
    if (fault === undefined)
      errors.write(`fieldtap: ${missing(files[0], framesCount, frameNumber)}\n`);
    return EXIT_FAULT;
  }
  output.write(
    options.json === true
      ? `${escapeJson(JSON.stringify(explanationObject(explanation)))}\n`
      : explanationText(explanation),
  );
  return fault === undefined ? EXIT_GOOD : EXIT_FAULT;
}

async function read(
  file: string,
  run: ExplainRun,
  frameNumber: number,
  errors: ProgressStream,
): Promise<{ framesCount: number; fault?: OperatorFault }> {
  const stop = new AbortController();
  const progress = new ReplayProgress(nameOf(file), errors, new SystemClock());
  const onProgress = (bytesRead: number, bytesTotal?: number): void => {
    progress.update(bytesRead, bytesTotal);
    if (run.isSettled(frameNumber)) stop.abort();
  };
  const options = { interfaceIndex: 0, onProgress, signal: stop.signal };
  const result = await readCaptureFile(file, options, run);
  progress.end();
  run.end();
  return result;
}

function missing(file: string, framesCount: number, frameNumber: number): string {
  const name = nameOf(file);
  return frameNumber > framesCount
    ? `${name} has ${framesCount} frames; there is no frame ${frameNumber}.`
    : `frame ${frameNumber} of ${name} has a link type that isn't read.`;
}

function nameOf(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : escapeText(file);
}

/** What is wrong with the command line, with the remedy; undefined when nothing is. */
function misuseOf(files: readonly string[], options: ReplayExplainOptions): string | undefined {
  const { explain, records, summary } = options;
  if (files.length !== 1)
    return 'replay --explain needs one capture file, or - for standard input.';
  if (!/^\d{1,10}$/.test(explain) || Number(explain) < 1 || Number(explain) > FRAME_MAX) {
    return `--explain takes the number of a frame, 1 or more, not "${escapeText(explain)}".`;
  }
  if (records !== undefined || summary !== undefined) {
    return '--explain prints one frame; leave out --records and --summary.';
  }
  for (const port of [...(options.modbusPort ?? []), ...(options.opcuaPort ?? [])]) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > PORT_MAX) {
      return `a port is a number from 1 to ${PORT_MAX}, not "${escapeText(port)}".`;
    }
  }
  return undefined;
}
