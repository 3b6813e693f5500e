/** Each capture interface: is it there, is it up, does anything come, does it stay silent. */
import type { InterfaceStatus } from '../agent-status.ts';
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import type { DoctorFacts, Heard, InterfaceFacts } from '../doctor-facts.ts';

const SILENT_SECONDS = 60;
/** Of all frames that reached the port: above it, conversations have holes. */
const DROPPED_SHARE_MAX = 0.001;

export function interfaceChecks(facts: DoctorFacts): Finding[] {
  return (facts.wanted?.interfaces ?? []).flatMap(({ name, role }) => {
    const there = facts.interfaces.find((each) => each.name === name);
    const link = linkCheck(name, there, facts.interfaces);
    if (there === undefined) return [link];
    const seen = facts.status?.interfaces.find((each) => each.interfaceName === name);
    const heard = facts.heard.find((each) => each.interfaceName === name);
    return [
      link,
      trafficCheck(name, role, seen, heard, facts),
      ...dropsChecks(name, seen, heard),
      ...silenceChecks(there, role),
    ];
  });
}

function linkCheck(
  name: string,
  there: InterfaceFacts | undefined,
  all: readonly InterfaceFacts[],
): Finding {
  const check = `interface:${name}`;
  if (there === undefined) {
    const names = all.map((each) => each.name).join(', ');
    return fault(check, 'missing', {
      cause: `There is no interface "${name}" on this gateway.`,
      remedy: `Set capture.interfaces to one of: ${names}. "fieldtap setup" shows what each hears.`,
    });
  }
  if (!there.isSetUp) {
    return fault(check, 'down', {
      cause: `Interface "${name}" is switched off on this gateway.`,
      remedy: `Switch it on: ip link set ${name} up (and keep it so in the network setup).`,
    });
  }
  if (!there.isUp) {
    return fault(check, 'no link', {
      cause: `Interface "${name}" is switched on, and has no link: cable, or the switch's port.`,
      remedy: 'Check the cable at both ends, and that the mirror port is enabled at the switch.',
    });
  }
  return good(check, 'up');
}

function trafficCheck(
  name: string,
  role: string,
  seen: InterfaceStatus | undefined,
  heard: Heard | undefined,
  { canCapture, status }: DoctorFacts,
): Finding {
  const check = `traffic:${name}`;
  const dependsOn = [`interface:${name}`, 'agent', 'permission'];
  if (heard !== undefined && heard.frames > 0) {
    return good(check, `${heard.frames} frames in ${heard.seconds} s`);
  }
  const age = seen?.lastFrameAgeSeconds;
  if (age !== undefined && age < SILENT_SECONDS) {
    return good(check, `${seen?.framesSeen ?? 0} frames since start`);
  }
  if (seen === undefined && heard === undefined) {
    return unknown(check, canCapture ? 'not listened to' : 'needs the agent', dependsOn);
  }
  const uptimeSeconds = Math.floor(status?.uptimeSeconds ?? 0);
  if (seen !== undefined && heard === undefined && uptimeSeconds < SILENT_SECONDS) {
    return unknown(check, `no frame yet; the agent started ${uptimeSeconds} s ago`, dependsOn);
  }
  const figure = silenceFigure(age, heard);
  return fault(check, figure, {
    ...nothingArrives(name, role),
    dependsOn,
  });
}

function nothingArrives(name: string, role: string): { cause: string; remedy: string } {
  if (role === 'tapA' || role === 'tapB') {
    const port = role === 'tapA' ? 'A' : 'B';
    return {
      cause: `Port ${port} of the tap ("${name}") brings nothing: one direction is missing.`,
      remedy: `Check the cable between the tap's monitor port ${port} and "${name}".`,
    };
  }
  return {
    cause: `The link of "${name}" is up, and nothing arrives.`,
    remedy:
      'Check at the switch that the mirror (SPAN) session is active, that this is its ' +
      'destination port, and that its sources are the ports of the controllers.',
  };
}

function silenceFigure(age: number | undefined, heard: Heard | undefined): string {
  if (age !== undefined) return `silent for ${Math.floor(age)} s`;
  return heard === undefined ? 'no frame ever' : `no frame in ${heard.seconds} s`;
}

/** Drops of our kernel are ours to mend; holes without them were lost before the gateway. */
function dropsChecks(
  name: string,
  seen: InterfaceStatus | undefined,
  heard: Heard | undefined,
): Finding[] {
  const told = seen?.recent ?? seen;
  // An agent that has just started has nothing to tell yet.
  const recent =
    told === undefined || told.framesSeen + told.framesDropped === 0 ? (heard ?? told) : told;
  if (recent === undefined) return [];
  const framesSeen = 'framesSeen' in recent ? recent.framesSeen : recent.frames;
  const { framesDropped } = recent;
  const share = framesDropped / Math.max(1, framesSeen + framesDropped);
  const figure = `${framesDropped} of ${framesSeen + framesDropped} frames dropped here`;
  if (share <= DROPPED_SHARE_MAX) return [good(`drops:${name}`, figure)];
  return [
    fault(`drops:${name}`, figure, {
      cause: 'The gateway is too slow for this mirror: its kernel had to drop frames.',
      remedy: 'Mirror fewer ports, raise capture.ringMiB, or look what else loads the gateway.',
    }),
  ];
}

function silenceChecks(there: InterfaceFacts, role: string): Finding[] {
  if (role === 'host' || there.isLoopback) return [];
  const check = `silence:${there.name}`;
  if (there.addresses.length > 0) {
    const shown = there.addresses.slice(0, 3).join(', ');
    return [
      fault(check, `has the address ${shown}`, {
        cause: `The capture port "${there.name}" has an address, so this gateway speaks on it.`,
        remedy:
          `Take it away: ip addr flush dev ${there.name}; ` +
          `sysctl -w net.ipv6.conf.${there.name}.disable_ipv6=1; and in the network setup.`,
      }),
    ];
  }
  const { framesSent } = there;
  if (framesSent === undefined) return [unknown(check, 'not counted by this card')];
  if (framesSent === 0) return [good(check, 'no address, 0 frames sent')];
  return [
    warning(check, `no address, ${framesSent} frames sent since it was made`, {
      cause:
        `Frames left the capture port "${there.name}" at some time. fieldtap never sends: it was ` +
        'another program, or the system while the port still had an address.',
      remedy: `Watch the figure; when it grows: tcpdump -Q out -i ${there.name} shows who.`,
    }),
  ];
}
