/** Faults of the tools on site (docs/faults.md, "On site: setup, support file, stick"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const SITE_FAULTS: FaultArea = {
  title: 'On site: setup, support file, stick',
  faults: [
    { code: 'SETUP_CONFIG_EXISTS', problem: 'the configuration that setup would write is there already', remedy: '`--config` for another file, or `--force`' },
    { code: 'SETUP_INTERFACE_UNCLEAR', problem: "no interface heard a plant, or the one named doesn't exist", remedy: 'name it with `--interface`; listen longer with `--seconds`' },
    { code: 'SETUP_ANSWER_UNUSABLE', problem: "an answer isn't accepted by the configuration", remedy: 'run setup again; docs/configuration.md says what each may be' },
    { code: 'SETUP_CONFIG_NOT_WRITTEN', problem: "the file can't be written", remedy: 'run it as root, or give another file' },
    { code: 'AGENT_LIVE_REFUSED', problem: 'the agent gives no live view: too many look, or it is of another version', remedy: 'close other `fieldtap top` and `tail`' },
    { code: 'AGENT_ACTION_REFUSED', problem: 'the agent refused what a command asked for', remedy: 'look at its log; versions may differ' },
    { code: 'BUNDLE_NOT_WRITTEN', problem: "the support file can't be written", remedy: 'give another file with `--to`' },
    { code: 'EXPORT_NO_UPLINK', problem: 'the configuration has no uplink, so nothing is signed', remedy: 'add `uplink`; the hub need not be reachable' },
    { code: 'EXPORT_NO_IDENTITY', problem: "the agent's own facts can't be read", remedy: 'start the agent once; run this as its user or root' },
    { code: 'EXPORT_OTHER_AGENT', problem: 'the file on the stick holds messages of another agent', remedy: 'give another folder' },
    { code: 'EXPORT_SPAN_UNREADABLE', problem: '`--from` or `--until` is no time', remedy: 'write `2026-11-25` or `2026-11-25T08:00Z`' },
    { code: 'EXPORT_STICK_FULL', problem: 'the stick is full; what was written is whole', remedy: 'take it to the hub, export the rest onto another one' },
    { code: 'EXPORT_STICK_UNUSABLE', problem: "the stick can't be written", remedy: 'check that it is mounted and writable' },
    { code: 'IMPORT_UNREADABLE', problem: 'no archive of a hub is there', remedy: 'give the file that the hub wrote, or its folder' },
  ],
};
