/**
 * A TLS connection as fields of a record (docs/fields.md 1.6 and 2.3). TLS 1.3 encrypts the
 * certificates: then the record says that they are hidden instead of showing none.
 */
import type { Digest } from '../decoded.ts';
import type { Endpoint } from '../flow.ts';
import { type CertificateFacts, certificateFacts } from '../x509/certificate-facts.ts';
import type { CertificateSights } from '../x509/certificate-sights.ts';
import { cipherSuiteName, tlsVersionName } from './cipher-suites.ts';
import { TLS_1_3 } from './handshake.ts';
import { modbusRole } from './modbus-role.ts';
import type { TlsConnection, TlsSide } from './tls-connection.ts';

interface TlsCertificateFields extends CertificateFacts {
  readonly sha256Thumbprint: string;
  readonly sha1Thumbprint?: string;
  readonly chainLength: number;
}

export function tlsRecordFields(
  connection: TlsConnection,
  digest: Digest,
  sights?: CertificateSights,
): Readonly<Record<string, unknown>> {
  const { handshake, client, server, flow, firstTimeUs } = connection;
  const seen = (endpoint: Endpoint) => (certificate: TlsCertificateFields) =>
    sights?.seen(certificate, endpoint.ipAddress, firstTimeUs) ?? certificate;
  const { version, cipherSuite, serverName, clientCertificates, serverCertificates } = handshake;
  const role = clientCertificates.length > 0 ? modbusRole(clientCertificates[0]) : undefined;
  return {
    transport: 'tls',
    ...(version > 0 && { tlsVersion: tlsVersionName(version) }),
    ...(cipherSuite >= 0 && { cipherSuite: cipherSuiteName(cipherSuite) }),
    ...(serverName !== undefined && { serverName }),
    ...(version === TLS_1_3 && { certificatesHidden: true }),
    ...(handshake.isCertificateRequested && { clientCertificateRequested: true }),
    ...certificateField('clientCertificate', clientCertificates, digest, seen(flow.client)),
    ...certificateField('serverCertificate', serverCertificates, digest, seen(flow.server)),
    ...(role !== undefined && { modbusRole: role }),
    recordsCount: client.recordsCount + server.recordsCount,
    recordBytes: client.recordBytes + server.recordBytes,
    request: sideFields(client),
    response: sideFields(server),
  };
}

function sideFields({ recordsCount, recordBytes }: TlsSide): TlsSide {
  return { recordsCount, recordBytes };
}

function certificateField(
  name: string,
  chain: readonly Uint8Array[],
  digest: Digest,
  seen: (certificate: TlsCertificateFields) => TlsCertificateFields,
): Record<string, TlsCertificateFields> {
  if (chain.length === 0) return {};
  const [own] = chain;
  const sha1Thumbprint = digest.sha1?.(own, 0, own.length);
  const fields = {
    sha256Thumbprint: digest.sha256(own, 0, own.length),
    ...(sha1Thumbprint !== undefined && { sha1Thumbprint }),
    chainLength: chain.length,
    ...certificateFacts(own, 0, own.length),
  };
  return { [name]: seen(fields) };
}
