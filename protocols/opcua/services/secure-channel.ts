/**
 * SecureChannel services (OPC 10000-4 §5.5) and the asymmetric security header that stands before
 * them in OPN (OPC 10000-6 §6.7.2.3). Nonces are key material: only their lengths are kept.
 */
import { certificate, thumbprint } from '../certificate.ts';
import { dateTime } from '../date-time.ts';
import { enumeration, uint32 } from '../scalars.ts';
import { structure } from '../structure.ts';
import { secretLength, string } from '../text.ts';

/** Index is the number (OPC 10000-4 §7.20). */
export const SECURITY_MODES = ['Invalid', 'None', 'Sign', 'SignAndEncrypt'] as const;

export const securityMode = enumeration(SECURITY_MODES);

export const asymmetricSecurityHeader = structure({
  securityPolicyUri: string,
  senderCertificate: certificate,
  receiverCertificateThumbprint: thumbprint,
});

export const openSecureChannelRequest = structure({
  clientProtocolVersion: uint32,
  requestType: enumeration(['Issue', 'Renew']),
  securityMode,
  clientNonceBytes: secretLength,
  requestedLifetimeMs: uint32,
});

export const openSecureChannelResponse = structure({
  serverProtocolVersion: uint32,
  channelId: uint32,
  tokenId: uint32,
  tokenCreatedAt: dateTime,
  revisedLifetimeMs: uint32,
  serverNonceBytes: secretLength,
});
