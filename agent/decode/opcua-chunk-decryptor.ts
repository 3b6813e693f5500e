/**
 * The seam for whoever holds the keys of an encrypted channel. Nothing here decrypts: without a
 * decryptor such a channel is told by its sizes and times alone.
 */
import type { ByteSpan } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { MessageType } from '../../protocols/opcua/transaction.ts';

/** A chunk as it came, whole. One object, reused; valid only during the call. */
export interface EncryptedChunk {
  readonly flow: FlowFacts;
  readonly fromClient: boolean;
  readonly messageType: MessageType;
  /** Undefined when the capture began inside the channel. */
  readonly securityPolicyUri: string | undefined;
  readonly secureChannelId: number;
  /** 0 for OPN. */
  readonly tokenId: number;
  /** The chunk from the first byte of its header to the last of its signature. */
  readonly chunk: ByteSpan;
  /** Offset from the chunk's first byte of the first encrypted one. */
  readonly encryptedOffset: number;
}

export interface ChunkDecryptor {
  /**
   * Called before the sequence header is read. Answers the plain bytes from the sequence header to
   * the end of the body, without padding and signature, valid until the next call; `undefined`
   * where it has no key. Must not throw.
   */
  decrypt(chunk: EncryptedChunk): ByteSpan | undefined;
}
