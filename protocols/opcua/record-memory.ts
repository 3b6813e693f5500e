/**
 * What records of OPC UA know from earlier ones: the notifications of a subscription that are
 * missing, and where else a certificate was seen. Kept by who writes records; the decoders look at
 * one message at a time.
 */
import type { FlowFacts } from '../flow.ts';
import { CertificateSights } from '../x509/certificate-sights.ts';
import type { SeenCertificate } from './certificate.ts';
import { SubscriptionSequences } from './subscription-sequences.ts';

type FieldsOfSide = Readonly<Record<string, unknown>>;

/** Fields of a side that hold a certificate, and lists of which every entry may. */
const CERTIFICATES = ['senderCertificate', 'clientCertificate', 'serverCertificate', 'certificate'];
const LISTS = ['endpoints', 'serverEndpoints'];

export class OpcuaRecordMemory {
  readonly certificates: CertificateSights;
  readonly #sequences = new SubscriptionSequences();

  constructor(certificates = new CertificateSights()) {
    this.certificates = certificates;
  }

  /** The fields of one side, with what earlier messages add to them. */
  side(flow: FlowFacts, service: string, isRequest: boolean, timeUs: number, side: FieldsOfSide) {
    const { ipAddress } = isRequest ? flow.client : flow.server;
    const known = this.#withSights(side, ipAddress, timeUs);
    return service === 'Publish' && !isRequest ? this.#withGap(flow, known) : known;
  }

  #withGap(flow: FlowFacts, side: FieldsOfSide): FieldsOfSide {
    const { subscriptionId, notificationSequenceNumber: sequenceNumber, isKeepAlive } = side;
    if (typeof subscriptionId !== 'number' || typeof sequenceNumber !== 'number') return side;
    const server = `${flow.server.ipAddress} ${flow.server.port}`;
    const isAlive = isKeepAlive === true;
    const gap = this.#sequences.gapBefore(server, subscriptionId, sequenceNumber, isAlive);
    return gap === 0 ? side : { ...side, sequenceNumberGap: gap };
  }

  #withSights(side: FieldsOfSide, ipAddress: string, timeUs: number): FieldsOfSide {
    let known = side;
    for (const name of CERTIFICATES) {
      const seen = known[name];
      if (!isCertificate(seen)) continue;
      known = { ...known, [name]: this.certificates.seen(seen, ipAddress, timeUs) };
    }
    for (const name of LISTS) {
      const list = known[name];
      if (!Array.isArray(list)) continue;
      const withSights = list.map((entry) => this.#withSights(entry, ipAddress, timeUs));
      known = { ...known, [name]: withSights };
    }
    const token = known.userIdentityToken;
    if (typeof token !== 'object' || token === null || !('certificate' in token)) return known;
    const userIdentityToken = this.#withSights({ ...token }, ipAddress, timeUs);
    return { ...known, userIdentityToken };
  }
}

function isCertificate(value: unknown): value is SeenCertificate {
  return typeof value === 'object' && value !== null && 'sha256Thumbprint' in value;
}
