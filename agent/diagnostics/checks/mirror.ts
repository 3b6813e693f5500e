/**
 * What the mirror or tap brings: one direction only, everything twice, cut frames, tags taken off,
 * holes that were there before the gateway. Judged by what doctor heard itself, else by the agent's
 * last minute.
 */
import { type Finding, fault, good, warning } from '../check.ts';
import type { DoctorFacts, Heard } from '../doctor-facts.ts';

/** Fewer say nothing: a connection may just have paused. */
const CONNECTIONS_MIN = 1;
const REQUESTS_MIN = 10;
const ONE_SIDED_SHARE = 0.8;
const DUPLICATE_SHARE = 0.3;
/** Bytes that no frame brought, of all bytes: beyond it somebody drops. */
const MISSED_SHARE_MAX = 0.001;

export function mirrorChecks(facts: DoctorFacts): Finding[] {
  return [...directionChecks(facts), ...frameChecks(facts), ...holeChecks(facts)];
}

/** Of a tap's two ports each brings one direction, so the ports are judged together. */
function directionChecks(facts: DoctorFacts): Finding[] {
  const roles = new Map(facts.wanted?.interfaces.map(({ name, role }) => [name, role]));
  const isTap = [...roles.values()].some((role) => role === 'tapA' || role === 'tapB');
  const { heard, status } = facts;
  const connections = sum(heard, (each) => each.connections);
  const oneSided = sum(heard, (each) => each.connectionsOneSided);
  const traffic = status?.recent?.traffic;
  const requests = sum(heard, (each) => each.modbusRequests) + (traffic?.modbusRequests ?? 0);
  const responses =
    sum(heard, (each) => each.modbusResponses) +
    (traffic === undefined ? 0 : traffic.modbusResponses + traffic.modbusExceptions);
  const silent = isTap ? silentTapPort(facts, roles) : undefined;
  if (silent !== undefined) return [silent];
  const isOneSided =
    (!isTap && connections >= CONNECTIONS_MIN && oneSided / connections >= ONE_SIDED_SHARE) ||
    (requests >= REQUESTS_MIN && responses === 0) ||
    (responses >= REQUESTS_MIN && requests === 0);
  const figure =
    connections > 0
      ? `${oneSided} of ${connections} connections one-sided`
      : `${requests} requests, ${responses} responses`;
  if (connections === 0 && requests + responses === 0) return [];
  if (!isOneSided) return [good('mirror:directions', figure)];
  const which = requests > responses ? 'what clients ask' : 'what servers answer';
  return [
    fault('mirror:directions', figure, {
      cause: isTap
        ? 'Only one direction arrives, although both ports of the tap bring frames.'
        : `The mirror sends one direction only${requests === responses ? '' : `: ${which}`}.`,
      remedy: isTap
        ? 'Check that tapA and tapB are the two ports of one tap, not of two.'
        : 'Set the mirror session to both directions ("both", or "ingress and egress").',
      dependsOn: ['traffic:'],
    }),
  ];
}

function silentTapPort(
  facts: DoctorFacts,
  roles: ReadonlyMap<string, string>,
): Finding | undefined {
  const framesOf = (name: string): number =>
    facts.heard.find((each) => each.interfaceName === name)?.frames ??
    facts.status?.interfaces.find((each) => each.interfaceName === name)?.recent?.framesSeen ??
    -1;
  const ports = [...roles].filter(([, role]) => role === 'tapA' || role === 'tapB');
  const silent = ports.find(([name]) => framesOf(name) === 0);
  const speaking = ports.some(([name]) => framesOf(name) > 0);
  if (silent === undefined || !speaking) return undefined;
  const [name, role] = silent;
  const port = role === 'tapA' ? 'A' : 'B';
  return fault('mirror:directions', `nothing from ${role}`, {
    cause: `Port ${port} of the tap ("${name}") brings nothing: one direction.`,
    remedy: `Check the cable between the tap's monitor port and "${name}".`,
    dependsOn: [`interface:${name}`, `traffic:${name}`],
  });
}

