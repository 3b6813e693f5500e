/**
 * The way to the hub, step by step: enrolment, name, TCP, TLS, certificate, MQTT, permission,
 * receipt. Each step depends on the one before, so the first that failed is the one that shows.
 */
import type { UplinkStatus } from '../agent-status.ts';
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import {
  type DoctorFacts,
  type EnrolmentFacts,
  UPLINK_STEPS,
  type UplinkStep,
} from '../doctor-facts.ts';

const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS_MIN = 30;
/** Receipts come once a summary; so many summaries without one are late. */
const SUMMARIES_LATE = 5;
const LATE_SECONDS_MIN = 900;
/** Reasons of a refusal by which an older hub tells that it doesn't know our words. */
const SKEW_REASONS = ['kindUnknown', 'fieldType', 'fieldMissing'];

export function uplinkChecks(facts: DoctorFacts): Finding[] {
  if (facts.wanted?.broker === undefined) return [];
  return [
    ...enrolmentChecks(facts),
    ...certificateChecks(facts),
    ...linkChecks(facts),
    ...receiptChecks(facts),
    ...refusalChecks(facts),
  ];
}

function enrolmentChecks({ enrolment, status }: DoctorFacts): Finding[] {
  if (enrolment === undefined) {
    return [unknown('enrolment', 'the folder of uplink.credentials is closed to this user')];
  }
  const [missing] = enrolment.missing;
  if (missing !== undefined) {
    return [
      fault('enrolment', `not enrolled: ${missing} is missing`, {
        cause: `This gateway is not enrolled: "${enrolment.folder}" has no ${missing}.`,
        remedy:
          'Run "fieldtap enroll", let the hub sign the request, then "fieldtap enroll --bundle".',
      }),
    ];
  }
  if (enrolment.unusable !== undefined) {
    return [
      fault('enrolment', 'a file can not be used', {
        cause: enrolment.unusable,
        remedy: 'Take the files of the enrolment again from the hub.',
      }),
    ];
  }
  return [good('enrolment', enrolment.agentId ?? status?.agentId ?? 'complete')];
}

function certificateChecks({ enrolment, clock }: DoctorFacts): Finding[] {
  const certificate = enrolment?.certificate;
  if (certificate === undefined) return [];
  const days = Math.floor((certificate.notAfterMs - clock.wallMs) / DAY_MS);
  const until = new Date(certificate.notAfterMs).toISOString().slice(0, 10);
  const { commonName } = certificate;
  if (enrolment?.agentId !== undefined && commonName !== undefined) {
    if (commonName !== enrolment.agentId) {
      return [
        fault('certificate', `is for ${commonName}`, {
          cause: `The certificate is for "${commonName}", and this agent is ${enrolment.agentId}.`,
          remedy: 'Two enrolments were mixed up: take the certificate that belongs to this key.',
        }),
      ];
    }
  }
  if (clock.wallMs < certificate.notBeforeMs) {
    return [
      fault('certificate', 'not yet valid', {
        cause: "This gateway's certificate is not valid yet, by this gateway's clock.",
        remedy: 'Set the clock; a certificate that is just made is valid at once.',
        dependsOn: ['clock'],
      }),
    ];
  }
  if (days < 0) {
    return [
      fault('certificate', `expired ${until}`, {
        cause: `This gateway's certificate expired ${agoText(-days - 1)}.`,
        remedy: 'Check the clock first, then enrol anew at the hub ("fieldtap enroll").',
        dependsOn: ['clock'],
      }),
    ];
  }
  // One of a few days is renewed at half of its time; that it is short is no warning.
  const lifeDays = (certificate.notAfterMs - certificate.notBeforeMs) / DAY_MS;
  if (days < Math.min(CERTIFICATE_DAYS_MIN, lifeDays / 3)) {
    const say = days < 1 ? fault : warning;
    const urgency = days < 7 ? 'It should have renewed itself long ago. ' : '';
    return [
      say('certificate', `${days} days left`, {
        cause: `${urgency}This gateway's certificate ends ${until}.`,
        remedy:
          'It renews itself while the link is up. If it does not, ask the hub why, or renew by ' +
          'file: "fieldtap enroll", then install its bundle.',
      }),
    ];
  }
  return [good('certificate', `${days} days left`)];
}

function agoText(days: number): string {
  if (days === 0) return 'less than a day ago';
  return days === 1 ? 'a day ago' : `${days} days ago`;
}

