/**
 * What commands ask the uplink over the control socket: advisories and their acknowledgement, and a
 * preview of what leaves the site.
 */
import type { ControlAction } from './diagnostics/control-actions.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import type { Uplink } from './uplink/uplink.ts';

/** Paths on the control socket. */
export const ADVISORIES_PATH = '/v1/advisories';
export const ACKNOWLEDGE_PATH = '/v1/advisories/acknowledge';
export const PREVIEW_PATH = '/v1/preview';

const BY_CHARACTERS_MAX = 64;
const PREVIEW_MESSAGES_MAX = 100;

export function uplinkActions(
  uplinkNow: () => Uplink | undefined,
): ReadonlyMap<string, ControlAction> {
  const uplink = (): Uplink => {
    const there = uplinkNow();
    if (there !== undefined) return there;
    throw new OperatorFault({
      code: 'UPLINK_NOT_CONFIGURED',
      problem: 'This agent has no uplink: nothing leaves the site, and no advisory reaches it.',
      remedy: 'Add the section "uplink" to the configuration, and enrol the agent at a hub.',
    });
  };
  return new Map<string, ControlAction>([
    [ADVISORIES_PATH, () => ({ advisories: uplink().advisories() })],
    [
      ACKNOWLEDGE_PATH,
      (body) => {
        const { advisoryId, by } = factsOf(body);
        const name = typeof by === 'string' ? by.slice(0, BY_CHARACTERS_MAX) : undefined;
        const answer = uplink().acknowledgeAdvisory(String(advisoryId), name);
        if (answer instanceof OperatorFault) throw answer;
        if (answer !== undefined) return { advisory: answer };
        throw new OperatorFault({
          code: 'UPLINK_ADVISORY_KEY_MISSING',
          problem: 'This agent has no advisory key, so it believes no advisory.',
          remedy: 'Copy advisory-key.json from the hub into uplink.credentials and start it again.',
        });
      },
    ],
    [
      PREVIEW_PATH,
      (body) => {
        const { messagesMax } = factsOf(body);
        const asked = typeof messagesMax === 'number' ? messagesMax : PREVIEW_MESSAGES_MAX;
        const count = Math.max(0, Math.min(PREVIEW_MESSAGES_MAX, Math.floor(asked)));
        const there = uplink();
        return {
          messages: there
            .outgoing(count)
            .map((bytes) => ({ messageHex: Buffer.from(bytes).toString('hex') })),
          next: there.nextSummary(),
        };
      },
    ],
  ]);
}

/** An object, or an empty one for anything else: each action checks its own fields. */
function factsOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const facts: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof facts === 'object' && facts !== null ? { ...facts } : {};
  } catch {
    return {};
  }
}
