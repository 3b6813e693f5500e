/**
 * What can keep us from hearing a serial line, in words an operator can act on. Each code has its
 * section in docs/faults.md.
 */
import { OperatorFault } from '../platform/operator-fault.ts';

export function serialMissing(port: string, available: readonly string[]): OperatorFault {
  const others = available.length === 0 ? 'none was found' : available.join(', ');
  return new OperatorFault({
    code: 'CAPTURE_SERIAL_MISSING',
    problem: `Serial port "${port}" from capture.serial does not exist on this gateway.`,
    remedy:
      `Plug the adapter in, or name one of these ports: ${others}. ` +
      'Names below /dev/serial/by-id stay the same when an adapter is plugged in elsewhere.',
  });
}

export function serialPermission(port: string, errnoName: string): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_SERIAL_PERMISSION',
    problem: `This process may not read the serial port "${port}" (${errnoName}).`,
    remedy:
      'Put its user into the group of the port ("usermod -aG dialout fieldtap", or ' +
      'SupplementaryGroups=dialout in the systemd unit), allow the port there ' +
      '(DeviceAllow=char-ttyUSB r, PrivateDevices=no), and start again.',
  });
}

export function serialSettings(port: string, detail: string): OperatorFault {
  return new OperatorFault({
    code: 'CAPTURE_SERIAL_SETTINGS',
    problem: `Serial port "${port}" can't be listened to as capture.serial says (${detail}).`,
    remedy:
      'Set baudRate, parity, stopBits and dataBits to those of the line, and check that the port ' +
      'is a serial adapter that can do them.',
  });
}

/** The fault for open(2) that failed with this errno. */
export function serialOpeningFault(
  port: string,
  errnoName: string,
  available: readonly string[],
): OperatorFault {
  switch (errnoName) {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return serialMissing(port, available);
    case 'EACCES':
    case 'EPERM':
      return serialPermission(port, errnoName);
    default:
      return serialSettings(port, `open: ${errnoName}`);
  }
}
