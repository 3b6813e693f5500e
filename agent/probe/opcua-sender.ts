/**
 * The process that asks an OPC UA server what it is, by node-opcua-client: endpoints, servers,
 * policies, certificates, and BuildInfo where a session was asked for. Started by `fieldtap probe`
 * for one plan. Each message is told before it leaves. Calls no method and writes no value.
 */
import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { AttributeIds, MessageSecurityMode, OPCUAClient, SecurityPolicy } from 'node-opcua-client';
import type { OpcuaPlan } from './probe-plan.ts';
import { readPlan, say } from './sender-lines.ts';

/** i=2260: Server_ServerStatus_BuildInfo (OPC 10000-5, section 6.3.1). */
const BUILD_INFO = 'i=2260';
const ENDPOINTS_TOLD_MAX = 16;

async function main(): Promise<void> {
  const plan = await readPlan();
  if (plan.protocol !== 'opcua') throw new Error('this process asks OPC UA servers only');
  tellWrites();
  const client = openClient(plan);
  await client.connect(plan.endpointUrl).catch((error: unknown) => {
    // The library writes several lines for its own users; of them only the system's word counts.
    const code = /\bE[A-Z]{3,}\b/.exec(error instanceof Error ? error.message : '')?.[0];
    const why = code ?? 'it does not answer as an OPC UA server';
    throw new Error(`${plan.endpointUrl} can't be reached (${why}).`);
  });
  await tellEndpoints(client);
  await tellServers(client);
  if (plan.hasSession) await tellBuildInfo(client);
  await client.disconnect();
  say({ kind: 'done' });
  process.exit(0);
}

/** Nothing leaves this process but over sockets, and none before it was told. */
function tellWrites(): void {
  const { write } = Socket.prototype;
  Reflect.set(Socket.prototype, 'write', function told(this: Socket, ...words: unknown[]) {
    const [bytes] = words;
    if (bytes instanceof Uint8Array && this.remotePort !== undefined) {
      say({ kind: 'send', hex: Buffer.from(bytes).toString('hex') });
    }
    return Reflect.apply(write, this, words);
  });
}

/** The library makes its certificate store in the home folder: the plan's (probe-run.ts). */
function openClient(plan: OpcuaPlan): OPCUAClient {
  return OPCUAClient.create({
    applicationName: 'fieldtap probe',
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    endpointMustExist: false,
    requestedSessionTimeout: plan.timeoutMs,
    transportTimeout: plan.timeoutMs,
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
    keepSessionAlive: false,
  });
}

async function tellEndpoints(client: OPCUAClient): Promise<void> {
  const endpoints = await client.getEndpoints();
  for (const [at, endpoint] of endpoints.slice(0, ENDPOINTS_TOLD_MAX).entries()) {
    const mode = MessageSecurityMode[endpoint.securityMode] ?? String(endpoint.securityMode);
    const policy = endpoint.securityPolicyUri?.split('#')[1] ?? 'unknown';
    fact(`endpoint${at + 1}`, `${endpoint.endpointUrl} ${mode} ${policy}`);
    const certificate = endpoint.serverCertificate;
    if (at === 0 && certificate !== undefined && certificate !== null && certificate.length > 0) {
      fact('certificateSha256', createHash('sha256').update(certificate).digest('hex'));
    }
  }
  const server = endpoints[0]?.server;
  if (server === undefined) return;
  fact('applicationUri', String(server.applicationUri ?? ''));
  fact('applicationName', String(server.applicationName?.text ?? ''));
  fact('productUri', String(server.productUri ?? ''));
}

async function tellServers(client: OPCUAClient): Promise<void> {
  try {
    const servers = await client.findServers();
    for (const [at, server] of servers.slice(0, ENDPOINTS_TOLD_MAX).entries()) {
      fact(`server${at + 1}`, String(server.applicationUri ?? ''));
    }
  } catch (error) {
    unanswered('FindServers', error);
  }
}

async function tellBuildInfo(client: OPCUAClient): Promise<void> {
  try {
    const session = await client.createSession();
    try {
      const read = await session.read({ nodeId: BUILD_INFO, attributeId: AttributeIds.Value });
      const value: unknown = read.value.value;
      if (typeof value !== 'object' || value === null) return;
      for (const name of ['manufacturerName', 'productName', 'softwareVersion', 'buildNumber']) {
        if (name in value) fact(name, String(Reflect.get(value, name)));
      }
    } finally {
      await session.close();
    }
  } catch (error) {
    unanswered('BuildInfo', error);
  }
}

function fact(name: string, value: string): void {
  say({ kind: 'fact', name, value });
}

function unanswered(question: string, error: unknown): void {
  const problem = error instanceof Error ? error.message : String(error);
  say({ kind: 'unanswered', question, problem });
}

main().catch((error: unknown) => {
  const problem = error instanceof Error ? error.message : String(error);
  say({ kind: 'failed', code: 'PROBE_TARGET_UNREACHABLE', problem });
  process.exit(1);
});
