/** The hub's metrics for Prometheus, on a loopback port that the configuration names. */
import { createServer, type Server } from 'node:http';
import { type Metric, metricsText } from '../agent/platform/metrics.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';

const CONNECTIONS_MAX = 16;

export class MetricsServer {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** `listen`: `127.0.0.1:9471`; port 0 takes any. Throws OperatorFault when it is taken. */
  static async start(listen: string, read: () => readonly Metric[]): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      if (request.url !== '/metrics' || request.method !== 'GET') {
        response.writeHead(404).end();
        return;
      }
      metricsText(read()).then(
        (text) =>
          response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
        () => response.writeHead(500).end(),
      );
    });
    server.maxConnections = CONNECTIONS_MAX;
    const { hostname, port } = new URL(`http://${listen}`);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(portTaken(listen, cause)));
      server.listen(Number(port), hostname.replace(/^\[|\]$/g, ''), resolve);
    });
    return new MetricsServer(server);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function portTaken(listen: string, cause: Error): OperatorFault {
  return new OperatorFault({
    code: 'HUB_METRICS_PORT_TAKEN',
    problem: `The metrics can't be served on ${listen} (${cause.message}).`,
    remedy: 'Give another port in metrics.listen, or leave it out.',
    cause,
  });
}
