/**
 * The hub's side of an enrolment: judge a request, register the agent, answer with a bundle. A
 * request is good by a one-time code, by the key of an agent that is enrolled already (a renewal),
 * or because the operator names its agentId.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../agent/platform/clock.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { Random } from '../agent/platform/random.ts';
import { escapeTextShort } from '../agent/platform/wire-text.ts';
import {
  type EnrolmentRequest,
  openEnrolmentRequest,
  type PublicKeyFacts,
  sealEnrolmentBundle,
} from '../protocols/uplink/enrolment.ts';
import { readCertificateRequest } from '../protocols/uplink/enrolment-certificate.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { openAdvisorySigner } from './advisory-key.ts';
import { type AgentFacts, readAgentFile, writeAgentFile } from './agent-registry.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import type { HubConfig } from './config.ts';
import { EnrolmentCodes } from './enrolment-codes.ts';
import { openReceiptSigner } from './receipt-key.ts';
import { withCertificate } from './renewal-desk.ts';

const CODES_FILE = 'enrolment-codes.json';
const SHOWN_CHARACTERS = 64;

export interface Enrolled {
  readonly agentId: string;
  readonly siteName: string;
  readonly how: 'code' | 'renewal' | 'operator';
  /** The bundle's text. */
  readonly bundle: string;
}

export interface EnrolOptions {
  /** agentId that the operator has compared with the gateway's own; enrols without a code. */
  readonly trustAgentId?: string;
  /** Whether a request may take another gateway's place. */
  readonly mayReplace: boolean;
  /** What agents shall connect to. */
  readonly broker: string;
}

export class Enrolment {
  readonly codes: EnrolmentCodes;
  readonly authority: CertificateAuthority;
  readonly #config: HubConfig;
  readonly #clock: Clock;
  readonly #receiptSigner: Signer;
  readonly #advisorySigner: Signer;

  /** Opens or makes keys and authority in `config.keys`. Throws OperatorFault. */
  constructor(config: HubConfig, clock: Clock, random: Random) {
    this.#config = config;
    this.#clock = clock;
    this.#receiptSigner = openReceiptSigner(config.keys);
    this.#advisorySigner = openAdvisorySigner(config.keys, this.#receiptSigner.signerId);
    this.authority = CertificateAuthority.open(config.keys, clock, random);
    this.codes = new EnrolmentCodes(join(config.keys, CODES_FILE));
    mkdirSync(config.agents, { recursive: true });
  }

  /** `text`: a request file. Throws OperatorFault for one that isn't accepted. */
  enrol(text: string, options: EnrolOptions): Enrolled {
    const opened = openEnrolmentRequest(text);
    if (opened.kind === 'refused') throw refused(opened.reason);
    const { request } = opened;
    const { signerId: agentId } = request.key;
    const asked = readCertificateRequest(request.certificateRequest);
    if (asked?.commonName !== agentId) {
      throw refused('its certificate request is not one for its agentId');
    }
    const known = this.#known(agentId);
    const judged = this.#judge(request, known, options);
    if (request.replaces !== undefined) this.#replace(request, options);
    const { certificateDays } = this.#config;
    const issued = this.authority.issue(agentId, asked.publicKey, 'client', [], certificateDays);
    const { serialHex, toMs } = issued;
    const { siteName, sector } = judged.site;
    writeAgentFile(this.#config.agents, {
      revoked: false,
      furtherKeys: [],
      enrolledAtMs: this.#clock.wallMs(),
      ...(known ?? firstKeyOf(request.key)),
      siteName,
      ...(sector !== undefined && { sector }),
      ...(request.replaces !== undefined && { replaces: request.replaces }),
      certificates: withCertificate(known, serialHex, toMs),
    });
    judged.used?.();
    const bundle = sealEnrolmentBundle(this.#receiptSigner, {
      agentId,
      broker: options.broker,
      ...(sector !== undefined && { sector }),
      receiptKey: factsOf(this.#receiptSigner),
      advisoryKeys: [factsOf(this.#advisorySigner)],
      authority: this.authority.certificate,
      certificate: issued.certificate,
      issuedAtMs: this.#clock.wallMs(),
    });
    return { agentId, siteName, how: judged.how, bundle };
  }

  #judge(request: EnrolmentRequest, known: AgentFacts | undefined, options: EnrolOptions) {
    const { key, codeProof } = request;
    if (known !== undefined) {
      const sameKey = [known, ...known.furtherKeys].find(
        (one) => one.keyNumber === key.keyNumber && one.publicKeyHex === key.publicKeyHex,
      );
      if (known.revoked || sameKey?.revoked) throw refused('that agent or its key is revoked');
      if (sameKey === undefined) throw refused('it is not by the key that this agent has here');
      const { siteName = request.siteName, sector = request.sector } = known;
      return { how: 'renewal', site: { siteName, sector }, used: undefined } as const;
    }
    if (key.keyNumber !== 1 || key.algorithm !== 'Ed25519') {
      throw refused('nobody is enrolled here under its agentId, and it is not by a first key');
    }
    if (codeProof !== undefined) {
      const code = this.codes.find(codeProof, key, this.#clock.wallMs());
      if (code === 'used') throw refused('its one-time code was used by another gateway');
      if (code === 'unknown') throw refused('its one-time code is unknown here or has expired');
      const used = (): void => this.codes.use(code, key.signerId);
      return { how: 'code', site: code, used } as const;
    }
    if (options.trustAgentId !== key.signerId) {
      const site = escapeTextShort(request.siteName, SHOWN_CHARACTERS);
      throw refused(
        `it carries no one-time code; for the site "${site}" compare the agentId ${key.signerId} ` +
          'with the one on the gateway, then give it with --agent',
      );
    }
    return { how: 'operator', site: request, used: undefined } as const;
  }

  /** The old gateway can't speak for the site any more. */
  #replace({ key, replaces = '' }: EnrolmentRequest, { mayReplace }: EnrolOptions): void {
    const old = this.#known(replaces);
    if (replaces === key.signerId || old === undefined) {
      throw refused(`it replaces ${replaces}, which is not enrolled here`);
    }
    if (!mayReplace) throw refused(`it replaces ${replaces}; allow that with --replace`);
    writeAgentFile(this.#config.agents, { ...old, revoked: true });
    this.authority.revoke((old.certificates ?? []).map(({ serialHex }) => serialHex));
  }

  #known(agentId: string): AgentFacts | undefined {
    try {
      return readAgentFile(this.#config.agents, agentId);
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
      throw refused(`the file of ${agentId} in "${this.#config.agents}" can't be read`);
    }
  }
}

function firstKeyOf({ signerId, keyNumber, algorithm, publicKeyHex }: PublicKeyFacts) {
  return { agentId: signerId, keyNumber, algorithm, publicKeyHex };
}

function factsOf({ signerId, keyNumber, algorithm, publicKey }: Signer): PublicKeyFacts {
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  return { signerId, keyNumber, algorithm, publicKeyHex };
}

function refused(reason: string): OperatorFault {
  return new OperatorFault({
    code: 'HUB_ENROLMENT_REFUSED',
    problem: `This enrolment request is not accepted: ${reason}.`,
    remedy: 'Have the gateway write a new one with "fieldtap enroll", or correct the options.',
  });
}
