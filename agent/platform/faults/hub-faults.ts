/** Faults of the receiver (docs/faults.md, "Hub"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const HUB_FAULTS: FaultArea = {
  title: 'Hub',
  faults: [
    { code: 'HUB_CONFIG_UNREADABLE', problem: "the hub's configuration can't be read", remedy: 'give the right file with `--config`' },
    { code: 'HUB_CONFIG_INVALID', problem: 'it has faults; each with its line', remedy: 'mend the lines and start again' },
    { code: 'HUB_RECEIPT_KEY_UNUSABLE', problem: "the receipt key can't be read or made", remedy: 'let the hub own the folder, or restore the key: agents trust no other' },
    { code: 'HUB_CREDENTIALS_UNREADABLE', problem: "a TLS or password file can't be read", remedy: 'check the path and the permission' },
    { code: 'HUB_DATABASE_UNUSABLE', problem: "the database can't be opened", remedy: 'check `database.path`, its owner, the disk' },
    { code: 'HUB_DATABASE_NEWER', problem: 'written by a later version', remedy: 'start that version, or restore the database' },
    { code: 'HUB_DATABASE_MISSING', problem: 'there is no database yet', remedy: 'start `fieldtap-hub run` with this configuration' },
    { code: 'HUB_DATABASE_UNREACHABLE', problem: "the PostgreSQL database of `database.url` can't be used", remedy: 'check that it runs and that the hub may create tables' },
    { code: 'HUB_METRICS_PORT_TAKEN', problem: '`metrics.listen` is in use', remedy: 'give another port' },
    { code: 'HUB_AUTHORITY_UNUSABLE', problem: "the certificate authority's files can't be used", remedy: 'let the hub own the folder, or restore `ca-key.pem` and `ca.pem`' },
    { code: 'HUB_ADVISORY_KEY_UNUSABLE', problem: "the advisory key can't be read or made", remedy: 'let the hub own the folder, or restore the key' },
    { code: 'HUB_ENROLMENT_REFUSED', problem: 'an enrolment request is not accepted, with the reason', remedy: 'have the gateway write a new one, or correct the options' },
    { code: 'HUB_ENROLMENT_REQUEST_UNREADABLE', problem: "a request file can't be read", remedy: 'give the file that `fieldtap enroll` wrote' },
    { code: 'HUB_ENROLMENT_CODES_UNUSABLE', problem: "the file of one-time codes can't be read", remedy: 'restore it, or remove it and make new codes' },
    { code: 'HUB_SITE_LIST_INVALID', problem: 'a line of the list of sites is wrong', remedy: 'mend that line; nothing was made' },
    { code: 'HUB_AGENT_NOT_ENROLLED', problem: 'the agent or its key is not known here', remedy: 'take an agentId that `fieldtap-hub agents` lists' },
    { code: 'HUB_ADVISORY_INVALID', problem: "an advisory can't be published, with the reason", remedy: 'mend the file; nothing was published' },
    { code: 'HUB_ADVISORY_UNREADABLE', problem: "the file of an advisory can't be read", remedy: 'give the right file with `--file`' },
    { code: 'HUB_ADVISORY_NOT_PUBLISHED', problem: "the broker didn't take an advisory", remedy: 'mend the link, allow the hub to write `ft/v1/adv/#`, publish once more' },
    { code: 'HUB_REQUEST_INVALID', problem: 'an id of a detection is none, or there are too many', remedy: 'take ids from `fieldtap-hub alerts`' },
    { code: 'HUB_REQUEST_NOT_SENT', problem: "the broker didn't take a request for evidence", remedy: 'mend the link, allow the hub to write `ft/v1/+/dn/#`, ask once more' },
    { code: 'HUB_REQUEST_UNANSWERED', problem: "the agent hasn't answered a request within the time given", remedy: 'see with `fieldtap-hub agents` whether it is connected, ask once more' },
    { code: 'HUB_ARCHIVE_UNREADABLE', problem: "an archive can't be read", remedy: 'check the path and the stick' },
    { code: 'HUB_ARCHIVE_NOT_WRITTEN', problem: "an archive can't be made, or is there already", remedy: 'give the name of a new file' },
  ],
};
