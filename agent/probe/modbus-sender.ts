/**
 * The process that asks a Modbus device, by modbus-serial: started by `fieldtap probe` for one plan
 * and gone in seconds. It reads the plan from standard input. Whatever the library wants to write
 * is compared with the plan first, and anything else ends the process unsent.
 */

import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { questionText } from './modbus-frames.ts';
import type { ModbusPlan, ModbusQuestion, ProbeLine } from './probe-plan.ts';
import { RtuPort } from './rtu-port.ts';
import { readPlan, say } from './sender-lines.ts';

/** What is used of the library's client; its own typings don't fit how Node loads it. */
interface Client {
  linkTCP(socket: Socket, options: object): Promise<void>;
  connectRTUBuffered(path: string, options: { baudRate: number; parity: string }): Promise<void>;
  open(done: (error?: Error) => void): void;
  close(done: () => void): void;
  setID(unitId: number): void;
  setTimeout(timeoutMs: number): void;
  readCoils(address: number, quantity: number): Promise<{ data: boolean[] }>;
  readDiscreteInputs(address: number, quantity: number): Promise<{ data: boolean[] }>;
  readHoldingRegisters(address: number, quantity: number): Promise<{ data: number[] }>;
  readInputRegisters(address: number, quantity: number): Promise<{ data: number[] }>;
  readDeviceIdentification(
    code: number,
    objectId: number,
  ): Promise<{ data: Record<string, string> }>;
  /** Its two arguments are for nothing; without them it never answers. */
  reportServerID(
    first: number,
    second: number,
  ): Promise<{ serverId: number; running: boolean; additionalData: Uint8Array }>;
}

const Modbus: new (port?: RtuPort) => Client = createRequire(import.meta.url)('modbus-serial');

/** Object ids of section 6.21. */
const OBJECT_NAMES = [
  'vendorName',
  'productCode',
  'majorMinorRevision',
  'vendorUrl',
  'productName',
  'modelName',
];

async function main(): Promise<void> {
  const plan = await readPlan();
  if (plan.protocol !== 'modbus') throw new Error('this process asks Modbus devices only');
  const { client, close } = await (plan.carrier === 'serial' ? openSerial(plan) : openTcp(plan));
  client.setTimeout(plan.timeoutMs);
  client.setID(plan.unitId);
  for (const question of plan.questions) await ask(client, question);
  await close();
  say({ kind: 'done' });
}

interface Opened {
  readonly client: Client;
  readonly close: () => Promise<void>;
}

async function openTcp(plan: ModbusPlan): Promise<Opened> {
  const socket = new Socket();
  await new Promise<void>((resolve, reject) => {
    const { host, port, timeoutMs } = plan;
    const late = new Error(`${host}:${port} doesn't answer within ${timeoutMs} ms`);
    const limit = setTimeout(() => reject(late), timeoutMs);
    socket.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`${host}:${port} can't be reached (${error.code ?? error.message})`)),
    );
    socket.connect(plan.port, plan.host, () => {
      clearTimeout(limit);
      socket.removeAllListeners('error');
      resolve();
    });
  });
  socket.on('error', () => {});
  const guard = new Guard(plan);
  const write = socket.write.bind(socket);
  // The one door out of this process.
  Reflect.set(socket, 'write', (bytes: Uint8Array) => guard.allows(bytes) && write(bytes));
  const client = plan.carrier === 'tcp' ? new Modbus() : new Modbus(new RtuPort(socket));
  if (plan.carrier === 'tcp') await client.linkTCP(socket, {});
  else await new Promise<void>((resolve) => client.open(() => resolve()));
  const close = async (): Promise<void> => {
    socket.end();
    socket.destroy();
  };
  return { client, close };
}

/** A line that isn't silent has another client: two would talk over each other. */
async function openSerial(plan: ModbusPlan): Promise<Opened> {
  const { serial } = plan;
  if (serial === undefined) throw new Error('the plan has no settings of the line');
  const { baudRate, parity, silentMs } = serial;
  const opener = new Modbus();
  await opener.connectRTUBuffered(plan.host, { baudRate, parity }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message.replace(/^Error: /, '') : String(error);
    throw new Error(`"${plan.host}" can't be opened (${why})`);
  });
  const port: unknown = Reflect.get(Reflect.get(opener, '_port'), '_client');
  if (!isSerialPort(port)) throw new Error('the library has no serial port of its own');
  const guard = new Guard(plan);
  const write = port.write.bind(port);
  port.write = (bytes: Uint8Array) => guard.allows(bytes) && write(bytes);
  const close = (): Promise<void> => new Promise((resolve) => opener.close(() => resolve()));
  const heardMs = await firstByte(port, silentMs);
  if (heardMs === undefined) {
    const client = new Modbus(new RtuPort(port));
    await new Promise<void>((resolve) => client.open(() => resolve()));
    return { client, close };
  }
  await close();
  const problem = `Bytes came after ${(heardMs / 1000).toFixed(1)} s: the line is in use.`;
  fail('PROBE_LINE_IN_USE', problem);
}

