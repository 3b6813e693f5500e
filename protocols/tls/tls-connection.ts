/**
 * One TLS connection as decode hands it on when it ends: what its handshake told and how much was
 * said, never what was said.
 */
import type { FlowFacts } from '../flow.ts';
import type { TlsHandshake } from './handshake.ts';

export interface TlsSide {
  readonly recordsCount: number;
  /** Bytes of its records with their headers. */
  readonly recordBytes: number;
}

export interface TlsConnection {
  readonly flow: FlowFacts;
  readonly handshake: TlsHandshake;
  readonly client: TlsSide;
  readonly server: TlsSide;
  /** UTC microseconds of the first and the last record; frame number of the first (0 live). */
  readonly firstTimeUs: number;
  readonly lastTimeUs: number;
  readonly frameNumber: number;
}
