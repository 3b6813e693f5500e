/**
 * What can keep us from hearing an interface, in words an operator can act on. Each code has its
 * section in docs/faults.md.
 */
import { OperatorFault } from '../platform/operator-fault.ts';

/** Step of the opening that failed, by the name that a manual page has for it. */
export type CaptureStep =
  | 'socket'
  | 'PACKET_VERSION'
  | 'PACKET_RX_RING'
  | 'PACKET_IGNORE_OUTGOING'
  | 'PACKET_ADD_MEMBERSHIP'
  | 'SO_ATTACH_FILTER'
  | 'mmap'
  | 'bind';

/** Errors of socket(2) that say that the kernel or a sandbox has no AF_PACKET at all. */
const NO_AF_PACKET = ['EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT', 'ENOSYS', 'EINVAL'];

export function interfaceMissing(
  interfaceName: string,
  available: readonly string[],
): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_INTERFACE_MISSING',
    problem: `Network interface "${interfaceName}" from capture.interfaces does not exist here.`,
    remedy: `Set capture.interfaces to one of: ${available.join(', ')}.`,
  });
}

export function interfaceDown(interfaceName: string): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_INTERFACE_DOWN',
    problem: `Network interface "${interfaceName}" is down or has no link, so nothing is heard.`,
    remedy:
      `Bring it up with "ip link set ${interfaceName} up" and check the cable and the mirror ` +
      'port. Capture goes on by itself as soon as the link is there.',
  });
}

export function linkTypeUnsupported(interfaceName: string, hardwareType: number): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_LINK_TYPE_UNSUPPORTED',
    problem: `Network interface "${interfaceName}" isn't Ethernet (hardware type ${hardwareType}).`,
    remedy: 'Capture on an Ethernet interface, or replay a capture file of this one.',
  });
}

/** The fault for a system call that failed with this errno. */
export function openingFault(
  interfaceName: string,
  step: CaptureStep,
  errnoName: string,
  ringBytes: number,
): OperatorFault {
  if (errnoName === 'EPERM' || errnoName === 'EACCES') return permissionMissing(step, errnoName);
  if (step === 'socket' && NO_AF_PACKET.includes(errnoName)) return afPacketMissing(errnoName);
  if (step === 'PACKET_VERSION' || step === 'PACKET_RX_RING' || step === 'mmap') {
    return ringRefused(interfaceName, step, errnoName, ringBytes);
  }
  return new OperatorFault({
    code: 'CAPTURE_SOCKET_REFUSED',
    problem: `Listening on "${interfaceName}" failed at ${step} (${errnoName}).`,
    remedy: 'Check the limits of this service (open files, memory) and the kernel log.',
  });
}

function permissionMissing(step: CaptureStep, errnoName: string): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_PERMISSION_MISSING',
    problem: `This process may not listen on a network interface (${step}: ${errnoName}).`,
    remedy:
      'Give it CAP_NET_RAW: AmbientCapabilities=CAP_NET_RAW in the systemd unit, ' +
      `"setcap cap_net_raw+ep ${process.execPath}", or run it as root.`,
  });
}

function afPacketMissing(errnoName: string): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_AF_PACKET_MISSING',
    problem: `This kernel or sandbox has no packet sockets (AF_PACKET: ${errnoName}).`,
    remedy:
      'Allow AF_PACKET in RestrictAddressFamilies= of the unit, or run outside of the sandbox ' +
      'on a kernel with CONFIG_PACKET.',
  });
}

function ringRefused(
  interfaceName: string,
  step: CaptureStep,
  errnoName: string,
  ringBytes: number,
): OperatorFault {
  const isMemory = ['ENOMEM', 'ENOBUFS', 'EAGAIN'].includes(errnoName);
  const mebibytes = Math.ceil(ringBytes / (1024 * 1024));
  return new OperatorFault({
    code: 'CAPTURE_RING_REFUSED',
    problem: `The kernel refused the capture ring of "${interfaceName}" (${step}: ${errnoName}).`,
    remedy: isMemory
      ? `There is no memory for ${mebibytes} MiB: lower capture.ringMiB, or free memory.`
      : 'TPACKET_V3 is missing here: use Linux 3.2 or newer, outside of an emulating sandbox.',
  });
}
