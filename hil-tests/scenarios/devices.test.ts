/**
 * The plant's devices are real software of several makers, so that no test of ours proves only that
 * we understand ourselves: libmodbus, modbus-serial, mbpoll, node-opcua in three security modes.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { benchTest, virtualTest } from '../plant/bench-test.ts';
import { compiledDevice } from '../plant/compiled-device.ts';
import { report } from '../report.ts';
import { accounted, framesOf } from './traffic.ts';

const POLLS = 8;

virtualTest(
  { places: ['plc', 'hmi'], onlyVirtual: 'start mbpoll on a station', programs: ['mbpoll'] },
  'mbpoll and modbus-serial against libmodbus',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const sensor = plant.sensor();
    await sensor.start();
    const hmi = plant.place('hmi');
    for (let poll = 0; poll < POLLS; poll++) {
      await hmi.run(
        'mbpoll',
        '-m',
        'tcp',
        '-a',
        '1',
        '-r',
        '1',
        '-c',
        '10',
        '-1',
        server.ipAddress,
      );
    }
    const words = [
      '--host',
      server.ipAddress,
      '--port',
      '502',
      '--units',
      '1',
      '--interval-ms',
      '50',
    ];
    const client = await plant.startDevice(hmi, 'modbus-client.ts', ...words);
    await sensor.until(({ traffic }) => traffic.modbusTransactions >= 10 * POLLS, 'its polls');
    await client.stop();
    const { framesSent } = await plant.mirrorPort.counters();
    const { traffic } = await accounted(sensor, framesSent);
    report(context, 'libmodbus: requests', traffic.modbusRequests, 'requests', '>=', 10 * POLLS);
    const unanswered = traffic.modbusRequests - traffic.modbusResponses - traffic.modbusExceptions;
    // The client may have been stopped with one request under way.
    report(context, 'libmodbus: unanswered', unanswered, 'requests', '<=', 1);
    report(context, 'libmodbus: malformed', traffic.modbusMalformed, 'messages', '==', 0);
  },
);

const MODES = ['None', 'Sign', 'SignAndEncrypt'] as const;
/** In mode Sign only the two messages that open a channel are encrypted (OPC 10000-6 §6.7.2.3). */
const ENCRYPTED = {
  None: { comparison: '==', messages: 0 },
  Sign: { comparison: '<=', messages: 4 },
  SignAndEncrypt: { comparison: '>=', messages: 20 },
} as const;
for (const mode of MODES) {
  benchTest(
    { places: ['opcuaServer', 'opcuaClient'] },
    `OPC UA by node-opcua, security mode ${mode}`,
    async (context, bench) => {
      const server = bench.place('opcuaServer');
      const directory = join(bench.folder, 'opcua');
      const shared = ['--directory', directory, '--port', '4840', '--mode', mode];
      const address = ['--host', server.ipAddress];
      await bench.startDevice(server, 'opcua-server.ts', ...address, ...shared);
      const sensor = bench.sensor();
      await sensor.start();
      const client = bench.place('opcuaClient');
      const words = [...address, ...shared, '--role', 'reader', '--interval-ms', '50'];
      await bench.startDevice(client, 'opcua-client.ts', ...words);
      const status = await sensor.until(
        ({ traffic }) => traffic.opcuaTransportMessages >= 60,
        'its messages',
      );
      const { traffic } = status;
      const name = `OPC UA ${mode}`;
      report(context, `${name}: malformed`, traffic.opcuaMalformed, 'messages', '==', 0);
      report(context, `${name}: frames dropped`, framesOf(status).dropped, 'frames', '==', 0);
      const isHidden = mode === 'SignAndEncrypt';
      const { opcuaEncryptedMessages: hidden, opcuaTransactions: read } = traffic;
      const limit = ENCRYPTED[mode];
      report(context, `${name}: encrypted`, hidden, 'messages', limit.comparison, limit.messages);
      if (!isHidden) report(context, `${name}: transactions`, read, 'transactions', '>=', 20);
    },
  );
}

virtualTest(
  { places: [], onlyVirtual: 'count on pseudo-terminals', programs: ['mbpoll', 'socat'] },
  'a serial bus: mbpoll asks libmodbus over RTU, a third station hears both',
  async (context, plant) => {
    const bus = await plant.serialBus(9600);
    const program = await compiledDevice('modbus-plc', plant.folder);
    const server = [program, 'rtu', bus.path('server'), '9600', '1'];
    await plant.start(plant.sensorHost, server).ready();
    const heard = plant.start(plant.sensorHost, ['cat', bus.path('tap')]);
    const options = [
      '-m',
      'rtu',
      '-b',
      '9600',
      '-P',
      'none',
      '-a',
      '1',
      '-r',
      '1',
      '-c',
      '10',
      '-1',
    ];
    for (let poll = 0; poll < POLLS; poll++) {
      await plant.sensorHost.run('mbpoll', ...options, '-o', '5', bus.path('client'));
    }
    await bus.transmit(Uint8Array.of(0xff, 0x00), 'wire');
    await delay(300);
    const sent = bus.bytesSent('client') + bus.bytesSent('server');
    report(context, 'serial bus: bytes of the stations', sent, 'bytes', '>=', POLLS * (8 + 25));
    // `cat` is no text reader here: lengths are counted on what came as Latin characters would.
    report(context, 'serial bus: bytes sent by the tap', bus.bytesSent('tap'), 'bytes', '==', 0);
    report(context, 'serial bus: the tap heard', heard.stdout.length, 'characters', '>=', 1);
  },
);
