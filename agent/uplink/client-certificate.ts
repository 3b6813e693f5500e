/**
 * The gateway's certificate for mutual TLS, and the next one beside it. The key pair of the next is
 * made here and its private half stays here; the old pair is used until the new one has connected
 * once, and a power cut at any moment leaves a pair that fits.
 *
 *    client-key.next.pem    made with a request; on the disk until its certificate has connected
 *    client-cert.next.pem   the hub's answer; tried with the next connection
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto';
import { existsSync, readFileSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  derOfCertificateRequest,
  makeCertificateRequest,
} from '../../protocols/uplink/enrolment-certificate.ts';
import { writeWhole } from '../platform/durable-file.ts';
import { credentialPath } from '../platform/service-credentials.ts';
import { loadTlsCredentials, TLS_FILES, type TlsCredentials } from './credentials.ts';

export const NEXT_TLS_FILES = {
  key: 'client-key.next.pem',
  certificate: 'client-cert.next.pem',
} as const;

const DAY_MS = 86_400_000;
/** A certificate is renewed so long before its end, or when half of its time is over. */
export const RENEWAL_LEAD_MS_MAX = 60 * DAY_MS;
/** A new pair that the broker refused while it took the old one is tried again after so long. */
const TRY_AGAIN_MS = DAY_MS;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Certificates looked at in ca.pem. */
const AUTHORITIES_MAX = 16;

export type ReceivedCertificate =
  /** On the disk, for the next connection. */
  | { readonly kind: 'taken'; readonly toMs: number }
  /** Of a request that is over: it is retained at the broker and comes again and again. */
  | { readonly kind: 'old' }
  | { readonly kind: 'refused'; readonly reason: string };

export class ClientCertificate {
  readonly #folder: string;
  readonly #agentId: string;
  readonly #nowMs: () => number;
  #validity: { readonly fromMs: number; readonly toMs: number } | undefined;
  /** The pair of the attempt that runs. */
  #isTryingNext = false;
  #isUp = false;
  /** Since when the next pair is left alone; undefined: it is tried. */
  #nextFailedMs: number | undefined;

  /** Completes what a power cut has interrupted. Throws OperatorFault where files are missing. */
  constructor(folder: string, agentId: string, nowMs: () => number) {
    this.#folder = folder;
    this.#agentId = agentId;
    this.#nowMs = nowMs;
    this.#finish();
    const { certificate } = loadTlsCredentials(folder);
    this.#validity = validityOf(certificate);
  }

