/**
 * Renews the client certificate over the link itself: asks in the chain when it is time, takes the
 * hub's answer, connects anew with it, and says in time when nobody answers.
 */
import type { AppendResult } from '../../buffer/site-buffer.ts';
import { type KeyLookup, openRenewedCertificate } from '../../protocols/uplink/open.ts';
import type { Refusal } from '../../protocols/uplink/refusal.ts';
import type { Log } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import type { ClientCertificate } from './client-certificate.ts';

const DAY_MS = 86_400_000;
/** Asked again after so long without an answer, or after a twelfth of the time left for it. */
const ASK_AGAIN_MS = DAY_MS;
const ASKS_PER_LEAD = 12;
/** Days before the end at which a person is told; told once each. */
export const WARNING_DAYS = [30, 7, 1] as const;

export interface RenewalOptions {
  readonly certificate: ClientCertificate;
  readonly agentId: string;
  /** Knows the hub's receipt keys. */
  readonly receiptKeys: KeyLookup;
  /** Never before the hub's signed time. */
  readonly nowMs: () => number;
  readonly log: Log;
  /** Puts the request into the chain. */
  readonly ask: (certificateRequest: Uint8Array) => AppendResult;
  /** A message that is not to be believed. */
  readonly refused: (refusal: Refusal) => void;
  /** Ends the link and connects at once. */
  readonly reconnect: () => void;
  /** The new certificate has connected. */
  readonly renewed: () => void;
}

export class Renewal {
  readonly #options: RenewalOptions;
  #askedMs: number | undefined;
  /** The lowest of WARNING_DAYS that was told. */
  #warnedDays = Number.POSITIVE_INFINITY;
  /** Why the last step failed; until one succeeds. */
  #fault: OperatorFault | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Whole days until the certificate in use ends; negative behind it. */
  get daysLeft(): number | undefined {
    const { certificate, nowMs } = this.#options;
    const { toMs } = certificate;
    return toMs === undefined ? undefined : Math.floor((toMs - nowMs()) / DAY_MS);
  }

  /** What a person should know; undefined while renewal goes by itself. */
  fault(): OperatorFault | undefined {
    const days = this.#warning();
    return days === undefined ? this.#fault : this.#expiryFault(days);
  }

  linkUp(): void {
    const { certificate, renewed, log } = this.#options;
    try {
      if (!certificate.connected()) return;
    } catch (cause) {
      this.#fail(diskFault(cause));
      return;
    }
    this.#askedMs = undefined;
    this.#fault = undefined;
    this.#warnedDays = Number.POSITIVE_INFINITY;
    log.info({ event: 'certificateRenewed', daysLeft: this.daysLeft }, 'new certificate in use');
    renewed();
  }

  linkDown(): void {
    this.#options.certificate.disconnected();
  }

  /** Once a second; asks only while the link is up, so that no backlog of requests grows. */
  tick(isUp: boolean): void {
    const days = this.#warning();
    if (days !== undefined && days < this.#warnedDays) {
      this.#warnedDays = days;
      const { code, problem, remedy } = this.#expiryFault(days);
      this.#options.log.warn({ code, remedy, daysLeft: this.daysLeft }, problem);
    }
    if (isUp && this.#isDue()) this.#ask();
  }

  /** A message on the topic of certificates. */
  receive(topic: string, bytes: Uint8Array): void {
    const { receiptKeys, agentId, certificate, log, reconnect, refused } = this.#options;
    const opened = openRenewedCertificate(bytes, receiptKeys, agentId, topic);
    if (opened.kind === 'refused') {
      refused(opened);
      return;
    }
    try {
      const received = certificate.receive(opened.message.certificate);
      if (received.kind === 'refused') this.#fail(refusedFault(received.reason));
      if (received.kind !== 'taken') return;
      log.info({ event: 'certificateReceived', toMs: received.toMs }, 'a new certificate came');
      reconnect();
    } catch (cause) {
      this.#fail(diskFault(cause));
    }
  }

  #isDue(): boolean {
    const { certificate, nowMs } = this.#options;
    const { renewFromMs, toMs } = certificate;
    if (renewFromMs === undefined || toMs === undefined || !certificate.isRenewable) return false;
    const now = nowMs();
    if (now < renewFromMs || certificate.hasNext) return false;
    const pauseMs = Math.min(ASK_AGAIN_MS, (toMs - renewFromMs) / ASKS_PER_LEAD);
    return this.#askedMs === undefined || Math.abs(now - this.#askedMs) >= pauseMs;
  }

  #ask(): void {
    const { certificate, ask, log, nowMs } = this.#options;
    this.#askedMs = nowMs();
    try {
      const result = ask(certificate.request());
      if (result.kind === 'fault') log.warn({ code: result.fault.code }, result.fault.problem);
      else log.info({ event: 'renewalAsked', daysLeft: this.daysLeft }, 'asked for a certificate');
    } catch (cause) {
      this.#fail(diskFault(cause));
    }
  }

  /** The warning that is due: only once renewal by itself is late. */
  #warning(): number | undefined {
    const { daysLeft } = this;
    const { renewFromMs, toMs } = this.#options.certificate;
    if (daysLeft === undefined || renewFromMs === undefined || toMs === undefined) return undefined;
    const pauseMs = Math.min(ASK_AGAIN_MS, (toMs - renewFromMs) / ASKS_PER_LEAD);
    if (this.#options.nowMs() < renewFromMs + pauseMs) return undefined;
    return WARNING_DAYS.findLast((days) => daysLeft < days);
  }

  #expiryFault(days: number): OperatorFault {
    const { certificate } = this.#options;
    const until = new Date(certificate.toMs ?? 0).toISOString().slice(0, 16);
    const why = certificate.isNextRefused
      ? 'The broker refuses the new one'
      : (this.#fault?.problem.replace(/\.$/, '') ?? 'The hub has not answered with a new one');
    return new OperatorFault({
      code: 'UPLINK_CERTIFICATE_EXPIRES',
      problem: `This gateway's certificate ends ${until} UTC, in less than ${days} days. ${why}.`,
      remedy: 'Ask the hub why, or renew by file: "fieldtap enroll", then install its bundle.',
    });
  }

  #fail(fault: OperatorFault): void {
    this.#fault = fault;
    this.#options.log.warn({ code: fault.code, remedy: fault.remedy }, fault.problem);
  }
}

function refusedFault(reason: string): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_CERTIFICATE_REFUSED',
    problem: `The hub sent a new certificate that this gateway does not take: ${reason}.`,
    remedy: 'Compare ca.pem here with that of the hub, and both clocks; the old one stays in use.',
  });
}

function diskFault(cause: unknown): OperatorFault {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperatorFault({
    code: 'UPLINK_RENEWAL_NOT_WRITTEN',
    problem: `A new certificate or its key can't be written (${reason}).`,
    remedy: 'Let the agent own the folder of uplink.credentials, and see that it has room.',
    cause,
  });
}
