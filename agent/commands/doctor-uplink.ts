/**
 * The way to the broker, one step after the other, until one fails: name, TCP, TLS, MQTT,
 * permission, and the hub's retained receipt. Only for a gateway whose agent isn't connected.
 * Publishes nothing, and knocks under a client id of its own, so that neither a session that the
 * broker keeps for the agent nor an agent that runs unseen is pushed out.
 */
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { isRevocation } from '../diagnostics/checks/uplink.ts';
import type { UplinkStep } from '../diagnostics/doctor-facts.ts';
import { SystemClock } from '../platform/clock.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { loadTlsCredentials } from '../uplink/credentials.ts';
import { linkFault } from '../uplink/link-faults.ts';
import { connectPacket, MqttPackets, reasonText, subscribePacket } from './doctor-mqtt.ts';

const DAY_MS = 86_400_000;
const STEP_MS = 5000;
/** A retained receipt comes at once, or there is none. */
const RECEIPT_MS = 1500;
const SUBSCRIBE_REFUSED = 0x80;
/** MQTT 5, section 2.4: the broker takes no client id but the agent's own. */
const CLIENT_ID_REFUSED = '0x85';

export interface UplinkToTry {
  readonly broker: string;
  readonly credentials: string;
  readonly agentId: string;
}

/** The first failure ends the list. `stopAfter`: `tcp` while an agent holds the session. */
export async function tryUplink(
  uplink: UplinkToTry,
  stopAfter: 'tcp' | 'receipt',
): Promise<UplinkStep[]> {
  const steps = await trySteps(uplink, stopAfter, `${uplink.agentId}-doctor`);
  if (steps.at(-1)?.code !== CLIENT_ID_REFUSED) return steps;
  return trySteps(uplink, stopAfter, uplink.agentId);
}

async function trySteps(
  { broker, credentials, agentId }: UplinkToTry,
  stopAfter: 'tcp' | 'receipt',
  clientId: string,
): Promise<UplinkStep[]> {
  const { hostname, port, protocol } = new URL(broker);
  const host = hostname.replace(/^\[|\]$/g, '');
  const isTls = protocol === 'mqtts:';
  const portNumber = Number(port || (isTls ? 8883 : 1883));
  const steps: UplinkStep[] = [];
  const name = await nameStep(host);
  steps.push(name);
  if (!name.ok) return steps;
  const tcp = await tcpStep(host, portNumber);
  steps.push(tcp.step);
  let socket: Socket | undefined = tcp.socket;
  let alert: NodeJS.ErrnoException | undefined;
  try {
    if (socket === undefined || stopAfter === 'tcp') return steps;
    if (isTls) {
      const tls = await tlsStep(socket, host, broker, credentials);
      steps.push(tls.step);
      if (tls.socket === undefined) return steps;
      socket = tls.socket;
      // By TLS 1.3 the broker judges our certificate when the handshake is over for us.
      socket.on('error', (error) => {
        alert ??= error;
      });
    }
    const knocks = await mqttSteps(socket, agentId, clientId);
    return [...steps, ...(alertStep(alert, steps.at(-1)) ?? knocks)];
  } finally {
    socket?.destroy();
  }
}

async function nameStep(host: string): Promise<UplinkStep> {
  const began = performance.now();
  try {
    const { address } = await lookup(host);
    return { step: 'name', ok: true, detail: address, tookMs: performance.now() - began };
  } catch (error) {
    const detail = `The name "${host}" of the broker can't be resolved.`;
    const tookMs = performance.now() - began;
    return { step: 'name', ok: false, detail, tookMs, code: codeOf(error) };
  }
}

function tcpStep(host: string, port: number): Promise<{ step: UplinkStep; socket?: Socket }> {
  const began = performance.now();
  const took = (): number => performance.now() - began;
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: STEP_MS });
    const fail = (detail: string, code: string): void => {
      socket.destroy();
      resolve({ step: { step: 'tcp', ok: false, detail, tookMs: took(), code } });
    };
    socket.once('connect', () => {
      socket.removeAllListeners('error').on('error', () => {});
      const detail = `${host}:${port}`;
      resolve({ step: { step: 'tcp', ok: true, detail, tookMs: took() }, socket });
    });
    socket.once('timeout', () =>
      fail(`The broker ${host}:${port} doesn't answer within ${STEP_MS} ms.`, 'ETIMEDOUT'),
    );
    socket.once('error', (error) =>
      fail(`The broker ${host}:${port} can't be reached (${codeOf(error)}).`, codeOf(error)),
    );
  });
}

