/** `fieldtap-hub revoke`: an agent, or one of its keys, is believed no more after a second. */
import { SystemClock } from '../../agent/platform/clock.ts';
import { OperatorFault } from '../../agent/platform/operator-fault.ts';
import { SystemRandom } from '../../agent/platform/random.ts';
import { isAgentId } from '../../protocols/uplink/agent-id.ts';
import { type AgentFacts, editAgentFile } from '../agent-registry.ts';
import { CertificateAuthority } from '../certificate-authority.ts';
import { loadHubConfig } from '../config.ts';

export interface RevokeOptions {
  readonly config: string;
  readonly key?: number;
  readonly json: boolean;
}

export function revoke(agentId: string, options: RevokeOptions): void {
  const config = loadHubConfig(options.config);
  const facts = edited(config.agents, agentId, options.key);
  const certificates = facts.certificates ?? [];
  const authority = CertificateAuthority.open(config.keys, new SystemClock(), new SystemRandom());
  // A single key that is revoked leaves the agent its place at the broker.
  const isWhole = options.key === undefined;
  const serials = isWhole ? certificates.map(({ serialHex }) => serialHex) : [];
  const revocationList = authority.revoke(serials);
  const what = isWhole ? agentId : `key ${options.key} of ${agentId}`;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ agentId, keyNumber: options.key, serials, revocationList })}\n`
      : `${what} is revoked. Give ${revocationList} to the broker (crlfile) and send it SIGHUP.\n`,
  );
}

function edited(folder: string, agentId: string, keyNumber: number | undefined): AgentFacts {
  try {
    if (!isAgentId(agentId)) throw new Error('it is no agentId');
    return editAgentFile(folder, agentId, (facts) => {
      if (keyNumber === undefined) return { ...facts, revoked: true };
      const further = facts.furtherKeys.map((key) =>
        key.keyNumber === keyNumber ? { ...key, revoked: true } : key,
      );
      if (keyNumber === facts.keyNumber) return { ...facts, firstKeyRevoked: true };
      if (further.every(({ revoked }) => !revoked)) throw new Error(`it has no key ${keyNumber}`);
      return { ...facts, furtherKeys: further };
    });
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_AGENT_NOT_ENROLLED',
      problem: `"${agentId}" can't be revoked (${
        cause instanceof Error ? cause.message : String(cause)
      }).`,
      remedy: 'Take an agentId that "fieldtap-hub agents" lists.',
      cause,
    });
  }
}
