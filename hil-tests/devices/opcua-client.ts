/**
 * An OPC UA client (by node-opcua): `node opcua-client.ts --port 4840 --directory DIR --role ...`.
 * `hmi`: browses once, then subscribes to the level, reads, writes the set-point, calls a method.
 * `reader`: reads only. `stranger`: signs in with a wrong password in clear text, and is refused.
 * `--mode Sign|SignAndEncrypt` for a protected channel.
 */
import { join } from 'node:path';
import {
  AttributeIds,
  type ClientSession,
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAClient,
  SecurityPolicy,
  TimestampsToReturn,
  UserTokenType,
} from 'node-opcua';
import { deviceArguments, endWith, numberArgument, say } from './device.ts';
import { securityMode } from './opcua-security-mode.ts';

const READS_PER_WRITE = 8;
const READS_PER_CALL = 40;
const PUBLISHING_INTERVAL_MS = 250;

const given = deviceArguments();
const role = given.role ?? 'hmi';
const mode = securityMode(given.mode);
const intervalMs = numberArgument(given, 'interval-ms', 200);
const endpointUrl = `opc.tcp://${given.host ?? '127.0.0.1'}:${given.port ?? '4840'}/plant`;
const client = OPCUAClient.create({
  applicationName: `bench-${role}`,
  applicationUri: `urn:bench:${role}`,
  endpointMustExist: false,
  securityMode: MessageSecurityMode[mode],
  securityPolicy: mode === 'None' ? SecurityPolicy.None : SecurityPolicy.Basic256Sha256,
  connectionStrategy: { maxRetry: 3, initialDelay: 200, maxDelay: 1000 },
  // Given its own store, the library doesn't write one below the user's home.
  clientCertificateManager: new OPCUACertificateManager({
    rootFolder: join(given.directory ?? '.', `client-pki-${role}`),
    automaticallyAcceptUnknownCertificate: true,
  }),
});

await client.connect(endpointUrl);
if (role === 'stranger') await beRefused();
else await work();

async function work(): Promise<void> {
  const session = await client.createSession();
  let isEnding = false;
  endWith(async () => {
    isEnding = true;
    await session.close();
    await client.disconnect();
  });
  if (role === 'hmi') {
    await session.browse('ObjectsFolder');
    await session.browse('ns=1;s=Pump1.Level');
    await subscribe(session);
  }
  say({ ready: 'opcua-client' });
  for (let count = 1; !isEnding; count++) {
    await settle(readOnce(session, count));
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

async function readOnce(session: ClientSession, count: number): Promise<void> {
  await session.read([
    { nodeId: 'ns=1;s=Pump1.Level', attributeId: AttributeIds.Value },
    { nodeId: 'ns=1;s=Pump1.Setpoint', attributeId: AttributeIds.Value },
  ]);
  if (role !== 'hmi') return;
  if (count % READS_PER_WRITE === 0) {
    await session.write({
      nodeId: 'ns=1;s=Pump1.Setpoint',
      attributeId: AttributeIds.Value,
      value: { value: { dataType: DataType.Double, value: count / 4 } },
    });
  }
  if (count % READS_PER_CALL === 0) {
    await session.call({
      objectId: 'ns=1;s=Pump1',
      methodId: 'ns=1;s=Pump1.Start',
      inputArguments: [{ dataType: DataType.Double, value: 50 }],
    });
  }
}

async function subscribe(session: ClientSession): Promise<void> {
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: PUBLISHING_INTERVAL_MS,
    requestedMaxKeepAliveCount: 10,
    requestedLifetimeCount: 100,
    maxNotificationsPerPublish: 100,
    publishingEnabled: true,
    priority: 1,
  });
  await subscription.monitor(
    { nodeId: 'ns=1;s=Pump1.Level', attributeId: AttributeIds.Value },
    { samplingInterval: 50, discardOldest: true, queueSize: 10 },
    TimestampsToReturn.Both,
  );
}

async function settle(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    say({ refused: error instanceof Error ? error.message : String(error) });
  }
}

/** One refused sign-in, as somebody who guesses passwords would make it. */
async function beRefused(): Promise<void> {
  try {
    const session = await client.createSession({
      type: UserTokenType.UserName,
      userName: 'operator',
      password: given.password ?? 'guess-1234',
    });
    await session.close();
    say({ ready: 'opcua-stranger', signedIn: true });
  } catch (error) {
    say({
      ready: 'opcua-stranger',
      refused: error instanceof Error ? error.message : String(error),
    });
  }
  await client.disconnect();
  process.exit(0);
}