function linkChecks({ status, uplinkSteps, wanted }: DoctorFacts): Finding[] {
  const uplink = status?.uplink;
  if (uplink?.isConnected === true) return [connectedCheck(uplink)];
  const failed = uplinkSteps?.find((step) => !step.ok);
  if (failed !== undefined) return [failedStep(failed, wanted?.broker ?? '')];
  const reached = (uplinkSteps ?? []).map(stepText);
  if (uplink?.fault !== undefined) {
    const { code, problem, remedy } = uplink.fault;
    return [
      fault('uplink:connection', code, {
        cause: problem,
        remedy,
        dependsOn: ['enrolment', 'certificate', 'clock'],
      }),
    ];
  }
  if (uplink !== undefined) {
    return [
      warning('uplink:connection', `not connected; ${reached.join(', ')}`, {
        cause: 'The broker answers, and the agent is between two tries to connect.',
        remedy: 'Look again in five minutes; if it lasts, look at the log of the agent.',
        dependsOn: ['enrolment', 'certificate', 'clock'],
      }),
    ];
  }
  if (reached.length === 0) {
    return [unknown('uplink:connection', 'not tried', ['enrolment', 'configuration'])];
  }
  return [good('uplink:connection', reached.join(', '))];
}

/** `tls` tells also how long the broker's certificate holds. */
function stepText({ step, tookMs, daysLeft }: UplinkStep): string {
  const days = daysLeft === undefined ? '' : ` (certificate for ${daysLeft} days)`;
  return `${step} ${Math.round(tookMs)} ms${days}`;
}

/** Connected, and something else may be refused; what the clock's check says isn't said twice. */
function connectedCheck({ broker, fault: told }: UplinkStatus): Finding {
  if (told?.code === 'UPLINK_PUBLISH_REFUSED') {
    return fault('uplink:permission', 'messages of this agent are refused', {
      cause: told.problem,
      remedy: "Let the broker's access list allow this agent its own topics (hub/README.md).",
    });
  }
  const isOfLink = told?.code.startsWith('UPLINK_') === true;
  if (!isOfLink || told.code === 'UPLINK_CLOCK_BEHIND') {
    return good('uplink:connection', `connected to ${broker}`);
  }
  return warning('uplink:connection', told.code, {
    cause: told.problem,
    remedy: told.remedy,
    dependsOn: ['revoked', 'refused', 'clock', 'certificate'],
  });
}

function failedStep({ step, detail, tookMs, code }: UplinkStep, broker: string): Finding {
  const before = UPLINK_STEPS.slice(0, UPLINK_STEPS.indexOf(step)).join(', ');
  const reached = before === '' ? '' : `; ${before} worked`;
  return fault(`uplink:${step}`, `failed after ${Math.round(tookMs)} ms${reached}`, {
    cause: detail,
    remedy: remedyOf(step, code, broker),
    dependsOn: dependenciesOf(step, code),
  });
}

/** Name and TCP fail without any certificate, and the broker's chain without ours. */
function dependenciesOf(step: UplinkStep['step'], code = ''): readonly string[] {
  if (isOfTime(code)) return ['clock', 'certificate'];
  if (isRevocation(code)) return ['revoked'];
  if (step === 'name' || step === 'tcp' || BROKER_CERTIFICATE.test(code)) return [];
  return ['enrolment', 'certificate'];
}

/** OpenSSL's and Node's words for a chain or a name of the other side that isn't trusted. */
const BROKER_CERTIFICATE = /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|ERR_TLS_CERT_ALTNAME)/;

function isOfTime(code: string | undefined): boolean {
  return code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID';
}

function remedyOf(step: UplinkStep['step'], code: string | undefined, broker: string): string {
  switch (step) {
    case 'name':
      return 'Check uplink.broker, and the name server of this gateway (or use the IP address).';
    case 'tcp':
      return 'Check the route and the firewall to the broker, and ask whether the broker runs.';
    case 'tls':
      return tlsRemedy(code);
    case 'mqtt':
      return `Ask at the hub why ${broker} refuses this agent: enrolled? revoked? in the list?`;
    case 'permission':
      return "Let the broker's access list allow this agent its own topics (hub/README.md).";
    case 'receipt':
      return 'Ask whether the hub runs and knows this agent. Nothing is lost here.';
    default:
      return step satisfies never;
  }
}

function tlsRemedy(code = ''): string {
  if (isOfTime(code)) {
    return "Check this gateway's clock first; then the broker needs a new certificate.";
  }
  if (isRevocation(code)) {
    return REMEDY_REVOKED;
  }
  return code.includes('_ALERT_')
    ? 'Take client-cert.pem anew from the hub ("fieldtap enroll"): it is not of its authority.'
    : 'Check that ca.pem is of this hub, and that its certificate bears this name.';
}

