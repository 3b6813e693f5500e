/**
 * A mosquitto as hub/README.md sets it up: mutual TLS, names from certificates, an access list that
 * lets each name write below itself only, and the hub's revocation list.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { BenchProcess, eventually } from './bench-process.ts';

const ACCESS_LIST = `user hub
topic read ft/v1/+/up/#
topic write ft/v1/+/dn/#
topic write ft/v1/adv/#

pattern write ft/v1/%u/up/#
pattern read ft/v1/%u/dn/#
pattern read ft/v1/adv/#
`;

/** Below the range from which Linux takes the ports of connections (ip_local_port_range). */
const FIRST_PORT = 15_000;
const PORTS = 17_000;
const PORT_TRIES_MAX = 100;

export interface TlsBroker {
  readonly port: number;
  readonly process: BenchProcess;
}

export interface BrokerFiles {
  /** Folder with ca.pem, broker.pem and broker-key.pem; the configuration goes there. */
  readonly tls: string;
  readonly revocationList: string;
  /** Absent: one that is free. */
  readonly port?: number;
}

/** Ends with whoever keeps its process. */
export async function startTlsBroker({
  tls,
  revocationList,
  ...rest
}: BrokerFiles): Promise<TlsBroker> {
  const port = rest.port ?? (await freePort());
  const accessList = join(tls, 'acl');
  writeFileSync(accessList, ACCESS_LIST);
  // mosquitto refuses an access list that others may write, and warns of one that they may read.
  chmodSync(accessList, 0o600);
  const configuration = join(tls, 'mosquitto.conf');
  const lines = [
    `listener ${port} 127.0.0.1`,
    `cafile ${tls}/ca.pem`,
    `certfile ${tls}/broker.pem`,
    `keyfile ${tls}/broker-key.pem`,
    `crlfile ${revocationList}`,
    'require_certificate true',
    'use_identity_as_username true',
    `acl_file ${accessList}`,
    'persistence false',
    'max_inflight_messages 256',
    'max_queued_messages 100000',
    `user ${userInfo().username}`,
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`);
  const program = new BenchProcess(['mosquitto', '-c', configuration], {
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
  });
  await eventually(() => /running/.test(program.stderr) || undefined, 'mosquitto to run');
  return { port, process: program };
}

/** Free a moment ago, and none that the kernel gives to a connection in the meantime. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among ${PORT_TRIES_MAX} from ${FIRST_PORT} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
