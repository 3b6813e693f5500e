/**
 * An MQTT 5 broker (by aedes) with two doors: the agent's, which can be cut and restored by a line
 * on standard input (`cut`, `restore`), and the hub's, which stays:
 * `node mqtt-broker.ts --agent-port 0 --hub-port 0`. It has no shared subscriptions.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { deviceArguments, endWith, numberArgument, say } from './device.ts';

const given = deviceArguments();
const host = given.host ?? '127.0.0.1';
const broker = await Aedes.createBroker();
broker.on('clientError', () => {});
broker.on('connectionError', () => {});

const agentDoor = door();
const hubDoor = door();
const agentPort = await agentDoor.open(numberArgument(given, 'agent-port', 0));
const hubPort = await hubDoor.open(numberArgument(given, 'hub-port', 0));
say({ ready: 'mqtt-broker', agentPort, hubPort });

endWith(
  async () => {
    agentDoor.cut();
    hubDoor.cut();
    await new Promise<void>((resolve) => broker.close(() => resolve()));
  },
  (line) => {
    if (line === 'cut') {
      agentDoor.cut();
      say({ cut: true });
    }
    if (line === 'restore') void agentDoor.open(agentPort).then(() => say({ restored: true }));
  },
);

interface Door {
  open(port: number): Promise<number>;
  /** Resets every connection and refuses new ones. */
  cut(): void;
}

function door(): Door {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  return {
    open(port) {
      return new Promise((resolve, reject) => {
        const listening = createServer((socket) => {
          sockets.add(socket);
          socket.on('close', () => sockets.delete(socket));
          socket.on('error', () => {});
          broker.handle(socket);
        });
        server = listening;
        listening.once('error', reject);
        listening.listen(port, host, () => {
          const address = listening.address();
          resolve(typeof address === 'object' && address !== null ? address.port : port);
        });
      });
    },
    cut() {
      server?.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}
