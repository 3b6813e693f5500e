/** Each tapped serial line: the port, the right to read it, and whether its bytes make sense. */
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import type { DoctorFacts, SerialFacts } from '../doctor-facts.ts';

const SILENT_SECONDS = 60;
/** Of all bytes: noise is a few, a wrong rate or swapped wires are nearly all. */
const UNFRAMED_SHARE_MAX = 0.5;
const BYTES_MIN = 64;

export function serialChecks(facts: DoctorFacts): Finding[] {
  return facts.serial.flatMap((line) => [portCheck(line), lineCheck(line, facts)]);
}

function portCheck({ name, port, exists, isReadable, available }: SerialFacts): Finding {
  const check = `serial:${name}`;
  if (!exists) {
    const others = available.length === 0 ? 'none is plugged in' : available.join(', ');
    return fault(check, 'missing', {
      cause: `Serial port "${port}" is not there: the adapter is not plugged in, or renamed.`,
      remedy: `Plug it in; it is found again by itself. Ports that are there: ${others}.`,
    });
  }
  if (isReadable) return good(check, port);
  return warning(check, 'not readable by this user', {
    cause: `This user may not read "${port}"; the agent's own user may.`,
    remedy: 'For the agent: usermod -aG dialout fieldtap, and DeviceAllow in its unit.',
  });
}

function lineCheck({ name }: SerialFacts, { status }: DoctorFacts): Finding {
  const check = `traffic:${name}`;
  const dependsOn = [`serial:${name}`, 'agent'];
  const seen = status?.interfaces.find((each) => each.interfaceName === name);
  if (seen === undefined) return unknown(check, 'needs the agent', dependsOn);
  const { bytesSeen, framesSeen, bytesNotFramed = 0, bytesMissed = 0 } = seen;
  const figure = `${framesSeen} frames, ${bytesNotFramed} bytes in no frame, ${bytesMissed} lost`;
  if (bytesSeen === 0) {
    return fault(check, 'no byte ever', {
      cause: `Nothing is heard on the serial line "${name}".`,
      remedy: 'Check the receive pair, the common wire, and that the line is in use at all.',
      dependsOn,
    });
  }
  if (bytesSeen >= BYTES_MIN && bytesNotFramed / bytesSeen > UNFRAMED_SHARE_MAX) {
    return fault(check, figure, {
      cause: `Bytes come on "${name}", and make no Modbus frames: rate, parity, or swapped wires.`,
      remedy: 'Set baudRate, parity and framing to those of the devices; then swap A and B.',
    });
  }
  if (bytesMissed > 0) {
    return warning(check, figure, {
      cause: `The gateway did not read "${name}" in time, and the driver lost bytes.`,
      remedy: 'See what else loads the gateway (top); give the adapter a USB port of its own.',
    });
  }
  const age = seen.lastFrameAgeSeconds;
  if (age === undefined || age < SILENT_SECONDS) return good(check, figure);
  return warning(check, `silent for ${Math.floor(age)} s`, {
    cause: `The serial line "${name}" has gone silent.`,
    remedy: 'Check whether its client (the controller or HMI) still asks.',
    dependsOn,
  });
}
