/**
 * One direction of a TLS connection: counts its records, and collects handshake messages until the
 * direction becomes encrypted. After a loss it waits for a segment that begins with a record.
 */
import {
  FINISHED,
  HANDSHAKE_HEADER_BYTES,
  handshakeMessageBytes,
  readHandshakeMessage,
  type TlsHandshake,
} from '../../protocols/tls/handshake.ts';
import {
  CONTENT_APPLICATION_DATA,
  CONTENT_CHANGE_CIPHER_SPEC,
  CONTENT_HANDSHAKE,
  TLS_HEADER_BYTES,
  tlsFragmentBytes,
} from '../../protocols/tls/tls-record.ts';

/** Handshake bytes kept of one direction: a chain of long certificates has about 8 KiB. */
const HANDSHAKE_BYTES_MAX = 32_768;
/** Handshake messages read of one direction; renegotiation is encrypted. */
const MESSAGES_MAX = 64;

export class TlsDirection {
  readonly #fromClient: boolean;
  readonly #handshake: TlsHandshake;
  readonly #header = new Uint8Array(TLS_HEADER_BYTES);
  #headerLength = 0;
  /** Bytes of the current record that still come. */
  #restBytes = 0;
  #isLost = false;
  #isReading = true;
  #collected: Uint8Array | undefined;
  #collectedLength = 0;
  #messages = 0;
  recordsCount = 0;
  recordBytes = 0;

  constructor(handshake: TlsHandshake, fromClient: boolean) {
    this.#handshake = handshake;
    this.#fromClient = fromClient;
  }

  segment(bytes: Uint8Array, start: number, length: number): void {
    const end = start + length;
    let at = start;
    if (this.#isLost) {
      if (length < TLS_HEADER_BYTES || tlsFragmentBytes(bytes, start) < 0) return;
      this.#isLost = false;
    }
    while (at < end && !this.#isLost) {
      if (this.#restBytes > 0) {
        const part = Math.min(this.#restBytes, end - at);
        if (this.#isReading && this.#header[0] === CONTENT_HANDSHAKE) {
          this.#collect(bytes, at, part);
        }
        this.#restBytes -= part;
        at += part;
      } else {
        this.#header[this.#headerLength++] = bytes[at++];
        if (this.#headerLength === TLS_HEADER_BYTES) this.#beginRecord();
      }
    }
  }

  /** The rest of a record may be what is missing; then the next one is where it should be. */
  gap(bytesMissed: number): void {
    this.#stopReading();
    if (bytesMissed <= this.#restBytes) this.#restBytes -= bytesMissed;
    else {
      this.#isLost = true;
      this.#restBytes = 0;
      this.#headerLength = 0;
    }
  }

  #beginRecord(): void {
    this.#headerLength = 0;
    const fragmentBytes = tlsFragmentBytes(this.#header, 0);
    if (fragmentBytes < 0) {
      this.#isLost = true;
      this.#stopReading();
      return;
    }
    const type = this.#header[0];
    this.recordsCount++;
    this.recordBytes += TLS_HEADER_BYTES + fragmentBytes;
    this.#restBytes = fragmentBytes;
    // From here on handshake messages are encrypted.
    if (type === CONTENT_CHANGE_CIPHER_SPEC || type === CONTENT_APPLICATION_DATA) {
      this.#stopReading();
    }
  }

  #collect(bytes: Uint8Array, offset: number, length: number): void {
    this.#collected ??= new Uint8Array(HANDSHAKE_BYTES_MAX);
    if (this.#collectedLength + length > HANDSHAKE_BYTES_MAX) {
      this.#stopReading();
      return;
    }
    this.#collected.set(bytes.subarray(offset, offset + length), this.#collectedLength);
    this.#collectedLength += length;
    this.#readMessages(this.#collected);
  }

  #readMessages(collected: Uint8Array): void {
    let at = 0;
    while (this.#collectedLength - at >= HANDSHAKE_HEADER_BYTES) {
      const end = at + handshakeMessageBytes(collected, at);
      if (end - at > HANDSHAKE_BYTES_MAX || collected[at] > FINISHED) {
        this.#stopReading();
        return;
      }
      if (end > this.#collectedLength) break;
      readHandshakeMessage(this.#handshake, collected, at, end, this.#fromClient);
      at = end;
      if (++this.#messages >= MESSAGES_MAX) {
        this.#stopReading();
        return;
      }
    }
    if (at === 0) return;
    collected.copyWithin(0, at, this.#collectedLength);
    this.#collectedLength -= at;
  }

  #stopReading(): void {
    this.#isReading = false;
    this.#collected = undefined;
    this.#collectedLength = 0;
  }
}
