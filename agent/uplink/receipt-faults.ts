/** What receipts can tell that an operator has to know, as faults with a next step. */
import { OperatorFault } from '../platform/operator-fault.ts';

export function rejectedFault(refused: {
  readonly layer: string;
  readonly reason: string;
  readonly detail: string;
}): OperatorFault {
  const { layer, reason, detail } = refused;
  return new OperatorFault({
    code: 'UPLINK_RECEIPT_REJECTED',
    problem:
      `A receipt or request was not accepted (${layer}: ${reason}, ${detail}); ` +
      'nothing was deleted.',
    remedy: "Compare receipt-key.json with the hub's; if they are the same, someone else sent it.",
  });
}

/** `reasons`: those of the receipt (docs/wire-format.md, section 6). */
export function refusedFault(count: number, reasons: readonly string[]): OperatorFault {
  if (reasons.includes('revoked')) {
    return new OperatorFault({
      code: 'UPLINK_KEY_REVOKED',
      problem: "The hub has revoked this agent's key: it takes nothing that is signed with it.",
      remedy:
        'Ask at the hub why. A gateway in good standing gets a new key: stop the agent, ' +
        '"fieldtap factory-reset --keep-buffer --yes", then "fieldtap enroll --replaces" with ' +
        'its old id.',
    });
  }
  return new OperatorFault({
    code: 'UPLINK_MESSAGES_REFUSED',
    problem: `The hub refused ${count} signed message(s); they are kept and no longer sent.`,
    remedy: 'Ask at the hub for the reason it gives, such as a key that is not enrolled.',
  });
}

export function forkFault(stream: number, sequence: number): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_FORK_DETECTED',
    problem: `The hub has another message for stream ${stream}, sequence ${sequence}.`,
    remedy: 'Look for a second gateway with a copy of this key, then enrol this one anew.',
  });
}
