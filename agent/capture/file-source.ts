/**
 * Reads a capture file, or standard input, and hands its frames to the decoder in blocks. The file
 * is never held: one buffer of about a megabyte is all there is, whatever the size of the file.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { FrameBlockSink } from '../../protocols/frame-block.ts';
import type { BlockHistory, BlockTarget } from '../../protocols/pcap/block-emitter.ts';
import { CaptureFileDecoder, type CaptureFileEnd } from '../../protocols/pcap/capture-file.ts';
import { describeLinkType } from '../../protocols/pcap/link-types.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import type { CaptureFileEvidence } from './file-source-evidence.ts';
import { GZIP_MAGIC_BYTES, GzipInput, isGzip } from './gzip-input.ts';

/** The path that means standard input. */
export const STANDARD_INPUT = '-';
const STANDARD_INPUT_DESCRIPTOR = 0;
const PIPE_CHUNK_BYTES = 256 * 1024;

export interface CaptureFileOptions {
  /** Position in the pipeline's list of interfaces. */
  readonly interfaceIndex: number;
  /** Where given, frames have addresses, and `evidence.copy` finds them again. */
  readonly evidence?: CaptureFileEvidence | undefined;
  /** Instead of `evidence`: a ring of the caller's that keeps every block. */
  readonly history?: BlockHistory | undefined;
  /** After every chunk; `bytesTotal` only where the size is known. */
  readonly onProgress?: ((bytesRead: number, bytesTotal?: number) => void) | undefined;
  /** Stops between two chunks; what was read until then is delivered and counted, no fault. */
  readonly signal?: AbortSignal | undefined;
}

export interface CaptureFileResult {
  /** Frames in the file, also those of a link type that we don't read. */
  readonly framesCount: number;
  /** Captured bytes of the frames that were delivered. */
  readonly bytesCount: number;
  /** What an operator should know. Frames before the fault were delivered nevertheless. */
  readonly fault?: OperatorFault;
}

/** Reads `path` (`-` is standard input) to its end. Never throws because of what the file holds. */
export async function readCaptureFile(
  path: string,
  options: CaptureFileOptions,
  sink: FrameBlockSink,
): Promise<CaptureFileResult> {
  let decoder: CaptureFileDecoder | undefined;
  let fault: OperatorFault | undefined;
  let gzipProblem: string | undefined;
  try {
    const descriptor = path === STANDARD_INPUT ? STANDARD_INPUT_DESCRIPTOR : openSync(path, 'r');
    const status = fstatSync(descriptor);
    const isCompressed = status.isFile() && isGzipFile(descriptor);
    const target = targetOf(path, status.isFile() && !isCompressed, options, sink);
    decoder = new CaptureFileDecoder(target);
    if (isCompressed) gzipProblem = await feedGzipFile(descriptor, status.size, options, decoder);
    else gzipProblem = await feed(descriptor, status, options, decoder);
    if (options.signal?.aborted !== true) {
      fault = faultOf(path, decoder.finish(), decoder);
      if (gzipProblem !== undefined) fault = gzipFault(path, gzipProblem, decoder);
    }
  } catch (error) {
    fault = readFaultOf(path, error);
    if (fault === undefined) throw error;
  }
  const framesCount = decoder?.framesCount ?? 0;
  const bytesCount = decoder?.bytesCount ?? 0;
  return fault === undefined ? { framesCount, bytesCount } : { framesCount, bytesCount, fault };
}

/** Looks without moving the place where reading begins; standard input may stand behind it. */
function isGzipFile(descriptor: number): boolean {
  const magic = new Uint8Array(GZIP_MAGIC_BYTES);
  if (descriptor === STANDARD_INPUT_DESCRIPTOR) return false;
  return isGzip(magic, readSync(descriptor, magic, 0, GZIP_MAGIC_BYTES, 0));
}

