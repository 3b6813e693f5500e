/** Certificates without a clock: everything is checked but the beginning of their time. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { connect, createServer } from 'node:tls';
import { testNeeding } from '../../hil-tests/needs.ts';
import { distrust, distrustOfChain } from './broker-trust.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-trust-'));
const path = (file: string): string => join(folder, file);
const DAY_MS = 86_400_000;
const needsOpenssl = [{ kind: 'package', program: 'openssl' }] as const;

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { stdio: 'ignore' });
}

/** `name`.pem and `name`.key, signed by `issuer` or by itself. */
function certificate(name: string, extensions: string, issuer?: string): void {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    path(`${name}.key`),
  ];
  openssl('req', '-new', ...key, '-subj', `/CN=${name}`, '-out', path(`${name}.csr`));
  writeFileSync(path(`${name}.ext`), extensions);
  const by = issuer
    ? ['-CA', path(`${issuer}.pem`), '-CAkey', path(`${issuer}.key`), '-CAcreateserial']
    : ['-signkey', path(`${name}.key`)];
  openssl(
    'x509',
    '-req',
    '-in',
    path(`${name}.csr`),
    ...by,
    '-days',
    '30',
    '-extfile',
    path(`${name}.ext`),
    '-out',
    path(`${name}.pem`),
  );
}

const AUTHORITY = 'basicConstraints=critical,CA:TRUE\n';
const SERVER = 'subjectAltName=IP:127.0.0.1,DNS:broker.example\nextendedKeyUsage=serverAuth\n';

before(() => {
  try {
    certificate('authority', AUTHORITY);
    certificate('stranger', AUTHORITY);
    certificate('between', AUTHORITY, 'authority');
    certificate('broker', SERVER, 'authority');
    certificate(
      'client',
      'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=clientAuth\n',
      'authority',
    );
    certificate('deep', SERVER, 'between');
    certificate('foreign', SERVER, 'stranger');
    certificate('selfmade', SERVER);
    certificate('byserver', SERVER, 'broker');
  } catch {
    // Without openssl the tests below are skipped, and say so.
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

// biome-ignore format: one case per line
const cases = [
  { name: 'the broker of our authority',      of: 'broker',   host: '127.0.0.1',      inDays: 1,   says: undefined },
  { name: 'by its name',                      of: 'broker',   host: 'broker.example', inDays: 1,   says: undefined },
  { name: 'another name',                     of: 'broker',   host: 'other.example',  inDays: 1,   says: /not for other.example/ },
  { name: 'another address',                  of: 'broker',   host: '127.0.0.2',      inDays: 1,   says: /not for 127.0.0.2/ },
  { name: 'expired before the lowest time',   of: 'broker',   host: '127.0.0.1',      inDays: 40,  says: /expired/ },
  { name: 'a client that plays the broker',   of: 'client',   host: '127.0.0.1',      inDays: 1,   says: /not for a server/ },
  { name: 'of another authority',             of: 'foreign',  host: '127.0.0.1',      inDays: 1,   says: /does not lead to ca.pem/ },
  { name: 'self-signed',                      of: 'selfmade', host: '127.0.0.1',      inDays: 1,   says: /does not lead to ca.pem/ },
  { name: 'signed by a broker, no authority', of: 'byserver', host: '127.0.0.1',      inDays: 1,   says: /does not lead to ca.pem/ },
] as const;
for (const { name, of, host, inDays, says } of cases) {
  testNeeding(needsOpenssl, `${name}: ${says === undefined ? 'trusted' : 'refused'}`, () => {
    const leaf = new X509Certificate(readFileSync(path(`${of}.pem`)));
    const reason = distrustOfChain(
      leaf,
      host,
      readFileSync(path('authority.pem')),
      Date.now() + inDays * DAY_MS,
    );
    if (says === undefined) assert.equal(reason, undefined);
    else assert.match(reason ?? 'trusted', says);
  });
}

// biome-ignore format: one case per line
const chains = [
  { name: 'a certificate in between',                leaf: 'deep',     between: 'between', ca: 'authority', says: undefined },
  { name: 'a foreign authority',                     leaf: 'deep',     between: 'between', ca: 'stranger',  says: /does not lead to ca.pem/ },
  { name: 'a broker that plays the one in between',  leaf: 'byserver', between: 'broker',  ca: 'authority', says: /does not lead to ca.pem/ },
] as const;
for (const { name, leaf, between, ca, says } of chains) {
  testNeeding(
    needsOpenssl,
    `over a connection, ${name}: ${says ? 'refused' : 'trusted'}`,
    async () => {
      const cert = Buffer.concat([
        readFileSync(path(`${leaf}.pem`)),
        readFileSync(path(`${between}.pem`)),
      ]);
      const server = createServer({ key: readFileSync(path(`${leaf}.key`)), cert });
      server.on('tlsClientError', () => {});
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      // A server that listens has an address with a port (node:net).
      const { port } = server.address() as AddressInfo;
      const authority = readFileSync(path(`${ca}.pem`));
      const socket = connect({ host: '127.0.0.1', port, ca: authority, rejectUnauthorized: false });
      try {
        await once(socket, 'secureConnect');
        const reason = distrust(socket, '127.0.0.1', authority, Date.now());
        if (says === undefined) assert.equal(reason, undefined);
        else assert.match(reason ?? 'trusted', says);
      } finally {
        socket.destroy();
        server.close();
      }
    },
  );
}
