/**
 * The plant's switch as a Linux bridge with a mirror port: each access port's incoming frames are
 * copied once to the sensor (tc mirred), so that every frame comes once, in order. By option the
 * mirror has the faults that real ones have: one direction only, everything twice, a VLAN tag, or
 * the trailers of two redundant networks (PRP).
 */
import type { BenchProcess } from '../bench-process.ts';
import type { MirrorKind } from './bench.ts';
import type { NamespaceHost } from './host.ts';
import { type Rewriting, startMirrorRewriter } from './mirror-rewriter.ts';
import { type CableEnd, ipIn, portCounters, type VirtualNetwork } from './virtual-network.ts';

const BRIDGE = 'bridge';
const MIRROR = 'mirror';
/** Where frames are changed, between the switch and the sensor's port. */
const REWRITE_IN = 'rewrite-in';
const REWRITE_OUT = 'rewrite-out';

export class VirtualSwitch {
  readonly host: NamespaceHost;
  readonly #network: VirtualNetwork;
  readonly #kind: MirrorKind | 'none';
  #rewriter: BenchProcess | undefined;

  private constructor(host: NamespaceHost, network: VirtualNetwork, kind: MirrorKind | 'none') {
    this.host = host;
    this.#network = network;
    this.#kind = kind;
  }

  /** The sensor's end of the mirror gets no address, no ARP and no multicast. */
  static async make(
    network: VirtualNetwork,
    sensor: CableEnd,
    kind: MirrorKind | 'none',
  ): Promise<VirtualSwitch> {
    const host = await network.addHost('switch');
    const made = new VirtualSwitch(host, network, kind);
    const { namespace } = host;
    await ipIn(namespace, 'link', 'add', BRIDGE, 'type', 'bridge', 'stp_state', '0');
    await ipIn(namespace, 'link', 'set', BRIDGE, 'type', 'bridge', 'mcast_snooping', '0');
    await ipIn(namespace, 'link', 'set', BRIDGE, 'up');
    await network.addCable({ namespace, port: MIRROR }, sensor);
    // Room for the trailer of PRP, as real sensors' ports have.
    await ipIn(namespace, 'link', 'set', MIRROR, 'mtu', '1600', 'up');
    await ipIn(sensor.namespace, 'link', 'set', sensor.port, 'mtu', '1600');
    await listenOnly(sensor);
    if (kind === 'vlanTrunk' || kind === 'prp') await made.#layRewriter(kind);
    return made;
  }

  /** Plugs a host into an access port named after it; `isClient` counts for a one-sided mirror. */
  async plug(host: NamespaceHost, isClient: boolean): Promise<void> {
    const { namespace } = this.host;
    const port = host.name;
    const end = { namespace: host.namespace, port: 'eth0' };
    await this.#network.addCable(end, { namespace, port });
    await ipIn(host.namespace, 'addr', 'add', `${host.ipAddress}/24`, 'dev', 'eth0');
    await ipIn(namespace, 'link', 'set', port, 'master', BRIDGE, 'up');
    await ipIn(host.namespace, 'link', 'set', 'eth0', 'up');
    await this.#tc('qdisc', 'add', 'dev', port, 'clsact');
    if (this.#kind === 'none' || (this.#kind === 'oneSided' && !isClient)) return;
    await this.copy(port, 'ingress', this.#rewriter === undefined ? MIRROR : REWRITE_IN);
    if (this.#kind === 'doubled') await this.copy(port, 'egress', MIRROR);
  }

  /** Copies what comes in at (`ingress`) or goes out of (`egress`) an access port. */
  async copy(port: string, direction: 'ingress' | 'egress', to: string): Promise<void> {
    const match = ['protocol', 'all', 'prio', '1', 'u32', 'match', 'u32', '0', '0'];
    const mirror = ['action', 'mirred', 'egress', 'mirror', 'dev', to];
    await this.#tc('filter', 'add', 'dev', port, direction, ...match, ...mirror);
  }

  /** Pulls the cable of the mirror port, or puts it back. */
  async setMirrorLink(state: 'up' | 'down'): Promise<void> {
    await ipIn(this.host.namespace, 'link', 'set', MIRROR, state);
  }

  /** `framesSent` went to the sensor; `framesReceived` came from it, and must stay 0. */
  async mirrorCounters(): Promise<{ framesSent: number; framesReceived: number }> {
    return portCounters({ namespace: this.host.namespace, port: MIRROR });
  }

  async stop(): Promise<void> {
    await this.#rewriter?.stop();
  }

  /** Changes what the mirror does to its frames; for a switch that was made with a rewriter. */
  async rewrite(kind: Rewriting): Promise<void> {
    await this.#rewriter?.stop();
    this.#rewriter = await startMirrorRewriter(this.host, REWRITE_OUT, MIRROR, kind);
  }

  async #layRewriter(kind: Rewriting): Promise<void> {
    const { namespace } = this.host;
    const ends = [REWRITE_IN, REWRITE_OUT].map((port) => ({ namespace, port }));
    await this.#network.addCable(ends[0], ends[1]);
    for (const end of ends) await listenOnly(end);
    await this.rewrite(kind);
  }

  async #tc(...words: readonly string[]): Promise<void> {
    await this.host.run('tc', ...words);
  }
}

/** A port that listens and has nothing to say: no address, no ARP, no multicast. */
export async function listenOnly({ namespace, port }: CableEnd): Promise<void> {
  await ipIn(namespace, 'link', 'set', port, 'arp', 'off', 'multicast', 'off', 'up');
}
