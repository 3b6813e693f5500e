/**
 * The hub's own certificate authority: one key, made at the first enrolment. It issues what mutual
 * TLS with the broker needs: the broker's certificate, the hub's, one for each agent; and the
 * revocation list that the broker reads.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../agent/platform/clock.ts';
import { writeWhole } from '../agent/platform/durable-file.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { Random } from '../agent/platform/random.ts';
import { makeCertificate, makeRevocationList } from '../protocols/uplink/enrolment-certificate.ts';
import { writeOnce } from './shared-file.ts';
import { openPrivateKey } from './signing-key.ts';

const KEY_FILE = 'ca-key.pem';
export const AUTHORITY_FILE = 'ca.pem';
/** For `crlfile` of mosquitto. */
export const REVOCATION_FILE = 'ca.crl';
const REVOKED_FILE = 'revoked-certificates.json';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 20 * 365;
export const CERTIFICATE_DAYS = 2 * 365;
/** A gateway's clock may be behind. */
const BACKDATED_MS = DAY_MS;
const REVOCATION_DAYS = 10 * 365;
const SERIAL_BYTES = 16;

const revokedSchema = z.array(z.object({ serialHex: z.string(), revokedAtMs: z.number() }));

/** What was issued, as PEM, with what a revocation needs. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly serialHex: string;
  readonly toMs: number;
}

export class CertificateAuthority {
  readonly #folder: string;
  readonly #key: KeyObject;
  readonly #clock: Clock;
  readonly #random: Random;
  /** PEM. */
  readonly certificate: string;
  readonly #name: string;

  private constructor(folder: string, clock: Clock, random: Random) {
    this.#folder = folder;
    this.#clock = clock;
    this.#random = random;
    this.#key = openPrivateKey(join(folder, KEY_FILE), 'p256');
    const path = join(folder, AUTHORITY_FILE);
    writeOnce(path, this.#makeOwn(), 0o644);
    this.certificate = readFileSync(path, 'utf8');
    const own = new X509Certificate(this.certificate);
    if (!own.publicKey.equals(createPublicKey(this.#key))) {
      throw new Error(`${AUTHORITY_FILE} does not belong to ${KEY_FILE}`);
    }
    this.#name = own.subject.replace(/^CN=/, '');
    if (!existsSync(join(folder, REVOCATION_FILE))) this.#writeRevocations([]);
  }

  /** Opens or makes it in `folder`. Throws OperatorFault. */
  static open(folder: string, clock: Clock, random: Random): CertificateAuthority {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return new CertificateAuthority(folder, clock, random);
    } catch (cause) {
      throw new OperatorFault({
        code: 'HUB_AUTHORITY_UNUSABLE',
        problem: `The certificate authority in "${folder}" can't be used (${
          cause instanceof Error ? cause.message : String(cause)
        }).`,
        remedy: 'Let the hub own this folder, or restore ca-key.pem and ca.pem from their copy.',
        cause,
      });
    }
  }

  issue(
    commonName: string,
    publicKey: KeyObject,
    use: 'server' | 'client',
    names: readonly string[] = [],
    days = CERTIFICATE_DAYS,
  ): IssuedCertificate {
    const nowMs = this.#clock.wallMs();
    const certificate = makeCertificate(
      {
        commonName,
        publicKey,
        use,
        names,
        fromMs: nowMs - BACKDATED_MS,
        toMs: nowMs + days * DAY_MS,
        serial: this.#random.bytes(SERIAL_BYTES),
      },
      this.#name,
      this.#key,
    );
    const read = new X509Certificate(certificate);
    return {
      certificate,
      serialHex: read.serialNumber.toLowerCase(),
      toMs: new Date(read.validTo).getTime(),
    };
  }

  /** A key and its certificate as files in `folder`, for a broker or a hub. */
  issueFiles(
    folder: string,
    name: string,
    use: 'server' | 'client',
    names: readonly string[],
  ): readonly string[] {
    const [keyPath, certificatePath] = [`${name}-key.pem`, `${name}.pem`].map((file) =>
      join(folder, file),
    );
    openPrivateKey(keyPath, 'p256');
    const publicKey = createPublicKey(createPrivateKey(readFileSync(keyPath)));
    writeWhole(certificatePath, this.issue(name, publicKey, use, names).certificate, 0o644);
    const authorityPath = join(folder, AUTHORITY_FILE);
    if (!existsSync(authorityPath)) writeWhole(authorityPath, this.certificate, 0o644);
    return [keyPath, certificatePath, authorityPath];
  }

  /** Adds certificates to the revocation list; the broker reads it anew on SIGHUP. */
  revoke(serialsHex: readonly string[]): string {
    const path = join(this.#folder, REVOKED_FILE);
    const known = existsSync(path)
      ? revokedSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
      : [];
    const revokedAtMs = this.#clock.wallMs();
    const fresh = serialsHex
      .filter((serialHex) => known.every((entry) => entry.serialHex !== serialHex))
      .map((serialHex) => ({ serialHex, revokedAtMs }));
    const all = [...known, ...fresh];
    writeWhole(path, `${JSON.stringify(all, undefined, 2)}\n`, 0o600);
    return this.#writeRevocations(all);
  }

  #writeRevocations(revoked: z.infer<typeof revokedSchema>): string {
    const nowMs = this.#clock.wallMs();
    const until = nowMs + REVOCATION_DAYS * DAY_MS;
    const path = join(this.#folder, REVOCATION_FILE);
    const from = nowMs - BACKDATED_MS;
    writeWhole(path, makeRevocationList(this.#name, this.#key, revoked, from, until), 0o644);
    return path;
  }

  #makeOwn(): string {
    const nowMs = this.#clock.wallMs();
    const serial = this.#random.bytes(SERIAL_BYTES);
    const commonName = `fieldtap hub ${Buffer.from(serial.subarray(0, 4)).toString('hex')}`;
    return makeCertificate(
      {
        commonName,
        publicKey: createPublicKey(this.#key),
        use: 'authority',
        fromMs: nowMs - BACKDATED_MS,
        toMs: nowMs + AUTHORITY_DAYS * DAY_MS,
        serial,
      },
      commonName,
      this.#key,
    );
  }
}
