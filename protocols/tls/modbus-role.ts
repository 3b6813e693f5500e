/**
 * The role that a certificate gives its owner in Modbus/TCP Security: an extension of its own.
 * Source: MODBUS/TCP Security V21, section 6.3 (role OID; from memory), as in the open clients that
 * docs/fields.md 1.6 names. Found by its bytes: one extension needs no second walk through DER.
 *
 *    06 0b | 1.3.6.1.4.1.50316.802.1 | (01 01 ff: critical) | 04 n | 0c n | role in UTF-8
 */

/** The object identifier with its tag and length. */
const ROLE_OID = [0x06, 0x0b, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0x89, 0x0c, 0x86, 0x22, 0x01];
const BOOLEAN = 0x01;
const BOOLEAN_BYTES = 3;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const ROLE_BYTES_MAX = 127;

/** Text from the wire, not yet escaped; undefined without the extension. */
export function modbusRole(certificate: Uint8Array): string | undefined {
  for (let at = 0; at + ROLE_OID.length < certificate.length; at++) {
    if (certificate[at] === ROLE_OID[0] && isRoleAt(certificate, at)) {
      return roleText(certificate, at + ROLE_OID.length);
    }
  }
  return undefined;
}

function isRoleAt(bytes: Uint8Array, at: number): boolean {
  return ROLE_OID.every((byte, index) => bytes[at + index] === byte);
}

function roleText(bytes: Uint8Array, start: number): string | undefined {
  const at = bytes[start] === BOOLEAN ? start + BOOLEAN_BYTES : start;
  if (at + 4 > bytes.length || bytes[at] !== OCTET_STRING || bytes[at + 2] !== UTF8_STRING) {
    return undefined;
  }
  const length = bytes[at + 3];
  const end = at + 4 + length;
  if (length > ROLE_BYTES_MAX || bytes[at + 1] !== length + 2 || end > bytes.length) {
    return undefined;
  }
  return new TextDecoder().decode(bytes.subarray(at + 4, end));
}
