/**
 * An OPC UA server (by node-opcua) that plays a pump:
 * `node opcua-server.ts --port 0 --directory DIR`. Certificates and trust lists lie in DIR and
 * nowhere else; `--mode Sign` or `SignAndEncrypt` offers that one alone. `Pump1.Level` changes by
 * a fixed rule (`{"set":...}` lines tell each value), `Pump1.Setpoint` may be written,
 * `Pump1.Start` may be called, and only the user
 * `operator` with the password given by --password may sign in by name.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  UserTokenPolicy,
  UserTokenType,
  Variant,
} from 'node-opcua';
import { deviceArguments, endWith, numberArgument, say } from './device.ts';
import { securityMode } from './opcua-security-mode.ts';

const LEVEL_INTERVAL_MS = 200;

const given = deviceArguments();
const directory = given.directory ?? '.';
const mode = securityMode(given.mode);
mkdirSync(directory, { recursive: true });
const certificates = (name: string) =>
  new OPCUACertificateManager({
    rootFolder: join(directory, name),
    automaticallyAcceptUnknownCertificate: true,
  });

const server = new OPCUAServer({
  host: given.host ?? '127.0.0.1',
  hostname: given.host ?? '127.0.0.1',
  port: numberArgument(given, 'port', 0),
  resourcePath: '/plant',
  buildInfo: { productName: 'Bench pump', softwareVersion: '1.2.3', manufacturerName: 'Bench' },
  allowAnonymous: true,
  userManager: {
    isValidUser: (user: string, password: string) =>
      user === 'operator' && password === (given.password ?? 'bench-only'),
  },
  securityPolicies: [mode === 'None' ? SecurityPolicy.None : SecurityPolicy.Basic256Sha256],
  securityModes: [MessageSecurityMode[mode]],
  serverCertificateManager: certificates('server-pki'),
  userCertificateManager: certificates('user-pki'),
});
await server.initialize();
offerPasswordsInClear(server);
const timer = plant(server);
await server.start();
say({ ready: 'opcua-server', port: server.endpoints[0].port });
endWith(async () => {
  clearInterval(timer);
  await server.shutdown(100);
});

/** As many real devices do: sign-in by name on an unprotected endpoint, the password in clear. */
function offerPasswordsInClear(plantServer: OPCUAServer): void {
  const descriptions = plantServer.endpoints.flatMap((endpoint) => endpoint.endpointDescriptions());
  for (const description of descriptions) {
    description.userIdentityTokens?.push(
      new UserTokenPolicy({ policyId: 'username_clear', tokenType: UserTokenType.UserName }),
    );
  }
}

function plant(plantServer: OPCUAServer): NodeJS.Timeout {
  const addressSpace = plantServer.engine.addressSpace;
  if (addressSpace === null) throw new Error('the server has no address space');
  const namespace = addressSpace.getOwnNamespace();
  const pump = namespace.addObject({
    organizedBy: addressSpace.rootFolder.objects,
    nodeId: 's=Pump1',
    browseName: 'Pump1',
  });
  const variable = (name: string, value: number) =>
    namespace.addVariable({
      componentOf: pump,
      nodeId: `s=Pump1.${name}`,
      browseName: name,
      dataType: 'Double',
      minimumSamplingInterval: 50,
      value: { dataType: DataType.Double, value },
    });
  const level = variable('Level', 0);
  variable('Setpoint', 1.5);
  const start = namespace.addMethod(pump, {
    nodeId: 's=Pump1.Start',
    browseName: 'Start',
    inputArguments: [{ name: 'speed', dataType: DataType.Double }],
    outputArguments: [{ name: 'running', dataType: DataType.Boolean }],
  });
  start.bindMethod((_arguments, _context, done) =>
    done(null, {
      statusCode: StatusCodes.Good,
      outputArguments: [new Variant({ dataType: DataType.Boolean, value: true })],
    }),
  );
  let count = 0;
  return setInterval(() => {
    count++;
    const value = count / 8;
    level.setValueFromSource({ dataType: DataType.Double, value });
    say({ set: 'ns=1;s=Pump1.Level', value });
  }, LEVEL_INTERVAL_MS);
}
