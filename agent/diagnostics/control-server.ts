/**
 * The local API: HTTP on a unix socket (`GET /v1/status`, `/v1/live`, `/metrics`), and the same
 * once more on a loopback port where the configuration asks for it, read-only. What changes
 * something (control-actions.ts) is taken from the unix socket alone, whose group may use it.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { OperatorFault } from '../platform/operator-fault.ts';
import type { AgentStatus } from './agent-status.ts';
import { type ControlAction, runAction } from './control-actions.ts';
import { answerKnowledge, type KnowledgeSource } from './knowledge-routes.ts';
import type { LiveFeed } from './live-feed.ts';

const SOCKET_MODE = 0o660;
const SOCKET_GROUP = 'fieldtap';
const REQUEST_TIMEOUT_MS = 5000;
const CONNECTIONS_MAX = 16;

export interface ControlSources {
  status(): AgentStatus;
  metrics(): Promise<string>;
  /** Absent where nobody may look. */
  readonly live?: LiveFeed;
  /** What is known of the plant; absent where nothing captures. */
  readonly knowledge?: KnowledgeSource;
  /** By path, such as `/v1/receipt`: `POST` on the unix socket. */
  readonly actions?: ReadonlyMap<string, ControlAction>;
}

export class ControlServer {
  readonly #sources: ControlSources;
  readonly #servers: Server[] = [];
  #socketPath: string | undefined;

  constructor(sources: ControlSources) {
    this.#sources = sources;
  }

  /** Serves on the unix socket; refuses when another agent already answers there. */
  async listen(socketPath: string): Promise<void> {
    await this.#makeRoom(socketPath);
    const server = this.#server(this.#answerLocal);
    await opened(server, () => server.listen(socketPath)).catch((cause) => {
      throw new OperatorFault({
        code: 'DIAGNOSTICS_SOCKET_REFUSED',
        problem: `The control socket "${socketPath}" can't be opened (${String(cause)}).`,
        remedy: 'Set diagnostics.socket to a path in a folder that this user may write.',
        cause,
      });
    });
    this.#socketPath = socketPath;
    chmodSync(socketPath, SOCKET_MODE);
    const group = groupId(SOCKET_GROUP);
    if (group !== undefined && process.getuid?.() === 0) chownSync(socketPath, 0, group);
  }

  /** `listen` is `127.0.0.1:9470` or `[::1]:9470`; the configuration has checked it. */
  async listenMetrics(listen: string): Promise<number> {
    const separator = listen.lastIndexOf(':');
    const host = listen.slice(0, separator).replace(/^\[|\]$/g, '');
    const server = this.#server(this.#answer);
    await opened(server, () => server.listen(Number(listen.slice(separator + 1)), host)).catch(
      (cause) => {
        throw new OperatorFault({
          code: 'DIAGNOSTICS_METRICS_REFUSED',
          problem: `The metrics address "${listen}" can't be opened (${String(cause)}).`,
          remedy: 'Set diagnostics.metrics.listen to a free loopback port.',
          cause,
        });
      },
    );
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
    this.#servers.length = 0;
    if (this.#socketPath !== undefined && existsSync(this.#socketPath)) {
      unlinkSync(this.#socketPath);
    }
  }

  #server(answer: RequestListener): Server {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, answer);
    server.maxConnections = CONNECTIONS_MAX;
    this.#servers.push(server);
    return server;
  }

  /** As the loopback port, and what changes something. */
  readonly #answerLocal: RequestListener = (request, response) => {
    const action = this.#sources.actions?.get(request.url ?? '');
    if (request.method === 'POST' && action !== undefined) {
      void runAction(action, request, response);
    } else {
      this.#answer(request, response);
    }
  };

  readonly #answer: RequestListener = (request, response) => {
    const { knowledge } = this.#sources;
    if (knowledge !== undefined && answerKnowledge(knowledge, request, response)) return;
    const route = `${request.method} ${request.url}`;
    if (route === 'GET /v1/status') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(this.#sources.status()));
    } else if (route === 'GET /v1/live' && this.#sources.live !== undefined) {
      this.#sources.live.add(response);
    } else if (route === 'GET /metrics') {
      this.#sources.metrics().then(
        (text) => {
          response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
          response.end(text);
        },
        () => {
          response.statusCode = 500;
          response.end();
        },
      );
    } else {
      response.statusCode = request.method === 'GET' ? 404 : 405;
      response.end('{"known":["GET /v1/status","GET /v1/live","GET /metrics"]}');
    }
  };

  /** A socket left by a crash is removed; one that answers belongs to a running agent. */
  async #makeRoom(socketPath: string): Promise<void> {
    mkdirSync(dirname(socketPath), { recursive: true });
    if (!existsSync(socketPath)) return;
    const isAlive = await new Promise<boolean>((resolve) => {
      const probe = connect(socketPath);
      probe.once('connect', () => {
        probe.destroy();
        resolve(true);
      });
      probe.once('error', () => resolve(false));
    });
    if (isAlive) {
      throw new OperatorFault({
        code: 'AGENT_ALREADY_RUNNING',
        problem: `An agent already answers on "${socketPath}".`,
        remedy: 'Stop it first, or give this one its own diagnostics.socket and buffer.path.',
      });
    }
    unlinkSync(socketPath);
  }
}

function opened(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => resolve());
    listen();
  });
}

function groupId(name: string): number | undefined {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith(`${name}:`));
    return line === undefined ? undefined : Number(line.split(':')[2]);
  } catch {
    return undefined;
  }
}
