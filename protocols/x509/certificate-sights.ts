/**
 * What the sight of a certificate adds to what stands in it (docs/fields 2.3): the addresses that
 * showed it so far, and how many days it had left then. One certificate on two hosts is a copied
 * key.
 */

/** Certificates remembered; when full, the one seen first makes room. */
export const CERTIFICATES_MAX = 1024;
/** Addresses kept of one certificate. */
export const HOSTS_PER_CERTIFICATE_MAX = 16;
const US_A_DAY = 86_400_000_000;

export interface Sight {
  /** Whole days from the sight to `notAfter`; negative when it has expired. */
  readonly daysLeft?: number;
  /** Addresses that presented it so far, in the order of sight. */
  readonly seenOnHosts: readonly string[];
}

interface SeenCertificate {
  readonly sha256Thumbprint: string;
  readonly notAfter?: string;
}

export class CertificateSights {
  readonly #hosts = new Map<string, readonly string[]>();

  /** `ipAddress` presented the certificate at `timeUs` (UTC microseconds). */
  seen<T extends SeenCertificate>(certificate: T, ipAddress: string, timeUs: number): T & Sight {
    const seenOnHosts = this.#hostsWith(certificate.sha256Thumbprint, ipAddress);
    const endMs = Date.parse(certificate.notAfter ?? '');
    const daysLeft = Math.floor((endMs * 1000 - timeUs) / US_A_DAY);
    return { ...certificate, ...(Number.isFinite(daysLeft) && { daysLeft }), seenOnHosts };
  }

  #hostsWith(thumbprint: string, ipAddress: string): readonly string[] {
    const hosts = this.#hosts.get(thumbprint) ?? [];
    const isKnown = hosts.includes(ipAddress) || hosts.length >= HOSTS_PER_CERTIFICATE_MAX;
    const now = isKnown ? hosts : [...hosts, ipAddress];
    this.#hosts.set(thumbprint, now);
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > CERTIFICATES_MAX && oldest !== undefined) this.#hosts.delete(oldest);
    return now;
  }
}
