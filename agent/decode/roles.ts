/**
 * Which side is the client: by the SYN, by what the bytes say, by a configured port, by the shape
 * of the message, in this order; never by the smaller port (docs/fields.md section 3).
 */
import type { RoleSource } from '../../protocols/flow.ts';
import { FLOW_OPCUA, SIDE_UNKNOWN } from './flow-table.ts';

/** Side that a source points at, or SIDE_UNKNOWN. */
export interface RoleEvidence {
  readonly protocol: number;
  /** Sender of the SYN. */
  readonly originatorSide: number;
  /** The client by the content of the bytes. */
  readonly contentSide: number;
  /** The side with a configured port, when it is only one. */
  readonly serverPortSide: number;
  /** Sender of the first bytes that were recognised. */
  readonly firstSide: number;
}

export interface Roles {
  readonly clientSide: number;
  readonly roleSource: RoleSource;
  /** 0..1 */
  readonly roleConfidence: number;
}

export function decideRoles(evidence: RoleEvidence): Roles {
  const { originatorSide, contentSide, serverPortSide } = evidence;
  const isContentStrong = evidence.protocol === FLOW_OPCUA && contentSide !== SIDE_UNKNOWN;
  if (originatorSide !== SIDE_UNKNOWN) {
    // Reverse hello (OPC 10000-6 section 7.1.3): the server opens the connection.
    if (isContentStrong && contentSide !== originatorSide) {
      return { clientSide: contentSide, roleSource: 'hello', roleConfidence: 0.95 };
    }
    return { clientSide: originatorSide, roleSource: 'syn', roleConfidence: 1 };
  }
  if (isContentStrong)
    return { clientSide: contentSide, roleSource: 'hello', roleConfidence: 0.95 };
  if (serverPortSide !== SIDE_UNKNOWN) {
    return { clientSide: serverPortSide ^ 1, roleSource: 'port', roleConfidence: 0.8 };
  }
  if (contentSide !== SIDE_UNKNOWN) {
    return { clientSide: contentSide, roleSource: 'pduShape', roleConfidence: 0.6 };
  }
  // Who is heard first asks, more often than not.
  return { clientSide: evidence.firstSide, roleSource: 'pduShape', roleConfidence: 0.3 };
}
