/** Faults of ports and lines that are listened on (docs/faults.md, "Capture"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const CAPTURE_FAULTS: FaultArea = {
  title: 'Capture',
  faults: [
    { code: 'CAPTURE_INTERFACE_MISSING', problem: "the interface of the configuration doesn't exist; those there are are listed", remedy: 'correct `capture.interfaces`' },
    { code: 'CAPTURE_INTERFACE_DOWN', problem: 'the interface is down or has no link', remedy: 'bring it up, check cable and mirror port; capture goes on by itself' },
    { code: 'CAPTURE_PERMISSION_MISSING', problem: 'this process may not listen', remedy: 'give it CAP_NET_RAW (unit, setcap), or run it as root' },
    { code: 'CAPTURE_AF_PACKET_MISSING', problem: 'the kernel or sandbox has no packet sockets', remedy: 'allow AF_PACKET in the unit, or use a kernel with CONFIG_PACKET' },
    { code: 'CAPTURE_RING_REFUSED', problem: 'the kernel refused the ring: memory, or no TPACKET_V3', remedy: 'lower `capture.ringMiB`, or run outside of the sandbox' },
    { code: 'CAPTURE_SOCKET_REFUSED', problem: 'listening failed at a step that is named', remedy: 'check the limits of the service and the kernel log' },
    { code: 'CAPTURE_SERIAL_MISSING', problem: "the serial port doesn't exist, or was unplugged; those there are are listed", remedy: 'plug the adapter in, or correct `capture.serial`; an unplugged one is found again by itself' },
    { code: 'CAPTURE_SERIAL_PERMISSION', problem: 'this process may not read the serial port', remedy: 'put its user into the group `dialout`, and allow the port in the unit' },
    { code: 'CAPTURE_SERIAL_SETTINGS', problem: 'the port refused rate, parity, stop or data bits, or is no serial port', remedy: 'set `capture.serial` to what line and adapter can do' },
    { code: 'CAPTURE_LINK_TYPE_UNSUPPORTED', problem: "the interface isn't Ethernet", remedy: 'capture on an Ethernet interface, or replay a capture file of this one' },
  ],
};
