/**
 * Security policies (OPC 10000-7) as far as a listener needs them: is the OpenSecureChannel
 * exchange readable, and how many bytes of signature trail a chunk in mode Sign (OPC 10000-6
 * §6.7.2; sizes as in UA-.NETStandard and open62541).
 */

export interface SecurityPolicy {
  readonly uri: string;
  readonly name: string;
  /** Symmetric signature behind each chunk of MSG and CLO. */
  readonly signatureBytes: number;
  /**
   * RSA policies encrypt the body of OPN, in mode Sign too (§6.7.4); ECC only signs it (§6.8.1).
   */
  readonly isOpenReadable: boolean;
  readonly isDeprecated: boolean;
}

/** What every policy's URI begins with. */
export const SECURITY_POLICY_PREFIX = 'http://opcfoundation.org/UA/SecurityPolicy#';
/** An URI of this length or more is not looked at. */
export const SECURITY_POLICY_URI_BYTES_MAX = 255;

const AEAD_BYTES = 16;
const SHA1_BYTES = 20;
const SHA256_BYTES = 32;
const SHA384_BYTES = 48;

export const POLICY_NONE: SecurityPolicy = Object.freeze({
  uri: `${SECURITY_POLICY_PREFIX}None`,
  name: 'None',
  signatureBytes: 0,
  isOpenReadable: true,
  isDeprecated: false,
});

/** By its URI; a name we don't know is judged by its form. */
export function securityPolicy(uri: string): SecurityPolicy {
  if (uri === POLICY_NONE.uri) return POLICY_NONE;
  const name = uri.startsWith(SECURITY_POLICY_PREFIX)
    ? uri.slice(SECURITY_POLICY_PREFIX.length)
    : uri;
  const isEllipticCurve = name.startsWith('ECC_');
  const isAuthenticated = name.endsWith('_AesGcm') || name.endsWith('_ChaChaPoly');
  return {
    uri,
    name,
    signatureBytes: signatureBytesOf(name, isAuthenticated),
    isOpenReadable: isEllipticCurve || name.startsWith('RSA_DH_'),
    isDeprecated:
      name === 'Basic128Rsa15' || name === 'Basic256' || (isEllipticCurve && !isAuthenticated),
  };
}

function signatureBytesOf(name: string, isAuthenticated: boolean): number {
  if (isAuthenticated || name.startsWith('ECC_curve')) return AEAD_BYTES;
  if (name === 'Basic256' || name === 'Basic128Rsa15') return SHA1_BYTES;
  return name.includes('P384') ? SHA384_BYTES : SHA256_BYTES;
}
