/**
 * Certificates over the link: answers a `renewalRequest` that an enrolled agent has signed. Works
 * where the authority's key lies beside the receipt key (`fieldtap-hub enroll` made it there);
 * elsewhere renewal goes by file, and the log says so.
 */
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import type { Random } from '../agent/platform/random.ts';
import { readCertificateRequestDer } from '../protocols/uplink/enrolment-certificate.ts';
import { type AgentFacts, editAgentFile, readAgentFile } from './agent-registry.ts';
import { AUTHORITY_FILE, CertificateAuthority } from './certificate-authority.ts';
import type { HubConfig } from './config.ts';

/**
 * Certificates of one agent that are valid at once: a revocation has to name them all, so an agent
 * that asks for more gets none.
 */
export const CERTIFICATES_VALID_MAX = 16;
/** Certificates remembered of one agent. */
export const CERTIFICATES_KEPT_MAX = 32;

export class RenewalDesk {
  readonly #config: HubConfig;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  #authority: CertificateAuthority | undefined;

  constructor(config: HubConfig, clock: Clock, random: Random, log: Log) {
    this.#config = config;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
  }

  /**
   * `certificateRequest`: PKCS #10 in DER, out of a message that this agent has signed. Answers the
   * certificate in DER; the same one when the same request comes again. Undefined, and a line in
   * the log, where there is none to give. Never throws.
   */
  answer(agentId: string, certificateRequest: Uint8Array): Uint8Array | undefined {
    try {
      const asked = readCertificateRequestDer(certificateRequest);
      if (asked?.commonName !== agentId) throw new Error('the request is not one for this agent');
      return new X509Certificate(this.#certificateOf(agentId, asked.publicKey)).raw;
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#log.warn({ agentId, cause }, 'HUB_CERTIFICATE_NOT_RENEWED');
      return undefined;
    }
  }

  #certificateOf(agentId: string, publicKey: KeyObject): string {
    const authority = this.#openAuthority();
    const keySha256 = sha256Of(publicKey);
    const nowMs = this.#clock.wallMs();
    const facts = readAgentFile(this.#config.agents, agentId);
    if (facts.revoked) throw new Error('the agent is revoked');
    const { renewed } = facts;
    if (renewed?.keySha256 === keySha256 && renewed.toMs > nowMs) return renewed.certificate;
    const valid = (facts.certificates ?? []).filter(({ toMs }) => toMs > nowMs);
    if (valid.length >= CERTIFICATES_VALID_MAX) {
      throw new Error(`${valid.length} certificates of it are valid already`);
    }
    const { certificateDays } = this.#config;
    const issued = authority.issue(agentId, publicKey, 'client', [], certificateDays);
    const { certificate, serialHex, toMs } = issued;
    editAgentFile(this.#config.agents, agentId, (current) => ({
      ...current,
      certificates: withCertificate(current, serialHex, toMs),
      renewed: { keySha256, certificate, toMs },
    }));
    this.#log.info({ agentId, serialHex, toMs }, 'HUB_CERTIFICATE_RENEWED');
    return certificate;
  }

  /** Looked for each time until it is there: the first enrolment may come after our start. */
  #openAuthority(): CertificateAuthority {
    const { keys } = this.#config;
    if (this.#authority === undefined && !existsSync(join(keys, AUTHORITY_FILE))) {
      throw new Error(`no certificate authority in "${keys}": renew by "fieldtap-hub enroll"`);
    }
    this.#authority ??= CertificateAuthority.open(keys, this.#clock, this.#random);
    return this.#authority;
  }
}

/** What a revocation has to name, this one among it. */
export function withCertificate(
  facts: Pick<AgentFacts, 'certificates'> | undefined,
  serialHex: string,
  toMs: number,
): NonNullable<AgentFacts['certificates']> {
  return [...(facts?.certificates ?? []), { serialHex, toMs }].slice(-CERTIFICATES_KEPT_MAX);
}

function sha256Of(publicKey: KeyObject): string {
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return createHash('sha256').update(spki).digest('hex');
}
