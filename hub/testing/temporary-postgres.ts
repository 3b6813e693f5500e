/**
 * For tests and measurements: a PostgreSQL cluster of its own in a folder, on a unix socket, as an
 * unprivileged user (the server refuses root). Debian keeps the programs outside of PATH.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const DEBIAN_FOLDER = '/usr/lib/postgresql';
const READY_MS_MAX = 20_000;
const RETRY_MS = 100;
const DATABASE = 'postgres';

export interface TemporaryPostgres {
  /** For database.url. */
  readonly url: string;
  /** Of the server, to be stopped or killed by tests. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a cluster in `folder`, which everybody may enter; durable as in production. */
export async function startPostgres(folder: string): Promise<TemporaryPostgres> {
  const programs = programFolder();
  const { uid, gid } = unprivileged();
  const data = join(folder, 'pg');
  const isNew = !existsSync(data);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  chownSync(data, uid, gid);
  const as = { uid, gid, cwd: data, env: { ...process.env, LC_ALL: 'C.UTF-8' } };
  if (isNew) {
    const words = ['-D', join(data, 'data'), '-U', 'fieldtap', '-A', 'trust', '--no-sync'];
    execFileSync(join(programs, 'initdb'), words, { ...as, stdio: 'ignore' });
  }
  const settings = ['listen_addresses=', `unix_socket_directories=${data}`, 'max_connections=20'];
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', join(data, 'data'), ...settings.flatMap((setting) => ['-c', setting])],
    { ...as, stdio: 'ignore' },
  );
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const url = `postgres://fieldtap@localhost/${DATABASE}?host=${encodeURIComponent(data)}`;
  await untilReady(url);
  return {
    url,
    pid: server.pid ?? 0,
    stop: async () => {
      // Fast shutdown (postgres(1)): sessions are ended, nothing is lost.
      server.kill('SIGINT');
      await exited;
    },
  };
}

async function untilReady(url: string): Promise<void> {
  const { Client } = await import('pg');
  const deadlineMs = performance.now() + READY_MS_MAX;
  for (;;) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      await client.end().catch(() => {});
      if (performance.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function programFolder(): string {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? '/usr/bin' : join(DEBIAN_FOLDER, newest, 'bin');
}

/** Root hands the server to the user `postgres`, or to nobody; others run it themselves. */
function unprivileged(): { uid: number; gid: number } {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { uid, gid: process.getgid?.() ?? uid };
  const idOf = (flag: string, name: string): number =>
    Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  try {
    return { uid: idOf('-u', 'postgres'), gid: idOf('-g', 'postgres') };
  } catch {
    return { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') };
  }
}