  /** The service manager hands the key over, so a new one can't take its place here. */
  get isRenewable(): boolean {
    const { key, certificate } = TLS_FILES;
    return [key, certificate].every(
      (file) => credentialPath(this.#folder, file) === join(this.#folder, file),
    );
  }

  /** End of the certificate in use; undefined where it can't be read. */
  get toMs(): number | undefined {
    return this.#validity?.toMs;
  }

  /** From when on a renewal is due. */
  get renewFromMs(): number | undefined {
    if (this.#validity === undefined) return undefined;
    const { fromMs, toMs } = this.#validity;
    return toMs - Math.min(RENEWAL_LEAD_MS_MAX, (toMs - fromMs) / 2);
  }

  /** The new pair doesn't connect where the old one does. */
  get isNextRefused(): boolean {
    return this.#isUp && this.#nextFailedMs !== undefined;
  }

  /** For one attempt to connect: the new pair first, the old one when that fails. */
  credentials(): TlsCredentials {
    const old = loadTlsCredentials(this.#folder);
    const isLeftAlone =
      this.#nextFailedMs !== undefined && this.#nowMs() - this.#nextFailedMs < TRY_AGAIN_MS;
    this.#isTryingNext = this.hasNext && !isLeftAlone;
    if (!this.#isTryingNext) return old;
    return {
      ...old,
      certificate: readFileSync(this.#path(NEXT_TLS_FILES.certificate)),
      key: readFileSync(this.#path(NEXT_TLS_FILES.key)),
    };
  }

  /** The hub's answer is here and has not connected yet. */
  get hasNext(): boolean {
    const { key, certificate } = NEXT_TLS_FILES;
    return existsSync(this.#path(key)) && existsSync(this.#path(certificate));
  }

  /** Connected; true when the new pair has thereby taken the old one's place. */
  connected(): boolean {
    this.#isUp = true;
    if (!this.#isTryingNext) return false;
    this.#isTryingNext = false;
    this.#nextFailedMs = undefined;
    renameSync(this.#path(NEXT_TLS_FILES.key), this.#path(TLS_FILES.key));
    this.#finish();
    this.#validity = validityOf(readFileSync(this.#path(TLS_FILES.certificate)));
    return true;
  }

  /** The attempt has failed, or the link has ended. */
  disconnected(): void {
    const wasUp = this.#isUp;
    this.#isUp = false;
    if (wasUp) return;
    // Both fail where the link is down: then each has its turn.
    this.#nextFailedMs = this.#isTryingNext ? this.#nowMs() : undefined;
  }

  /** PKCS #10 in DER for the next key, made where there is none. Throws what disks throw. */
  request(): Uint8Array {
    const path = this.#path(NEXT_TLS_FILES.key);
    if (!existsSync(path)) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      writeWhole(path, String(privateKey.export({ format: 'pem', type: 'pkcs8' })), 0o600);
    }
    const key = createPrivateKey(readFileSync(path));
    return derOfCertificateRequest(makeCertificateRequest(this.#agentId, key));
  }

  /** `der`: out of a message that the hub's receipt key has signed. Throws what disks throw. */
  receive(der: Uint8Array): ReceivedCertificate {
    const keyPath = this.#path(NEXT_TLS_FILES.key);
    const certificate = certificateOf(der);
    if (certificate === undefined) return { kind: 'refused', reason: 'it is no certificate' };
    if (!existsSync(keyPath)) return { kind: 'old' };
    if (!createPublicKey(readFileSync(keyPath)).equals(certificate.publicKey)) {
      return { kind: 'old' };
    }
    const toMs = new Date(certificate.validTo).getTime();
    const reason = this.#faultOf(certificate, toMs);
    if (reason !== undefined) return { kind: 'refused', reason };
    if (this.hasNext) return { kind: 'old' };
    writeWhole(this.#path(NEXT_TLS_FILES.certificate), certificate.toString(), 0o644);
    this.#nextFailedMs = undefined;
    return { kind: 'taken', toMs };
  }

  #faultOf(certificate: X509Certificate, toMs: number): string | undefined {
    if (certificate.subject !== `CN=${this.#agentId}`) return 'it is for another agent';
    if (!(toMs > this.#nowMs())) return 'it has expired';
    const { authority } = loadTlsCredentials(this.#folder);
    return isIssuedBy(certificate, authority) ? undefined : 'another authority has issued it';
  }

  /** The key moves first; from then on the certificate beside it belongs to it. */
  #finish(): void {
    const nextPath = this.#path(NEXT_TLS_FILES.certificate);
    if (!existsSync(nextPath) || existsSync(this.#path(NEXT_TLS_FILES.key))) return;
    const next = certificateOf(readFileSync(nextPath));
    const keyPath = this.#path(TLS_FILES.key);
    const fits =
      next !== undefined &&
      existsSync(keyPath) &&
      createPublicKey(readFileSync(keyPath)).equals(next.publicKey);
    const current = certificateOrUndefined(this.#path(TLS_FILES.certificate));
    // A bundle that was installed by hand meanwhile may hold for longer.
    const isLonger =
      current === undefined ||
      !fits ||
      !current.publicKey.equals(next.publicKey) ||
      new Date(next.validTo) > new Date(current.validTo);
    if (fits && isLonger) renameSync(nextPath, this.#path(TLS_FILES.certificate));
    else unlinkSync(nextPath);
  }

  #path(file: string): string {
    return join(this.#folder, file);
  }
}

function validityOf(pem: Uint8Array): { fromMs: number; toMs: number } | undefined {
  const certificate = certificateOf(pem);
  if (certificate === undefined) return undefined;
  const { validFrom, validTo } = certificate;
  return { fromMs: new Date(validFrom).getTime(), toMs: new Date(validTo).getTime() };
}

function certificateOrUndefined(path: string): X509Certificate | undefined {
  return existsSync(path) ? certificateOf(readFileSync(path)) : undefined;
}

function certificateOf(bytes: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    return undefined;
  }
}

function isIssuedBy(certificate: X509Certificate, authorityPem: Uint8Array): boolean {
  const found = Buffer.from(authorityPem).toString('latin1').match(PEM_CERTIFICATE) ?? [];
  return found.slice(0, AUTHORITIES_MAX).some((pem) => {
    const authority = certificateOf(Buffer.from(pem));
    return authority !== undefined && isSignedBy(certificate, authority);
  });
}

function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  try {
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}
