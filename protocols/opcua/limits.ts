/**
 * Limits of the OPC UA decoders (docs/fields, section 2.7), in one place so that nobody can make a
 * decoder grow or dig without end. Every hit shows in the record's `decode.faults`.
 */

/**
 * Levels of Variant, DataValue and DiagnosticInfo entered; deeper is `partial`, not `malformed`.
 */
export const NESTING_DEPTH_MAX = 16;
/** List elements built for one message; further ones are read past and not built. */
export const ITEMS_PER_MESSAGE_MAX = 4096;
/** Bytes of a message body that are kept and decoded. */
export const BODY_BYTES_DECODED_MAX = 65_536;
/** Bytes of one text that are kept. */
export const STRING_BYTES_KEPT_MAX = 256;
/** Bytes of one ByteString value that are kept; longer ones also get their SHA-256. */
export const BYTE_STRING_BYTES_KEPT_MAX = 64;
/** Faults and anomalies noted for one message; further ones say nothing new. */
export const FAULTS_PER_MESSAGE_MAX = 16;
/** Namespace indexes of one message that are told with their URIs. */
export const NAMESPACES_PER_MESSAGE_MAX = 16;
/** A URL of HEL and RHE is shorter than this (OPC 10000-6 §7.1.2.3). */
export const ENDPOINT_URL_BYTES_MAX = 4096;
/** A chunk that claims more is noise or an attack; stacks negotiate 8 KiB to some 100 KiB. */
export const CHUNK_BYTES_MAX = 16 * 1024 * 1024;