/** A revoked key can't ask for a certificate, nor announce its successor. */
const REMEDY_REVOKED =
  'Ask at the hub why. A gateway in good standing gets a new key: stop the agent, "fieldtap ' +
  'factory-reset --keep-buffer --yes", then "fieldtap enroll --replaces" with its old id.';

/** OpenSSL's word for the alert certificate_revoked (RFC 8446, section 6.2). */
export function isRevocation(code: string): boolean {
  return code.endsWith('_ALERT_CERTIFICATE_REVOKED');
}

function receiptChecks({ status, buffer, clock, wanted }: DoctorFacts): Finding[] {
  const uplink = status?.uplink;
  const kept = status?.buffer ?? buffer;
  const waiting = uplink?.outboxMessages ?? kept?.outboxMessages;
  const age =
    uplink?.receiptAgeSeconds ??
    (kept?.lastReceipt && (clock.wallMs - kept.lastReceipt.appliedMs) / 1000);
  if (waiting === undefined) return [];
  const limit = Math.max(
    LATE_SECONDS_MIN,
    (SUMMARIES_LATE * (wanted?.summaryIntervalMs ?? 0)) / 1000,
  );
  const backlog = `${waiting} ${waiting === 1 ? 'message' : 'messages'} waiting`;
  if (age === undefined) {
    const isYoung = (status?.uptimeSeconds ?? 0) < limit;
    if (waiting === 0 || (status !== undefined && isYoung)) {
      return [unknown('receipt', `none yet, ${backlog}`)];
    }
    return [lateReceipt(`none ever, ${backlog}`, uplink)];
  }
  const figure = `last ${Math.floor(age)} s ago, ${backlog}`;
  return age < limit || waiting === 0 ? [good('receipt', figure)] : [lateReceipt(figure, uplink)];
}

function lateReceipt(figure: string, uplink: UplinkStatus | undefined): Finding {
  return fault('receipt', figure, {
    cause:
      uplink?.isConnected === true
        ? 'The broker takes our messages, and the hub does not confirm them.'
        : 'The hub has not confirmed what this gateway signed.',
    remedy: 'Ask whether the hub runs and knows this agent. Nothing is lost here.',
    dependsOn: [
      'revoked',
      'uplink:',
      'enrolment',
      'certificate',
      'clock',
      'agent',
      'buffer',
      'disk',
    ],
  });
}

function refusalChecks({ status, buffer }: DoctorFacts): Finding[] {
  const reasons = (status?.buffer ?? buffer)?.refusedReasons ?? [];
  const count = status?.uplink?.refusedMessages ?? reasons.length;
  if (count === 0) return [];
  const figure = `${count} refused${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`;
  if (reasons.includes('revoked')) {
    return [
      fault('revoked', figure, {
        cause: "The hub has revoked this agent's key: it takes nothing that is signed with it.",
        remedy: REMEDY_REVOKED,
      }),
    ];
  }
  if (reasons.includes('keyUnknown')) {
    return [
      fault('refused', figure, {
        cause: 'The hub does not know the key of this agent.',
        remedy: 'Enrol it at the hub ("fieldtap-hub enroll").',
      }),
    ];
  }
  if (reasons.some((reason) => SKEW_REASONS.includes(reason))) {
    return [
      fault('refused', figure, {
        cause: 'The hub does not understand messages of this version: it is older than the agent.',
        remedy: 'Bring the hub to the version of the agent or later; refused messages are kept.',
      }),
    ];
  }
  if (reasons.length > 0 && reasons.every((reason) => SET_ASIDE_HERE.has(reason))) {
    return [
      warning('refused', figure, {
        cause: `Messages were set aside by this gateway itself: ${causesOf(reasons)}.`,
        remedy: 'Nothing has to be done: they are kept until room is needed, and never sent.',
      }),
    ];
  }
  return [
    warning('refused', figure, {
      cause: 'The hub refused signed messages; they are kept here.',
      remedy: 'Ask at the hub for the reason.',
    }),
  ];
}

/** Reasons of the buffer's own, and no hub's. */
const SET_ASIDE_HERE = new Map([
  ['foreignAgent', 'a former key has signed them'],
  ['storedUnproven', 'the hub has others under their numbers, from before a restore'],
  ['damagedOnDisk', 'they were damaged on the disk'],
]);

function causesOf(reasons: readonly string[]): string {
  return reasons.map((reason) => SET_ASIDE_HERE.get(reason) ?? reason).join('; ');
}

/** For whoever wants to know whether the credentials are worth a try. */
export function isEnrolled(enrolment: EnrolmentFacts | undefined): boolean {
  return (
    enrolment !== undefined && enrolment.missing.length === 0 && enrolment.unusable === undefined
  );
}
