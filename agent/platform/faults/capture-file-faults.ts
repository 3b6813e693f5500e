/** Faults of files with frames (docs/faults.md, "Capture files"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const CAPTURE_FILE_FAULTS: FaultArea = {
  title: 'Capture files',
  faults: [
    { code: 'CAPTURE_FILE_MISSING', problem: 'no such file', remedy: 'check the path; `-` reads standard input' },
    { code: 'CAPTURE_FILE_UNREADABLE', problem: 'the file may not be read, or the disk fails', remedy: 'change its permissions; copy what can be saved' },
    { code: 'CAPTURE_FILE_NOT_CAPTURE', problem: 'it is no pcap or pcapng, or it is empty', remedy: 'give a file written by tcpdump, dumpcap or Wireshark' },
    { code: 'CAPTURE_FILE_DAMAGED', problem: 'damaged at a byte that is named; what was read before is printed', remedy: 'copy or record the file again' },
    { code: 'CAPTURE_FILE_COMPRESSED', problem: "compressed in a way that isn't read", remedy: 'decompress it first and pipe it in' },
    { code: 'CAPTURE_FILE_LINK_TYPE_UNSUPPORTED', problem: "frames of a link type that isn't read", remedy: 'capture on Ethernet, or on `any`' },
    { code: 'CAPTURE_FILE_EMPTY', problem: '`capture.file` holds no frame', remedy: 'name a capture with traffic, or an interface' },
  ],
};