function tlsStep(
  socket: Socket,
  host: string,
  broker: string,
  credentials: string,
): Promise<{ step: UplinkStep; socket?: TLSSocket }> {
  const began = performance.now();
  const took = (): number => performance.now() - began;
  return new Promise((resolve) => {
    const fail = (detail: string, code: string): void =>
      resolve({ step: { step: 'tls', ok: false, detail, tookMs: took(), code } });
    try {
      const { authority, certificate, key } = loadTlsCredentials(credentials);
      const secured = connectTls({
        socket,
        // An IP address is no server name, but its certificate is checked against it all the same.
        host,
        ca: Buffer.from(authority),
        cert: Buffer.from(certificate),
        key: Buffer.from(key),
        minVersion: 'TLSv1.2',
        timeout: STEP_MS,
      });
      secured.once('secureConnect', () => {
        const daysLeft = daysUntil(secured.getPeerCertificate().valid_to);
        secured.removeAllListeners('error').on('error', () => {});
        const step = { step: 'tls', ok: true, detail: host, tookMs: took(), daysLeft } as const;
        resolve({ step, socket: secured });
      });
      secured.once('timeout', () =>
        fail(`${broker} doesn't finish the TLS handshake.`, 'ETIMEDOUT'),
      );
      secured.once('error', (error) => {
        const code = codeOf(error);
        const found = linkFault(broker, { message: error.message, code });
        fail(found?.problem ?? error.message, code);
      });
    } catch (error) {
      if (error instanceof OperatorFault) fail(error.problem, error.code);
      else fail(`The files of uplink.credentials can't be used: ${String(error)}.`, codeOf(error));
    }
  });
}

/** The handshake failed after all, by the word of the broker. */
function alertStep(
  error: NodeJS.ErrnoException | undefined,
  handshake: UplinkStep | undefined,
): UplinkStep[] | undefined {
  if (error?.code?.includes('_ALERT_') !== true) return undefined;
  const why = isRevocation(error.code)
    ? "This gateway's certificate has been revoked: the broker refuses it."
    : `The broker refuses this gateway's certificate (${error.code}).`;
  const tookMs = handshake?.tookMs ?? 0;
  return [{ step: 'tls', ok: false, detail: why, tookMs, code: error.code }];
}

async function mqttSteps(socket: Socket, agentId: string, clientId: string): Promise<UplinkStep[]> {
  const packets = new MqttPackets(socket);
  const steps: UplinkStep[] = [];
  let began = performance.now();
  const add = (step: 'mqtt' | 'permission' | 'receipt', reason: number, good: string): boolean => {
    const tookMs = performance.now() - began;
    began = performance.now();
    const ok = reason < SUBSCRIBE_REFUSED;
    const detail = ok ? good : refusalText(step, reason);
    const code = reason < 0 ? 'ETIMEDOUT' : `0x${reason.toString(16).padStart(2, '0')}`;
    steps.push({
      step,
      ok: ok && reason >= 0,
      detail,
      tookMs,
      ...(!ok || reason < 0 ? { code } : {}),
    });
    return ok && reason >= 0;
  };
  socket.write(connectPacket(clientId));
  const accepted = await packets.reason('connack', STEP_MS);
  if (!add('mqtt', accepted, accepted < 0 ? refusalText('mqtt', accepted) : 'accepted'))
    return steps;
  const topic = `ft/v1/${agentId}/dn/r`;
  socket.write(subscribePacket(topic));
  const granted = await packets.reason('suback', STEP_MS);
  const words = granted < 0 ? refusalText('permission', granted) : 'may read its receipts';
  if (!add('permission', granted, words)) return steps;
  const receipt = await packets.reason('publish', RECEIPT_MS);
  // No receipt yet is no failure of the way: the check of receipts judges that.
  if (receipt >= 0) add('receipt', 0, 'the hub has answered before');
  return steps;
}

function refusalText(step: UplinkStep['step'], reason: number): string {
  const what = step === 'mqtt' ? 'the connection of this agent' : 'its own topics to this agent';
  if (reason < 0) return `The broker doesn't answer, or closes the connection, at step ${step}.`;
  return `The broker refuses ${what}: ${reasonText(reason)}.`;
}

function daysUntil(date: string): number {
  return Math.floor((Date.parse(date) - new SystemClock().wallMs()) / DAY_MS);
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error
    ? String(error.code)
    : 'error';
}
