/**
 * The proof that the sensor's port is silent, from three sides that can't all be wrong: a netfilter
 * hook behind everything that sends (it counts and, as a guard, drops), the port's own transmit
 * counter, and what the switch receives from it.
 */
import type { NamespaceHost } from './host.ts';
import { PYTHON } from './mirror-rewriter.ts';
import { type CableEnd, ipIn, portCounters } from './virtual-network.ts';

const TABLE = 'sensor_silence';

export interface Silence {
  /** Frames that reached the port's egress hook. */
  readonly egress: number;
  /** The port's own transmit counter, dropped ones included. */
  readonly sent: number;
  /** What arrived at the switch. */
  readonly arrived: number;
}

/** Sends one frame on a port as a broken sensor would: over the queue, and around it. */
const DELIBERATE_FRAMES = `
import socket, sys
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
frame = b'\\xff' * 6 + bytes.fromhex('02000000000188b5') + bytes(46)
for bypass in (0, 1):
    s.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, bypass)
    for count in range(int(sys.argv[2])):
        try: s.send(frame)
        except OSError: pass
`;

export class SilenceWatch {
  readonly #sensor: NamespaceHost;
  readonly #port: string;
  readonly #switchEnd: CableEnd;

  constructor(sensor: NamespaceHost, port: string, switchEnd: CableEnd) {
    this.#sensor = sensor;
    this.#port = port;
    this.#switchEnd = switchEnd;
  }

  /** `guard` drops what it counts; without it, it only counts. */
  async setGuard(isDropping: boolean): Promise<void> {
    await this.removeGuard();
    const verdict = isDropping ? 'drop' : 'accept';
    const rules = `table netdev ${TABLE} {
      counter egress { }
      chain egress {
        type filter hook egress device "${this.#port}" priority 0; policy ${verdict};
        counter name egress ${verdict};
      }
    }`;
    await this.#sensor.run('sh', '-c', `nft -f - <<'RULES'\n${rules}\nRULES`);
  }

  async removeGuard(): Promise<void> {
    await this.#sensor.run('sh', '-c', `nft delete table netdev ${TABLE} 2>/dev/null || true`);
  }

  async read(): Promise<Silence> {
    const text = await this.#sensor.run('nft', 'list', 'counters', 'table', 'netdev', TABLE);
    const own = await portCounters({ namespace: this.#sensor.namespace, port: this.#port });
    const { framesReceived } = await portCounters(this.#switchEnd);
    return {
      egress: Number(/packets (\d+)/.exec(text)?.[1] ?? Number.NaN),
      sent: own.framesSent + own.sendDropped,
      arrived: framesReceived,
    };
  }

  /** IP addresses of either family that the port has; a sensor's port has none. */
  async addresses(): Promise<readonly string[]> {
    const text = await ipIn(this.#sensor.namespace, '-j', 'addr', 'show', 'dev', this.#port);
    // The shape of `ip -j addr`.
    const [found] = JSON.parse(text) as [{ addr_info: readonly { local: string }[] }];
    return found.addr_info.map(({ local }) => local);
  }

  /** Twice `count` frames: what the negative control needs. */
  async sendDeliberately(count: number): Promise<void> {
    await this.#sensor.run(PYTHON, '-c', DELIBERATE_FRAMES, this.#port, String(count));
  }
}
