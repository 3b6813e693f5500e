/** Why a link did not come up or went away, as faults with a next step. */
import { OperatorFault } from '../platform/operator-fault.ts';

/** What a failing socket, TLS layer or MQTT library hands over; only these are looked at. */
export interface LinkError {
  readonly message: string;
  /** Text of the operating system or OpenSSL; a number is a reason code of MQTT. */
  readonly code?: string | number;
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);
const CERTIFICATE_EXPIRED = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

/** MQTT 5 section 2.4; what an operator meets. */
const REASONS: Readonly<Record<number, string>> = {
  128: 'unspecified error',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'unsupported protocol version: MQTT 5 is needed',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorized',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  139: 'server shutting down',
  141: 'keep alive timeout',
  142: 'session taken over by another client with the same agentId',
  144: 'topic name invalid',
  149: 'packet too large',
  151: 'quota exceeded',
  153: 'payload format invalid',
};

/** Undefined where the link simply ended. */
export function linkFault(broker: string, error: LinkError | undefined): OperatorFault | undefined {
  if (error === undefined) return undefined;
  const { code } = error;
  if (typeof code === 'number') return brokerFault(broker, code);
  if (code !== undefined && UNREACHABLE.has(code)) {
    return new OperatorFault({
      code: 'UPLINK_BROKER_UNREACHABLE',
      problem: `The broker ${broker} can't be reached (${code}).`,
      remedy: 'Check name, port, route and firewall; the outbox keeps everything until then.',
      cause: error,
    });
  }
  if (code !== undefined && CERTIFICATE_EXPIRED.has(code)) {
    return new OperatorFault({
      code: 'UPLINK_CERTIFICATE_EXPIRED',
      problem: `The certificate of ${broker} is outside its time of validity (${code}).`,
      remedy: "Check this gateway's clock first, then ask the hub for a new certificate.",
      cause: error,
    });
  }
  if (isTls(error)) {
    return new OperatorFault({
      code: 'UPLINK_TLS_REFUSED',
      problem: `No trusted TLS connection to ${broker}: ${error.message} (${code ?? 'no code'}).`,
      remedy: 'Check ca.pem, client-cert.pem and client-key.pem in uplink.credentials.',
      cause: error,
    });
  }
  return new OperatorFault({
    code: 'UPLINK_LINK_FAILED',
    problem: `The link to ${broker} failed: ${error.message}.`,
    remedy: 'The agent tries again by itself; if it lasts, run "fieldtap doctor".',
    cause: error,
  });
}

/** CONNACK, DISCONNECT or SUBACK with a reason code of 0x80 or more. */
export function brokerFault(broker: string, reasonCode: number): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_BROKER_REFUSED',
    problem: `The broker ${broker} refused this agent: ${reasonText(reasonCode)}.`,
    remedy: "Check at the hub that this agentId is enrolled and the broker's access list has it.",
  });
}

/** PUBACK with a reason code of 0x80 or more: the message stays in the outbox. */
export function publishFault(broker: string, topic: string, reasonCode: number): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_PUBLISH_REFUSED',
    problem: `The broker ${broker} refused a message on ${topic}: ${reasonText(reasonCode)}.`,
    remedy: "Let the broker's access list allow this agent to publish on its own topics.",
  });
}

function reasonText(reasonCode: number): string {
  const hex = `0x${reasonCode.toString(16).padStart(2, '0')}`;
  return `${REASONS[reasonCode] ?? 'reason unknown'} (${hex})`;
}

function isTls({ code, message }: LinkError): boolean {
  return (
    (typeof code === 'string' &&
      /^(ERR_SSL|ERR_TLS|CERT_|CRL_|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code)) ||
    /certificate|tls|ssl/i.test(message)
  );
}
