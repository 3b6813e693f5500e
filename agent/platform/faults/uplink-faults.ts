/** Faults of the way to the hub: link, messages, identity, enrolment, warnings (docs/faults.md, "Uplink"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const UPLINK_FAULTS: FaultArea = {
  title: 'Uplink',
  faults: [
    { code: 'UPLINK_AGENT_KEY_UNUSABLE', problem: "the agent's key can't be read or made", remedy: 'let the agent own the folder of `uplink.credentials`; a new key is a new agent' },
    { code: 'UPLINK_RECEIPT_KEY_MISSING', problem: "the hub's receipt key can't be used", remedy: 'copy `receipt-key.json` from the hub' },
    { code: 'UPLINK_TLS_FILE_MISSING', problem: 'a file that mqtts:// needs is missing', remedy: 'put the files of the enrolment into `uplink.credentials`' },
    { code: 'UPLINK_BROKER_UNREACHABLE', problem: "the broker can't be reached", remedy: 'check name, port, route, firewall; the outbox keeps everything' },
    { code: 'UPLINK_BROKER_REFUSED', problem: 'the broker refused this agent', remedy: 'check at the hub that it is enrolled and in the access list' },
    { code: 'UPLINK_CERTIFICATE_EXPIRED', problem: 'the certificate is outside its time of validity', remedy: "check this gateway's clock first, then ask for a new certificate" },
    { code: 'UPLINK_TLS_REFUSED', problem: 'no trusted TLS connection', remedy: 'check `ca.pem`, `client-cert.pem`, `client-key.pem`' },
    { code: 'UPLINK_LINK_FAILED', problem: 'the link failed', remedy: 'it is tried again; if it lasts, `fieldtap doctor`' },
    { code: 'UPLINK_PUBLISH_REFUSED', problem: 'the broker refused a message (MQTT 5 reason 0x80 or more)', remedy: "let the access list allow the agent's own topics" },
    { code: 'UPLINK_RECEIPT_REJECTED', problem: 'a receipt was not accepted; nothing was deleted', remedy: "compare `receipt-key.json` with the hub's" },
    { code: 'UPLINK_MESSAGES_REFUSED', problem: 'the hub refused signed messages; they are kept', remedy: 'ask at the hub for the reason' },
    { code: 'UPLINK_KEY_REVOKED', problem: "the hub has revoked this agent's key, and says so in a signed receipt", remedy: 'ask at the hub why; in good standing: `fieldtap factory-reset --keep-buffer --yes`, then `fieldtap enroll --replaces OLD`' },
    { code: 'UPLINK_CLOCK_BEHIND', problem: "the gateway's clock is before a time that is known to be past", remedy: 'set the clock, give it a network time, or replace the battery of its clock chip' },
    { code: 'UPLINK_ADVISORY_REFUSED', problem: 'an advisory was not believed: foreign key, broken rule, older revision', remedy: "foreign key: compare `advisory-key.json` with the hub's; broken rule: bring the gateway to the hub's version; older revision: bring a newer one" },
    { code: 'UPLINK_ADVISORY_KEY_UNUSABLE', problem: "the hub's advisory key can't be used", remedy: 'copy `advisory-key.json` from the hub again, or remove it' },
    { code: 'UPLINK_ADVISORY_KEY_MISSING', problem: 'there is no advisory key, so no advisory is believed', remedy: 'copy `advisory-key.json` into `uplink.credentials`' },
    { code: 'UPLINK_ADVISORY_UNKNOWN', problem: 'no advisory of this id has reached the site', remedy: '`fieldtap advisories` lists them' },
    { code: 'UPLINK_NOT_CONFIGURED', problem: 'there is no uplink: nothing leaves the site', remedy: 'add the section `uplink`, and enrol the agent at a hub' },
    { code: 'UPLINK_FORK_DETECTED', problem: 'the hub has another message for a sequence of ours', remedy: 'look for a second gateway with a copy of this key, enrol anew' },
    { code: 'ARCHIVE_UNREADABLE', problem: "an archive can't be read", remedy: 'check the path and the stick' },
    { code: 'ARCHIVE_KEY_UNREADABLE', problem: 'a file of `--key` holds no public key', remedy: 'give `agent.json`, `receipt-key.json` or `advisory-key.json`' },
    { code: 'ENROLMENT_WITHOUT_UPLINK', problem: 'the configuration has no `uplink`', remedy: 'add `uplink.broker`, then enrol' },
    { code: 'ENROLMENT_BUNDLE_UNREADABLE', problem: "a bundle can't be read", remedy: 'give the file that `fieldtap-hub enroll` wrote' },
    { code: 'ENROLMENT_BUNDLE_REFUSED', problem: 'a bundle is not installed, with the reason', remedy: 'write a new request and have the hub answer that one' },
    { code: 'ENROLMENT_REQUEST_NOT_WRITTEN', problem: "the request can't be written", remedy: 'give a file with `--out` in a folder that may be written' },
    { code: 'FACTORY_RESET_NOT_CONFIRMED', problem: 'nothing was removed; it says what would go', remedy: 'give `--yes` if that is meant' },
    { code: 'UPLINK_CERTIFICATE_EXPIRES', problem: "this gateway's certificate ends in less than 30, 7 or 1 days and was not renewed over the link", remedy: 'ask the hub why, or renew by file: `fieldtap enroll`, then install its bundle' },
    { code: 'UPLINK_CERTIFICATE_REFUSED', problem: 'the hub sent a new certificate that does not fit this agent, its key or its authority', remedy: 'compare `ca.pem` with that of the hub, and both clocks; the old one stays in use' },
    { code: 'UPLINK_RENEWAL_NOT_WRITTEN', problem: "a new certificate or its key can't be written", remedy: 'let the agent own the folder of `uplink.credentials`, and see that it has room' },
    { code: 'UPLINK_NEXT_KEY_UNUSABLE', problem: "a prepared signing key can't be read", remedy: 'remove it and prepare another with `fieldtap enroll --rotate`' },
  ],
};
