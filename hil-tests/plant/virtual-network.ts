/**
 * Network namespaces and the virtual cables between them: up in a second, gone without a trace.
 * Nothing in here reaches the machine's own network. IPv6 is off before the first cable is laid,
 * or ports would speak by themselves; offloads are off, or frames larger than a wire's arrive.
 */

import { ownedName, removeAbandoned, removeNamespace } from './abandoned.ts';
import { command } from './command.ts';
import { NamespaceHost } from './host.ts';

const NO_OFFLOADS = 'tso off gso off gro off tx off rx off sg off';
const IPV6_OFF =
  'for each in all default; do echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done; ' +
  'ip link set lo up';

export interface CableEnd {
  readonly namespace: string;
  readonly port: string;
}

/** What the kernel counts at one port. */
export interface PortCounters {
  readonly framesReceived: number;
  readonly framesSent: number;
  readonly sendDropped: number;
}

export class VirtualNetwork {
  readonly name = ownedName();
  readonly #namespaces: string[] = [];

  static async make(): Promise<VirtualNetwork> {
    await removeAbandoned();
    return new VirtualNetwork();
  }

  async addHost(name: string, ipAddress = ''): Promise<NamespaceHost> {
    const namespace = `${this.name}-${name}`;
    this.#namespaces.push(namespace);
    await command(['ip', 'netns', 'add', namespace]);
    const host = new NamespaceHost(name, namespace, ipAddress);
    await host.run('sh', '-c', IPV6_OFF);
    return host;
  }

  /** Both ends are made, without offloads; they are still down. */
  async addCable(left: CableEnd, right: CableEnd): Promise<void> {
    const words = ['ip', 'link', 'add', left.port, 'netns', left.namespace];
    await command([...words, 'type', 'veth', 'peer', 'name', right.port, 'netns', right.namespace]);
    await Promise.all([left, right].map(plain));
  }

  /** Kills what runs there and removes its cables with it. */
  async removeHost({ namespace }: NamespaceHost): Promise<void> {
    this.#namespaces.splice(this.#namespaces.indexOf(namespace), 1);
    await removeNamespace(namespace);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#namespaces.map(removeNamespace));
  }
}

export function ipIn(namespace: string, ...words: readonly string[]): Promise<string> {
  return command(['ip', '-n', namespace, ...words]);
}

export async function portCounters({ namespace, port }: CableEnd): Promise<PortCounters> {
  const text = await ipIn(namespace, '-s', '-j', 'link', 'show', 'dev', port);
  // The shape of `ip -s -j`, which has not changed since iproute2 4.15.
  const [found] = JSON.parse(text) as [{ stats64: Record<'rx' | 'tx', Record<string, number>> }];
  const { rx, tx } = found.stats64;
  return { framesReceived: rx.packets, framesSent: tx.packets, sendDropped: tx.dropped };
}

async function plain({ namespace, port }: CableEnd): Promise<void> {
  const words = ['ethtool', '-K', port, ...NO_OFFLOADS.split(' ')];
  await command(['ip', 'netns', 'exec', namespace, ...words]);
}
