/**
 * The renewal of a client certificate over the link itself: an agent asks by `renewalRequest` on
 * stream 1, the hub answers by `certificate` on `dn/k`, signed by the receipt key. The private key
 * never leaves the gateway.
 */
import { epoch, IDENTITY_FIELDS, KEY_KIND, KIND_CERTIFICATE, KIND_RENEWAL } from './identity.ts';
import type { RenewalRequest, RenewedCertificate } from './messages.ts';
import { field, map, type Shape } from './shape.ts';
import { agentId, blob, constant, uint } from './shape-types.ts';

/** PKCS #10 around a P-256 key: some 250 bytes. */
export const CERTIFICATE_REQUEST_BYTES_MAX = 2048;
/** X.509 of a P-256 key: some 450 bytes; an authority of an own making may sign with RSA. */
export const CERTIFICATE_BYTES_MAX = 4096;

export const renewalRequestShape: Shape<RenewalRequest> = map<RenewalRequest>({
  kind: field(KEY_KIND, constant(KIND_RENEWAL, 'renewalRequest')),
  ...IDENTITY_FIELDS,
  certificateRequest: field(10, blob(CERTIFICATE_REQUEST_BYTES_MAX)),
});

export const renewedCertificateShape: Shape<RenewedCertificate> = map<RenewedCertificate>({
  kind: field(KEY_KIND, constant(KIND_CERTIFICATE, 'certificate')),
  agentId: field(2, agentId),
  hubEpoch: field(4, epoch),
  hubTimeMs: field(5, uint()),
  certificate: field(10, blob(CERTIFICATE_BYTES_MAX)),
});
