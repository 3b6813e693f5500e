/** Whether the agent runs and captures, and whether anybody here may capture at all. */
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import type { DoctorFacts } from '../doctor-facts.ts';

/** What keeps an agent from starting is the cause; that it doesn't run is its consequence. */
const STARTS_ON = [
  'configuration',
  'permission',
  'interface:',
  'serial:',
  'disk',
  'buffer',
  'enrolment',
] as const;

export function agentChecks(facts: DoctorFacts): Finding[] {
  return [...permissionChecks(facts), agentCheck(facts)];
}

/** A site that listens to serial lines alone needs no capture socket. */
function permissionChecks(facts: DoctorFacts): Finding[] {
  const { canCapture, status, wanted, isSocketForbidden } = facts;
  if (wanted?.interfaces.length === 0) return [];
  if (canCapture || status?.isCapturing === true) return [good('permission', 'may capture')];
  // An agent of another user has what it needs, or says so itself.
  if (status !== undefined || isSocketForbidden) {
    return [unknown('permission', 'not tested by this user')];
  }
  return [
    fault('permission', 'may not capture', {
      cause: 'This user may not open a capture socket (CAP_NET_RAW is missing).',
      remedy: 'Run as root, or: setcap cap_net_raw+ep on the program.',
    }),
  ];
}

function agentCheck({ status, isSocketForbidden }: DoctorFacts): Finding {
  if (status === undefined) {
    if (isSocketForbidden) {
      return warning('agent', 'its socket is closed to this user', {
        cause: 'This user may not use the control socket, so the agent can not be asked.',
        remedy: 'Join the group fieldtap ("usermod -aG fieldtap NAME", then log in anew), or root.',
      });
    }
    return warning('agent', 'no agent answers', {
      cause: 'The agent is not running.',
      remedy: 'Start it: "systemctl start fieldtap", or "fieldtap run --config FILE".',
      dependsOn: STARTS_ON,
    });
  }
  if (!status.isCapturing) {
    return fault('agent', 'running, not capturing', {
      cause: status.captureFault?.problem ?? 'The capture worker is down.',
      remedy: 'Look at the log (journalctl -u fieldtap); the agent keeps trying by itself.',
      dependsOn: ['permission', 'interface:', 'serial:'],
    });
  }
  const figure = `capturing for ${Math.floor(status.uptimeSeconds)} s`;
  if (status.workerRestarts === 0) return good('agent', figure);
  const times = status.workerRestarts === 1 ? 'once' : `${status.workerRestarts} times`;
  return warning('agent', `${figure}, worker restarted ${times}`, {
    cause: `The capture worker ended and was started again ${times} since the agent's start.`,
    remedy: 'Send the support file of "fieldtap bundle" to whoever maintains this gateway.',
  });
}
