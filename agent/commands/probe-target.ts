/**
 * Whom the probe may ask: refused unless the configuration allows it, unless the way there leaves
 * by an interface that isn't listened on, and unless a serial line isn't tapped.
 */
import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { serialPortNames, targetOf } from '../capture/serial-names.ts';
import type { Config } from '../config.ts';
import { ipv4Interface, ipv6Hex, ipv6Interface } from '../diagnostics/route-table.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';

export interface NetworkTarget {
  readonly ipAddress: string;
  readonly port: number;
  /** By which the probe leaves. */
  readonly interfaceName: string;
}

/** Throws PROBE_NOT_ALLOWED. */
export function checkAllowed(config: Config): void {
  if (config.probe?.allowed === true) return;
  throw new OperatorFault({
    code: 'PROBE_NOT_ALLOWED',
    problem: 'The probe is off: this program only listens, unless somebody decides otherwise.',
    remedy:
      'Ask whoever answers for the plant; then set probe.allowed: true for as long as needed.',
  });
}

/** Resolves the name once, so that what was checked is what is asked. Throws OperatorFault. */
export async function networkTarget(
  text: string,
  portOtherwise: number,
  config: Config,
): Promise<NetworkTarget> {
  const { host, port } = splitTarget(text, portOtherwise);
  const ipAddress = await addressOf(host);
  const interfaceName = interfaceTo(ipAddress);
  if (interfaceName === undefined) {
    throw new OperatorFault({
      code: 'PROBE_NO_ROUTE',
      problem: `No route of this gateway leads to ${escapeText(ipAddress)}.`,
      remedy: 'Give the gateway an address in that network on a port that is not listened on.',
    });
  }
  if (
    config.capture.interfaces.some(({ name, role }) => name === interfaceName && role !== 'host')
  ) {
    throw new OperatorFault({
      code: 'PROBE_ROUTE_BY_CAPTURE',
      problem:
        `The way to ${escapeText(ipAddress)} leaves by "${interfaceName}", ` +
        'which is listened on.',
      remedy: 'A capture port never sends. Ask from another port or machine.',
    });
  }
  return { ipAddress, port, interfaceName };
}

/** A tapped line has a client of its own, and our transmit wire isn't connected. */
export function checkSerialTarget(path: string, config: Config): void {
  if (!existsSync(path)) {
    const others = serialPortNames().join(', ') || 'none';
    throw new OperatorFault({
      code: 'PROBE_LINE_MISSING',
      problem: `There is no serial port "${escapeText(path)}".`,
      remedy: `Plug the adapter in, or take one that is there: ${others}.`,
    });
  }
  const isTapped = config.capture.serial.some(({ port }) => targetOf(port) === targetOf(path));
  if (!isTapped) return;
  throw new OperatorFault({
    code: 'PROBE_LINE_TAPPED',
    problem: `"${escapeText(path)}" is one of capture.serial: it is listened on.`,
    remedy: 'Ask over another adapter, on a line without a client, or over the network.',
  });
}

function splitTarget(text: string, portOtherwise: number): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/i.exec(text);
  const bare = isIP(text) === 6 ? text : undefined;
  const host = bare ?? match?.[1] ?? match?.[2];
  const port = bare !== undefined || match?.[3] === undefined ? portOtherwise : Number(match[3]);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new OperatorFault({
    code: 'PROBE_TARGET_UNCLEAR',
    problem: `"${escapeText(text)}" is no target.`,
    remedy: 'Write it as 192.168.1.10, 192.168.1.10:502, [fd00::1]:502 or a name.',
  });
}

async function addressOf(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new OperatorFault({
      code: 'PROBE_TARGET_UNKNOWN',
      problem: `The name "${escapeText(host)}" can't be resolved.`,
      remedy: 'Give the IP address.',
      cause,
    });
  }
}

/** An address of our own is reached over the loopback, whatever the table says. */
function interfaceTo(ipAddress: string): string | undefined {
  const addresses = networkInterfaces();
  const own = Object.values(addresses).flatMap((each) => each ?? []);
  if (own.some(({ address }) => address === ipAddress) || /^(127\.|::1$)/.test(ipAddress)) {
    return 'lo';
  }
  if (isIP(ipAddress) === 4) return ipv4Interface(tableText('/proc/net/route'), ipAddress);
  const hex = ipv6Hex(ipAddress);
  return hex === undefined ? undefined : ipv6Interface(tableText('/proc/net/ipv6_route'), hex);
}

function tableText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
