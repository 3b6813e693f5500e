/**
 * `fieldtap replay FILE...`: the same analysis as live, on capture files. Several files are read
 * one after the other as one capture. Loads no database, no MQTT and no configuration.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { RegisterMap } from '../../protocols/modbus/register-map.ts';
import { readCaptureFile, STANDARD_INPUT } from '../capture/file-source.ts';
import { CaptureFileEvidence } from '../capture/file-source-evidence.ts';
import type { Registers } from '../observe/knowledge.ts';
import { RecordWriter } from '../observe/record-writer.ts';
import { Pipeline, type PipelineTotals } from '../pipeline.ts';
import { SystemClock } from '../platform/clock.ts';
import { SiteDigest } from '../platform/digest.ts';
import { escapeJson, escapeText } from '../platform/wire-text.ts';
import { ReplayOutput } from './replay-output.ts';
import { type ProgressStream, ReplayProgress } from './replay-progress.ts';
import { summaryPieces } from './replay-summary.ts';
import { summaryText } from './replay-text.ts';

export interface ReplayOptions {
  /** `ndjson`: one record a line on standard output, and nothing else. */
  readonly records?: string;
  /** `json`: one summary object on standard output, and nothing else. */
  readonly summary?: string;
  readonly modbusPort?: readonly string[];
  readonly opcuaPort?: readonly string[];
  /** With the summary: polls, and what registers and nodes held last. Half as much work again. */
  readonly registers?: boolean;
  /** Files (YAML) that give registers names, types and units. */
  readonly registerMap?: readonly string[];
}

const EXIT_GOOD = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

const SITE_KEY_BYTES = 32;
const PORT_MAX = 65_535;
/** Ranges of registers, and nodes, in a summary; a sweep over all addresses has many. */
const REGISTERS_LISTED_MAX = 2000;

/** Where results and words go; tests put their own in place. */
export interface ReplayStreams {
  readonly output: ReplayOutput;
  readonly errors: ProgressStream;
}

/** Exit code: 0 whatever the capture holds, 1 where a file could not be read to its end. */
export async function replay(
  files: readonly string[],
  options: ReplayOptions,
  streams: ReplayStreams = { output: new ReplayOutput(), errors: process.stderr },
): Promise<number> {
  const { output, errors } = streams;
  const misuse = misuseOf(files, options);
  if (misuse !== undefined) {
    errors.write(`fieldtap: ${misuse}\n`);
    return EXIT_USAGE;
  }
  const stop = new AbortController();
  const write = (text: string | Uint8Array): void => {
    output.write(text);
    if (output.isClosed) stop.abort();
  };
  const evidence = new CaptureFileEvidence();
  const registerMap = await openRegisterMap(options.registerMap);
  const pipeline = openPipeline(options, registerMap, evidence, write);
  let exitCode = EXIT_GOOD;
  for (const file of files) {
    if (output.isClosed) break;
    if (!(await readOne(file, pipeline, evidence, stop.signal, errors))) exitCode = EXIT_FAULT;
  }
  pipeline.end();
  evidence.close();
  await nameMakers(pipeline);
  const totals = pipeline.totals();
  // A page without a single frame would only stand beside the fault that says it all.
  const isNothingRead = exitCode === EXIT_FAULT && totals.firstFrameUs < 0;
  const isPageWanted = options.summary === 'json' || !isNothingRead;
  if (options.records === undefined && isPageWanted) {
    const label = files.length === 1 ? nameOf(files[0]) : `${files.length} files`;
    if (options.summary === 'json') {
      const registers = registersOf(pipeline, options, totals);
      for (const piece of summaryPieces(totals, registers)) write(escapeJson(piece));
      write('\n');
    } else {
      write(summaryText(label, totals));
    }
  }
  return output.isClosed ? EXIT_GOOD : exitCode;
}

/** The table of makers is read only where MAC addresses were seen. */
async function nameMakers({ knowledge }: Pipeline): Promise<void> {
  if (knowledge === undefined || knowledge.assets.macs.used === 0) return;
  const { loadMacVendors } = await import('../observe/mac-vendor.ts');
  knowledge.assets.macVendor = await loadMacVendors();
}

