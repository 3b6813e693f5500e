/**
 * Transmission Control Protocol: where the fields of the header stand.
 * Spec: RFC 9293 section 3.1.
 *
 *    0             2                  4                 8                        12
 *    | source port | destination port | sequence number | acknowledgment number | data offset |
 *    13      14       16         18               20
 *    | flags | window | checksum | urgent pointer | options
 */

export const TCP_SOURCE_PORT = 0;
export const TCP_DESTINATION_PORT = 2;
export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGMENT = 8;
const DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_HEADER_BYTES_MIN = 20;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_ACK = 0x10;

/** Offset of the first payload byte of the header at `offset`, or -1 when it isn't whole. */
export function tcpPayloadOffset(bytes: Uint8Array, offset: number, end: number): number {
  if (offset + TCP_HEADER_BYTES_MIN > end) return -1;
  const headerBytes = (bytes[offset + DATA_OFFSET] >> 4) << 2;
  if (headerBytes < TCP_HEADER_BYTES_MIN || offset + headerBytes > end) return -1;
  return offset + headerBytes;
}