function frameChecks(facts: DoctorFacts): Finding[] {
  return (facts.wanted?.interfaces ?? []).flatMap(({ name }) => {
    const heard = facts.heard.find((each) => each.interfaceName === name);
    const recent = facts.status?.interfaces.find((each) => each.interfaceName === name)?.recent;
    if ((heard?.frames ?? recent?.framesSeen ?? 0) === 0) return [];
    const copies =
      heard === undefined
        ? { twice: recent?.framesDuplicate ?? 0, frames: recent?.framesSeen ?? 0 }
        : // A packet from both sides of a router is told by its own check.
          {
            twice: Math.max(0, heard.framesDuplicate - heard.routedCopies),
            frames: heard.frames,
          };
    const cut = Math.max(heard?.framesCut ?? 0, recent?.framesTruncated ?? 0);
    return [
      duplicatesCheck(name, copies.twice, copies.frames),
      cutCheck(name, cut),
      ...(heard === undefined ? [] : [tagsCheck(name, heard)]),
    ];
  });
}

function duplicatesCheck(name: string, twice: number, frames: number): Finding {
  const figure = `${twice} of ${frames} frames came twice`;
  if (twice / frames < DUPLICATE_SHARE) return good(`mirror:copies:${name}`, figure);
  return warning(`mirror:copies:${name}`, figure, {
    cause:
      'Frames come twice: the mirror copies both directions of both ports, or it is a redundant ' +
      'network (PRP, HSR). Each message is counted once; half of the mirror port is wasted.',
    remedy: 'Mirror both directions of one side only, unless the network is a redundant one.',
  });
}

function cutCheck(name: string, cut: number): Finding {
  if (cut === 0) return good(`mirror:cut:${name}`, 'no frame cut');
  return fault(`mirror:cut:${name}`, `${cut} frames cut`, {
    cause: 'Frames arrive shorter than their own headers say: the switch truncates its mirror.',
    remedy: 'Take the truncation (MTU, "truncate", snap length) off the mirror session.',
  });
}

function tagsCheck(name: string, heard: Heard): Finding {
  const vlans = heard.vlanIds.slice(0, 8).join(', ');
  const figure =
    heard.framesTagged === 0 ? 'no VLAN tags' : `${heard.framesTagged} tagged, VLAN ${vlans}`;
  if (heard.routedCopies === 0) return good(`mirror:tags:${name}`, figure);
  return warning(`mirror:tags:${name}`, `${heard.routedCopies} packets in two networks, no tag`, {
    cause:
      'The mirror copies several VLANs and takes their tags off: the same packet comes from both ' +
      'sides of a router, and nothing tells the networks apart.',
    remedy: 'Let the mirror port keep tags (encapsulation replicate, or a tagged destination).',
  });
}

function holeChecks({ status }: DoctorFacts): Finding[] {
  const recent = status?.recent;
  if (status === undefined || recent === undefined || recent.traffic.frames === 0) return [];
  const { bytesMissed, gaps, bytes } = recent.traffic;
  const figure = `${bytesMissed} bytes missed in ${gaps} gaps, last ${recent.seconds} s`;
  if (bytesMissed / Math.max(1, bytes) <= MISSED_SHARE_MAX) return [good('mirror:holes', figure)];
  return [
    warning('mirror:holes', figure, {
      cause:
        'Connections have holes although the gateway dropped nothing: the mirror port is ' +
        'overrun, and the switch drops.',
      remedy: 'Mirror fewer ports, or use a faster mirror port or a tap.',
      dependsOn: ['drops:', 'mirror:directions', 'mirror:cut:'],
    }),
  ];
}

function sum(heard: readonly Heard[], count: (each: Heard) => number): number {
  return heard.reduce((total, each) => total + count(each), 0);
}