function registersOf(
  pipeline: Pipeline,
  { registers }: ReplayOptions,
  { lastFrameUs }: PipelineTotals,
): Registers | undefined {
  if (registers !== true) return undefined;
  return pipeline.knowledge?.listRegisters({ rowsMax: REGISTERS_LISTED_MAX }, lastFrameUs);
}

/** YAML is read only where somebody has a map. */
async function openRegisterMap(
  paths: readonly string[] | undefined,
): Promise<RegisterMap | undefined> {
  if (paths === undefined) return undefined;
  const { loadRegisterMaps } = await import('../register-map.ts');
  return loadRegisterMaps(paths);
}

function openPipeline(
  options: ReplayOptions,
  registerMap: RegisterMap | undefined,
  evidence: CaptureFileEvidence,
  write: (text: Uint8Array) => void,
): Pipeline {
  // A key of its own each run: pseudonyms of a file must not be comparable with those of a site.
  const digest = new SiteDigest(randomBytes(SITE_KEY_BYTES));
  const sha1Base64 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64');
  return new Pipeline({
    interfaces: [],
    digest,
    sha1Base64,
    evidence,
    remembersRegisters: options.registers === true,
    ...(registerMap && { registerMap }),
    ...(options.modbusPort && { modbusPorts: options.modbusPort.map(Number) }),
    ...(options.opcuaPort && { opcuaPorts: options.opcuaPort.map(Number) }),
    ...(options.records === 'ndjson' && {
      records: new RecordWriter({
        interfaces: [],
        digest,
        sha1Base64,
        write,
        ...(registerMap === undefined ? {} : { registerMap }),
      }),
    }),
  });
}

/** False: the file was not read to its end, and standard error says why. */
async function readOne(
  file: string,
  pipeline: Pipeline,
  evidence: CaptureFileEvidence,
  signal: AbortSignal,
  errors: ProgressStream,
): Promise<boolean> {
  const progress = new ReplayProgress(nameOf(file), errors, new SystemClock());
  const onProgress = (bytesRead: number, bytesTotal?: number) =>
    progress.update(bytesRead, bytesTotal);
  const options = { interfaceIndex: 0, evidence, onProgress, signal };
  const { fault } = await readCaptureFile(file, options, pipeline);
  progress.end();
  if (fault === undefined) return true;
  const { problem, remedy, code } = fault;
  errors.write(`fieldtap: ${escapeText(problem)} ${escapeText(remedy)} [${code}]\n`);
  return false;
}

function nameOf(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : escapeText(file);
}

/** What is wrong with the command line, with the remedy; undefined when nothing is. */
function misuseOf(files: readonly string[], options: ReplayOptions): string | undefined {
  const { records, summary } = options;
  if (files.length === 0) return 'replay needs a capture file, or - for standard input.';
  if (files.filter((file) => file === STANDARD_INPUT).length > 1) {
    return 'standard input (-) can be read only once.';
  }
  if (records !== undefined && records !== 'ndjson') {
    return `--records takes ndjson, not "${escapeText(records)}".`;
  }
  if (summary !== undefined && summary !== 'json') {
    return `--summary takes json, not "${escapeText(summary)}".`;
  }
  if (options.registers === true && summary === undefined) {
    return '--registers adds to the summary; give --summary json too.';
  }
  if (options.registerMap !== undefined && records === undefined && options.registers !== true) {
    return '--register-map adds to --records and to --registers; give one of them too.';
  }
  if (records !== undefined && summary !== undefined) {
    return 'both --records and --summary want standard output; run replay once for each.';
  }
  for (const port of [...(options.modbusPort ?? []), ...(options.opcuaPort ?? [])]) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > PORT_MAX) {
      return `a port is a number from 1 to ${PORT_MAX}, not "${escapeText(port)}".`;
    }
  }
  return undefined;
}