/** Milliseconds until something is heard; undefined where the whole time is silent. */
function firstByte(port: WritablePort, silentMs: number): Promise<number | undefined> {
  const beganMs = performance.now();
  return new Promise((resolve) => {
    const limit = setTimeout(() => finish(undefined), silentMs);
    const hear = (): void => finish(performance.now() - beganMs);
    const finish = (heardMs: number | undefined): void => {
      clearTimeout(limit);
      port.off('data', hear);
      resolve(heardMs);
    };
    port.on('data', hear);
  });
}

interface WritablePort {
  write: (bytes: Uint8Array) => boolean;
  on(event: 'data', take: (bytes: Uint8Array) => void): unknown;
  off(event: 'data', take: (bytes: Uint8Array) => void): unknown;
}

function isSerialPort(value: unknown): value is WritablePort {
  return typeof value === 'object' && value !== null && 'write' in value && 'on' in value;
}

/** Pieces of a device identification that didn't fit one answer. */
const CONTINUATIONS_MAX = 8;
const MBAP_BYTES = 6;
const CRC_BYTES = 2;
const IDENTIFICATION = '2b0e01';

class Guard {
  readonly #frames: string[];
  readonly #plan: ModbusPlan;
  #continuations = 0;

  constructor(plan: ModbusPlan) {
    this.#plan = plan;
    this.#frames = [...plan.frames];
  }

  /** In the order of the plan; a question that timed out doesn't hold up the next one. */
  allows(bytes: Uint8Array): boolean {
    const hex = Buffer.from(bytes).toString('hex');
    const at = this.#frames.indexOf(hex);
    if (at >= 0) this.#frames.splice(0, at + 1);
    else if (!this.#isContinuation(bytes)) {
      fail('PROBE_BYTES_NOT_PLANNED', `"${hex}" was to be sent and is not in the plan.`);
    }
    say({ kind: 'send', hex });
    return true;
  }

  /** The same question for the objects that the device said would follow. */
  #isContinuation(bytes: Uint8Array): boolean {
    const { carrier, unitId } = this.#plan;
    const adu = carrier === 'tcp' ? bytes.subarray(MBAP_BYTES) : bytes.subarray(0, -CRC_BYTES);
    const isAsked = this.#plan.questions.some(({ kind }) => kind === 'deviceIdentification');
    if (!isAsked || adu.length !== 5 || adu[0] !== unitId) return false;
    if (Buffer.from(adu.subarray(1, 4)).toString('hex') !== IDENTIFICATION) return false;
    return ++this.#continuations <= CONTINUATIONS_MAX;
  }
}

async function ask(client: Client, question: ModbusQuestion): Promise<void> {
  try {
    for (const fact of await factsOf(client, question)) say(fact);
  } catch (error) {
    const problem =
      error instanceof Error ? error.message : String(Reflect.get(Object(error), 'message'));
    say({ kind: 'unanswered', question: questionText(question), problem });
  }
}

async function factsOf(client: Client, question: ModbusQuestion): Promise<ProbeLine[]> {
  switch (question.kind) {
    case 'deviceIdentification': {
      const { data } = await client.readDeviceIdentification(1, 0);
      return Object.entries(data).map(([objectId, value]) =>
        fact(OBJECT_NAMES[Number(objectId)] ?? `object${objectId}`, value),
      );
    }
    case 'serverId': {
      const { serverId, running, additionalData } = await client.reportServerID(0, 0);
      return [
        fact('serverId', String(serverId)),
        fact('isRunning', String(running)),
        fact('serverIdText', Buffer.from(additionalData).toString('latin1')),
      ];
    }
    case 'read':
      return [fact(questionText(question), (await read(client, question)).join(' '))];
    default:
      return question satisfies never;
  }
}

async function read(
  client: Client,
  { object, address, quantity }: Extract<ModbusQuestion, { kind: 'read' }>,
): Promise<readonly (number | boolean)[]> {
  switch (object) {
    case 'coil':
      return (await client.readCoils(address, quantity)).data.slice(0, quantity);
    case 'discreteInput':
      return (await client.readDiscreteInputs(address, quantity)).data.slice(0, quantity);
    case 'holdingRegister':
      return (await client.readHoldingRegisters(address, quantity)).data;
    case 'inputRegister':
      return (await client.readInputRegisters(address, quantity)).data;
    default:
      return object satisfies never;
  }
}

function fact(name: string, value: string): ProbeLine {
  return { kind: 'fact', name, value };
}

function fail(code: string, problem: string): never {
  say({ kind: 'failed', code, problem });
  process.exit(1);
}

main().catch((error: unknown) => {
  const problem = error instanceof Error ? error.message.replace(/^Error: /, '') : String(error);
  fail('PROBE_TARGET_UNREACHABLE', `${problem}.`);
});
