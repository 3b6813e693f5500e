/**
 * Why the broker can't be reached or isn't trusted, under a word that never changes, with the next
 * step. The codes are Node's and OpenSSL's (tls.TLSSocket, X509 certificate error codes).
 */

export interface LinkReason {
  readonly reason: string;
  readonly remedy: string;
}

const NAMES = 'Connect by a name that is in its certificate, or issue one with the names used.';
const RENEW = 'Issue a new one for the broker (fieldtap-hub enroll --broker-certificate).';
const TRUST = 'Compare broker.ca with the authority of the broker; it may be another machine.';
const CLOCK = "Check this machine's clock.";
const NO_LIST = `There is no list of its authority in broker.revocationList. ${TRUST}`;
const LIST = 'Bring broker.revocationList up to date; without it nothing is believed.';

// biome-ignore format: one code per line
const REASONS: Readonly<Record<string, LinkReason>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:         { reason: 'brokerSelfSigned',       remedy: TRUST },
  SELF_SIGNED_CERT_IN_CHAIN:           { reason: 'brokerOfAnotherAuthority', remedy: TRUST },
  UNABLE_TO_GET_ISSUER_CERT:           { reason: 'brokerOfAnotherAuthority', remedy: TRUST },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:   { reason: 'brokerOfAnotherAuthority', remedy: TRUST },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:     { reason: 'brokerOfAnotherAuthority', remedy: TRUST },
  CERT_SIGNATURE_FAILURE:              { reason: 'brokerOfAnotherAuthority', remedy: TRUST },
  CERT_HAS_EXPIRED:                    { reason: 'brokerExpired',          remedy: RENEW },
  CERT_NOT_YET_VALID:                  { reason: 'brokerNotYetValid',      remedy: CLOCK },
  CERT_REVOKED:                        { reason: 'brokerRevoked',          remedy: RENEW },
  INVALID_PURPOSE:                     { reason: 'brokerNotServer',        remedy: RENEW },
  ERR_TLS_CERT_ALTNAME_INVALID:        { reason: 'brokerWrongName',        remedy: NAMES },
  UNABLE_TO_GET_CRL:                   { reason: 'brokerOfAnotherAuthority', remedy: NO_LIST },
  CRL_HAS_EXPIRED:                     { reason: 'revocationListUnusable', remedy: LIST },
  CRL_SIGNATURE_FAILURE:               { reason: 'revocationListUnusable', remedy: LIST },
};

const WITHOUT: LinkReason = {
  reason: 'brokerWithoutCertificate',
  remedy: 'Give the broker certfile and keyfile on this port (hub/README.md).',
};
const OWN: LinkReason = {
  reason: 'ownCertificateRefused',
  remedy: 'Look in the log of the broker; issue a new one (fieldtap-hub enroll --hub-certificate).',
};
const DOWN: LinkReason = {
  reason: 'brokerUnreachable',
  remedy: 'Check name, port, firewall, and that the broker runs; it is tried again.',
};

/** `error`: what the socket or the MQTT library says. */
export function linkReason(error: Error): LinkReason {
  const code = 'code' in error ? String(error.code) : '';
  const known = REASONS[code];
  if (known !== undefined) return known;
  // A server without a certificate has no cipher in common; one without TLS speaks another protocol.
  const text = error.message;
  if (/handshake failure|no shared cipher|wrong version number|unknown protocol/i.test(text)) {
    return WITHOUT;
  }
  return /\balert\b/i.test(text) ? OWN : DOWN;
}
