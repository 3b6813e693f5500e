/** Observations about a flow as a whole, rather than about one transaction. */
import type { MalformedMessage } from '../../protocols/decode-sink.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { Observation, ObservationKind } from '../../protocols/interval-report.ts';

/** What every observation about a flow says. */
export function envelope(flow: FlowFacts, kind: ObservationKind, timeUs: number): Observation {
  return {
    kind,
    timeUs,
    protocol: flow.protocol,
    clientIpAddress: flow.client.ipAddress,
    serverIpAddress: flow.server.ipAddress,
    serverPort: flow.server.port,
  };
}

/** The first case of its kind on a flow. */
export function describeMalformed(message: MalformedMessage): Observation {
  const first = message.anomalies[0];
  return {
    ...envelope(message.flow, 'malformed', message.timeUs),
    details: {
      fromClient: message.fromClient,
      ...(first === undefined
        ? {}
        : {
            name: first.name,
            field: first.field,
            offsetBytes: first.offsetBytes,
            expected: first.expected,
            actual: first.actual,
          }),
    },
  };
}
