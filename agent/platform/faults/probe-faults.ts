/** Faults of the one command that sends (docs/faults.md, "Probe"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const PROBE_FAULTS: FaultArea = {
  title: 'Probe',
  faults: [
    { code: 'PROBE_NOT_ALLOWED', problem: 'the probe is off', remedy: 'ask whoever answers for the plant, then `probe.allowed: true`' },
    { code: 'PROBE_ROUTE_BY_CAPTURE', problem: 'the way to the target leaves by a capture port', remedy: 'ask from another port or machine' },
    { code: 'PROBE_NO_ROUTE', problem: 'no route leads to the target', remedy: "give the gateway an address there, on a port that isn't listened on" },
    { code: 'PROBE_LINE_MISSING', problem: 'there is no such serial port; those there are are listed', remedy: 'plug the adapter in, or give the right port' },
    { code: 'PROBE_LINE_TAPPED', problem: 'the serial line is one of `capture.serial`', remedy: 'ask over another adapter' },
    { code: 'PROBE_LINE_IN_USE', problem: 'something was heard on the line: it has a client', remedy: 'leave it alone; tap it instead' },
    { code: 'PROBE_TARGET_UNCLEAR', problem: "the target isn't `address[:port]` or a path", remedy: 'write it as `192.168.1.10:502`' },
    { code: 'PROBE_TARGET_UNKNOWN', problem: "the name can't be resolved", remedy: 'give the IP address' },
    { code: 'PROBE_TARGET_UNREACHABLE', problem: 'no connection', remedy: 'check address, port, and that the device is on' },
    { code: 'PROBE_READ_UNCLEAR', problem: '`--read` names nothing that can be read', remedy: '`holdingRegister:100:2`' },
    { code: 'PROBE_BYTES_NOT_PLANNED', problem: "a library wanted to send something that wasn't shown; it was not sent", remedy: 'report it' },
    { code: 'PROBE_TIMED_OUT', problem: "the sender didn't end in time and was ended", remedy: 'try again; report it if it lasts' },
    { code: 'PROBE_NOT_STARTED', problem: 'the sender could not be started', remedy: 'report it with the version' },
    { code: 'PROBE_ENDED_EARLY', problem: 'the sender ended before it was done', remedy: 'try again; report it if it lasts' },
    { code: 'PROBE_NOT_NOTED', problem: 'the state folder may not be written, so what is sent could not be noted; nothing was sent', remedy: "run it as the agent's user or root" },
  ],
};
