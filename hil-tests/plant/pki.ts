/**
 * A throw-away certificate authority by `openssl`, as a hub's operator would run one: P-256 keys,
 * one certificate a name, made in a folder that goes with the bench.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';

const DAYS = 30;
/** How long the clock tests' certificates hold before and after now. */
const LONG_DAYS = 20 * 365;

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Addresses a server is reached by; none for a client. */
  readonly ipAddress?: string;
  /** Signed by nobody but itself. */
  readonly isSelfSigned?: boolean;
  /** Made a year ago, for so many days from now on; below 0 for one that has expired. */
  readonly daysLeft?: number;
}

const YEAR_DAYS = 365;

export class CertificateAuthority {
  readonly certificate: string;
  readonly #folder: string;
  readonly #before: readonly string[];
  readonly #days: number;

  private constructor(folder: string, isLong: boolean) {
    this.#folder = folder;
    this.#before = isLong ? ['env', `LD_PRELOAD=${FAKETIME}`, 'FAKETIME=-15y'] : [];
    this.#days = isLong ? 2 * LONG_DAYS : DAYS;
    this.certificate = join(folder, 'ca.pem');
  }

  /** `isLong`: certificates hold from 15 years ago on, for tests that move the clock. */
  static async make(folder: string, isLong = false): Promise<CertificateAuthority> {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const authority = new CertificateAuthority(folder, isLong);
    await authority.#selfSigned('ca', 'Bench authority', authority.certificate);
    return authority;
  }

  /** A certificate for `commonName` in files named `name`. */
  async issue(
    name: string,
    commonName: string,
    options: CertificateOptions = {},
  ): Promise<KeyPair> {
    const pair = { certificate: this.#path(`${name}.crt`), key: this.#path(`${name}.key`) };
    if (options.isSelfSigned === true) {
      await this.#selfSigned(name, commonName, pair.certificate);
      return pair;
    }
    await this.#newKey(pair.key);
    const request = this.#path(`${name}.csr`);
    await this.#openssl(
      'req',
      '-new',
      '-key',
      pair.key,
      '-subj',
      subject(commonName),
      '-out',
      request,
    );
    const extensions = this.#path(`${name}.ext`);
    const { ipAddress } = options;
    writeFileSync(extensions, ipAddress === undefined ? '' : `subjectAltName=IP:${ipAddress}\n`);
    const signing = ['-CA', this.certificate, '-CAkey', this.#path('ca.key'), '-CAcreateserial'];
    const { daysLeft } = options;
    const days = daysLeft === undefined ? this.#days : YEAR_DAYS + daysLeft;
    const output = ['-days', String(days), '-extfile', extensions, '-out', pair.certificate];
    const words = ['x509', '-req', '-in', request, ...signing, ...output];
    if (daysLeft === undefined) await this.#openssl(...words);
    else await command(['env', `LD_PRELOAD=${FAKETIME}`, 'FAKETIME=-365d', 'openssl', ...words]);
    return pair;
  }

  /** Revokes it; answers the path of the list of all that are revoked. */
  async revoke(pair: KeyPair): Promise<string> {
    const configuration = this.#path('ca.cnf');
    const index = this.#path('index');
    if (!existsSync(index)) writeFileSync(index, '');
    const lines = ['[ca]', 'default_ca = bench', '[bench]', `database = ${index}`];
    writeFileSync(configuration, `${[...lines, 'default_md = sha256'].join('\n')}\n`);
    const list = this.#path('ca.crl');
    const words = ['ca', '-config', configuration, '-cert', this.certificate];
    words.push('-keyfile', this.#path('ca.key'));
    await this.#openssl(...words, '-revoke', pair.certificate);
    await this.#openssl(...words, '-gencrl', '-crldays', String(this.#days), '-out', list);
    return list;
  }

  async #selfSigned(name: string, commonName: string, certificate: string): Promise<void> {
    const key = this.#path(`${name}.key`);
    await this.#newKey(key);
    const words = ['-key', key, '-subj', subject(commonName), '-days', String(this.#days)];
    await this.#openssl('req', '-x509', '-new', ...words, '-out', certificate);
  }

  async #newKey(path: string): Promise<void> {
    const curve = ['-pkeyopt', 'ec_paramgen_curve:P-256'];
    await this.#openssl('genpkey', '-algorithm', 'EC', ...curve, '-out', path);
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }

  async #openssl(...words: readonly string[]): Promise<void> {
    await command([...this.#before, 'openssl', ...words]);
  }
}

/** Debian's libfaketime for programs with threads: clocks of one process, never the machine's. */
export const FAKETIME = `/usr/lib/${
  process.arch === 'arm64' ? 'aarch64' : 'x86_64'
}-linux-gnu/faketime/libfaketimeMT.so.1`;

function subject(commonName: string): string {
  return `/CN=${commonName}`;
}
