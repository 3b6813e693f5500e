/** Faults of what keeps the program from starting, or a command from reaching it (docs/faults.md, "Configuration and start"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const START_FAULTS: FaultArea = {
  title: 'Configuration and start',
  faults: [
    { code: 'CONFIG_FILE_UNREADABLE', problem: "the configuration can't be read", remedy: 'give the right file with `--config`' },
    { code: 'CONFIG_INVALID', problem: 'the configuration has faults; each with line, key, problem, remedy', remedy: 'mend the lines, then `fieldtap check-config`' },
    { code: 'REGISTER_MAP_INVALID', problem: "a line of a register map isn't accepted", remedy: 'mend the line; docs/configuration.md shows a register map' },
    { code: 'REGISTER_MAP_UNREADABLE', problem: "a register map can't be read", remedy: 'check the path and its permissions' },
    { code: 'SITE_KEY_UNUSABLE', problem: "the site's key beside the buffer can't be read or made", remedy: 'let the agent own the folder of `buffer.path`; without the old key the pseudonyms change' },
    { code: 'AGENT_ALREADY_RUNNING', problem: 'an agent already answers on this control socket', remedy: 'stop it, or give this one its own `diagnostics.socket` and `buffer.path`' },
    { code: 'ASSET_NOTE_REFUSED', problem: 'the note for a device could not be kept: the disk refuses, or there are too many', remedy: 'see `fieldtap status` for the buffer; empty texts take a note away' },
    { code: 'AGENT_NOT_RUNNING', problem: 'no agent answers on the control socket', remedy: 'start it, or name its socket with `--socket`; `fieldtap doctor` looks further' },
    { code: 'AGENT_SOCKET_FORBIDDEN', problem: 'an agent may run, and this user may not use its control socket', remedy: 'join the group of the socket (`usermod -aG fieldtap NAME`), or become root' },
    { code: 'DIAGNOSTICS_SOCKET_REFUSED', problem: "the control socket can't be opened", remedy: 'set `diagnostics.socket` to a folder that this user may write' },
    { code: 'DIAGNOSTICS_METRICS_REFUSED', problem: "the metrics address can't be opened", remedy: 'set `diagnostics.metrics.listen` to a free loopback port' },
    { code: 'DEMO_NEEDS_CHECKOUT', problem: 'the built program has no devices and no broker for a demo', remedy: 'run `npm start` in a checkout' },
    { code: 'DEMO_PROGRAM_FAILED', problem: 'a program of the demo did not start or ended by itself', remedy: 'mend what its last lines name and run the demo again' },
  ],
};