/** A file is its own evidence; a pipe, or standard input at whatever place, is kept in a ring. */
function targetOf(
  path: string,
  isFile: boolean,
  options: CaptureFileOptions,
  sink: FrameBlockSink,
): BlockTarget {
  const { interfaceIndex, history, evidence } = options;
  if (evidence === undefined) return { sink, interfaceIndex, history };
  if (isFile && path !== STANDARD_INPUT) {
    return { sink, interfaceIndex, addressBase: evidence.beginFile(path) };
  }
  const { base, ring } = evidence.beginPipe();
  return { sink, interfaceIndex, history: ring, addressBase: base };
}

async function feed(
  descriptor: number,
  status: Stats,
  options: CaptureFileOptions,
  decoder: CaptureFileDecoder,
): Promise<string | undefined> {
  if (status.isFIFO() || status.isSocket()) return feedPipe(descriptor, options, decoder);
  try {
    await feedFile(descriptor, status.size, options, decoder);
  } finally {
    if (descriptor !== STANDARD_INPUT_DESCRIPTOR) closeSync(descriptor);
  }
  return undefined;
}

/** Returns what was wrong with the compressed bytes, if anything. */
async function feedGzipFile(
  descriptor: number,
  bytesTotal: number,
  options: CaptureFileOptions,
  decoder: CaptureFileDecoder,
): Promise<string | undefined> {
  const gzip = new GzipInput((bytes) => decoder.push(bytes));
  const piece = new Uint8Array(PIPE_CHUNK_BYTES);
  let bytesRead = 0;
  try {
    for (;;) {
      const isWanted = !decoder.isOver && options.signal?.aborted !== true;
      if (!isWanted || gzip.problem !== undefined) return gzip.problem;
      const count = readSync(descriptor, piece, 0, piece.length, null);
      if (count === 0) break;
      await gzip.write(piece.subarray(0, count));
      bytesRead += count;
      options.onProgress?.(bytesRead, bytesTotal);
    }
    await gzip.end();
    return gzip.problem;
  } finally {
    gzip.stop();
    closeSync(descriptor);
  }
}

/** Synchronous reads are the fastest; the event loop runs between two of them. */
async function feedFile(
  descriptor: number,
  bytesTotal: number,
  options: CaptureFileOptions,
  decoder: CaptureFileDecoder,
): Promise<void> {
  let bytesRead = 0;
  while (!decoder.isOver && options.signal?.aborted !== true) {
    decoder.makeRoom();
    const { buffer, writeOffset } = decoder;
    const count = readSync(descriptor, buffer, writeOffset, buffer.length - writeOffset, null);
    if (count === 0) return;
    decoder.wrote(count);
    bytesRead += count;
    options.onProgress?.(bytesRead, bytesTotal);
    await setImmediate();
  }
}

/**
 * A pipe may pause for hours (`tcpdump -w - | ...`): frames go on as soon as they are whole. The
 * socket reads into one buffer of ours; a stream that makes a new one each time took 40 MB more.
 */
function feedPipe(
  descriptor: number,
  options: CaptureFileOptions,
  decoder: CaptureFileDecoder,
): Promise<string | undefined> {
  let bytesRead = 0;
  let gzip: GzipInput | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const chunk = new Uint8Array(PIPE_CHUNK_BYTES);
  const take = (count: number): boolean => {
    if (bytesRead === 0 && isGzip(chunk, count)) {
      gzip = new GzipInput((bytes) => decoder.push(bytes));
    }
    bytesRead += count;
    options.onProgress?.(bytesRead);
    if (gzip !== undefined) {
      // The socket waits until this piece is through.
      gzip.write(chunk.subarray(0, count)).then(() => {
        if (decoder.isOver || gzip?.problem !== undefined) socket.destroy();
        else socket.resume();
      }, reject);
      return false;
    }
    decoder.push(chunk.subarray(0, count));
    if (decoder.isOver) socket.destroy();
    return !decoder.isOver;
  };
  const socket = new Socket({
    fd: descriptor,
    writable: false,
    onread: { buffer: chunk, callback: take },
  });
  const stop = (): void => {
    socket.destroy();
  };
  options.signal?.addEventListener('abort', stop);
  socket.on('error', reject);
  socket.on('close', () => {
    options.signal?.removeEventListener('abort', stop);
    if (gzip === undefined) resolve(undefined);
    else endGzip(gzip, decoder).then(resolve, reject);
  });
  if (options.signal?.aborted === true) stop();
  else socket.resume();
  return promise;
}

