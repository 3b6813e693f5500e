/**
 * A Modbus/TCP client that makes a known number of transactions, at a rate or as fast as answers
 * come, over one connection with plain sockets: what the bench counts against.
 * `node modbus-burst.ts --host H --port 502 --count 3300 --rate 0 --registers 10`. It says
 * `{"ready":...}` when connected, begins with the line `go`, and says `{"done":...}` in the end.
 */
import { createConnection, type Socket } from 'node:net';
import { deviceArguments, endWith, numberArgument, say } from './device.ts';

const MBAP_BYTES = 7;
/** MBAP length counts from the unit identifier on. */
const LENGTH_AT = 4;
const READ_HOLDING_REGISTERS = 3;
const ANSWER_MS = 5000;

const given = deviceArguments();
const host = given.host ?? '127.0.0.1';
const port = numberArgument(given, 'port', 502);
const transactions = numberArgument(given, 'count', 1000);
const rate = numberArgument(given, 'rate', 0);
const registers = numberArgument(given, 'registers', 10);
const unitId = numberArgument(given, 'unit', 1);

const socket = createConnection({ host, port, noDelay: true });
socket.on('error', (error) => say({ failed: error.message }));
endWith(
  () => {
    socket.destroy();
  },
  (line) => {
    if (line === 'go') void run();
  },
);
socket.once('connect', () => say({ ready: 'modbus-burst' }));

async function run(): Promise<void> {
  const beganMs = performance.now();
  let answered = 0;
  for (let count = 0; count < transactions; count++) {
    const dueMs = rate === 0 ? 0 : beganMs + (count * 1000) / rate - performance.now();
    // Timers are coarse: short waits come in one piece.
    if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs));
    if (!(await transact(socket, count))) break;
    answered++;
  }
  const seconds = (performance.now() - beganMs) / 1000;
  say({ done: 'modbus-burst', requests: transactions, answered, seconds });
}

/** One request and its whole answer; false when none came. */
function transact(connection: Socket, count: number): Promise<boolean> {
  const request = Buffer.alloc(MBAP_BYTES + 5);
  request.writeUInt16BE(count & 0xffff, 0);
  request.writeUInt16BE(6, LENGTH_AT);
  request[6] = unitId;
  request[MBAP_BYTES] = READ_HOLDING_REGISTERS;
  request.writeUInt16BE(count % 50, MBAP_BYTES + 1);
  request.writeUInt16BE(registers, MBAP_BYTES + 3);
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = (isAnswered: boolean): void => {
      clearTimeout(limit);
      connection.off('data', take);
      connection.off('close', lost);
      resolve(isAnswered);
    };
    const take = (part: Buffer): void => {
      bytes = Buffer.concat([bytes, part]);
      const isWhole =
        bytes.length >= MBAP_BYTES && bytes.length >= 6 + bytes.readUInt16BE(LENGTH_AT);
      if (isWhole) finish(true);
    };
    const lost = (): void => finish(false);
    const limit = setTimeout(lost, ANSWER_MS);
    connection.on('data', take);
    connection.once('close', lost);
    connection.write(request);
  });
}