async function endGzip(gzip: GzipInput, decoder: CaptureFileDecoder): Promise<string | undefined> {
  if (!decoder.isOver) await gzip.end();
  gzip.stop();
  return decoder.isOver ? undefined : gzip.problem;
}

function gzipFault(path: string, problem: string, decoder: CaptureFileDecoder): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_FILE_DAMAGED',
    problem: `${describe(path)} is damaged: its gzip compression can't be read on (${problem}).`,
    remedy: `${decoder.framesCount} frames were read; if there are more, copy the file again.`,
  });
}

function faultOf(
  path: string,
  end: CaptureFileEnd,
  decoder: CaptureFileDecoder,
): OperatorFault | undefined {
  const file = describe(path);
  switch (end.kind) {
    case 'whole':
      return undefined;
    case 'empty':
      return new OperatorFault({
        code: 'CAPTURE_FILE_NOT_CAPTURE',
        problem: `${file} is empty: it has not even the header of a capture file.`,
        remedy: 'Record it again, for example with tcpdump -w, and check the disk it was on.',
      });
    case 'notCapture':
      return new OperatorFault({
        code: 'CAPTURE_FILE_NOT_CAPTURE',
        problem: `${file} is no pcap or pcapng capture: it begins with 0x${end.firstBytesHex}.`,
        remedy: 'Give a file written by tcpdump, dumpcap or Wireshark, or save it there as pcapng.',
      });
    case 'compressed':
      return new OperatorFault({
        code: 'CAPTURE_FILE_COMPRESSED',
        problem: `${file} is compressed with ${end.program}.`,
        remedy: `Decompress it first: ${end.program} -dc FILE | fieldtap replay -`,
      });
    case 'linkTypeUnsupported': {
      const frames =
        end.framesCount === 0 ? 'and no frame was read' : `${end.framesCount} frames were left out`;
      return new OperatorFault({
        code: 'CAPTURE_FILE_LINK_TYPE_UNSUPPORTED',
        problem: `${file} has the link type ${describeLinkType(end.linkType)}, ${frames}.`,
        remedy: 'Capture on an Ethernet interface, or on "any" with tcpdump -i any.',
      });
    }
    case 'damaged': {
      const { offsetBytes, problem } = end.damage;
      return new OperatorFault({
        code: 'CAPTURE_FILE_DAMAGED',
        problem: `${file} is damaged at byte ${offsetBytes}: ${problem}.`,
        remedy: `${decoder.framesCount} frames were read; if there are more, copy the file again.`,
      });
    }
    default:
      return end satisfies never;
  }
}

/** The faults of the file system that an operator can mend; undefined for our own mistakes. */
function readFaultOf(path: string, error: unknown): OperatorFault | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const file = describe(path);
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new OperatorFault({
        code: 'CAPTURE_FILE_MISSING',
        problem: `${file} does not exist.`,
        remedy: 'Check the path; "-" reads a capture from standard input.',
        cause: error,
      });
    case 'EISDIR':
      return new OperatorFault({
        code: 'CAPTURE_FILE_NOT_CAPTURE',
        problem: `${file} is a folder.`,
        remedy: 'Name the capture files inside it, for example with a pattern: FOLDER/*.pcap.',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new OperatorFault({
        code: 'CAPTURE_FILE_UNREADABLE',
        problem: `${file} may not be read by this user.`,
        remedy: 'Change its permissions with chmod or chown, or run the command as its owner.',
        cause: error,
      });
    case 'EIO':
      return new OperatorFault({
        code: 'CAPTURE_FILE_UNREADABLE',
        problem: `${file} could not be read to its end: the disk reports an error (EIO).`,
        remedy: 'Copy what can be saved to another disk; frames before the error were read.',
        cause: error,
      });
    default:
      return undefined;
  }
}

function describe(path: string): string {
  return path === STANDARD_INPUT ? 'Standard input' : `Capture file ${JSON.stringify(path)}`;
}
