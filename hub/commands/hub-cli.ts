/** What the hub's commands are called and take; each is loaded only when it is asked for. */
import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_CONFIG_PATH } from '../config.ts';

/** Takes the exit code of a command that judges. */
export type ExitWith = (code: number) => void;

function described(program: Command, name: string, what: string, example: string): Command {
  return program
    .command(name)
    .description(what)
    .option('--config <file>', 'configuration', DEFAULT_CONFIG_PATH)
    .option('--json', 'for programs: JSON, one object a line', false)
    .addHelpText('after', `\nExample:\n  fieldtap-hub ${example}\n`);
}

/** enroll, revoke, advise: who is believed, and what is told to all of them. */
export function addAuthority(program: Command, exitWith: ExitWith): void {
  described(
    program,
    'enroll [request...]',
    'answer enrolment requests with bundles; make codes and certificates',
    'enroll site.request.json --agent AGENTID --broker mqtts://hub.example:8883 --out .',
  )
    .option('--out <folder>', 'where bundles, codes and certificates go', '.')
    .option('--broker <url>', 'what agents connect to (default: broker.url)')
    .option('--agent <agentId>', 'enrol this one without a code: compared with the gateway')
    .option('--replace', 'a request may take the place of another gateway, which is revoked', false)
    .option('--sites <csv>', 'make one-time codes for a list: siteName,sector')
    .option('--valid-days <days>', 'how long codes hold', wholeNumber, 30)
    .option('--broker-certificate <name...>', "the broker's certificate, for its names, addresses")
    .option('--hub-certificate <name>', 'a certificate for a hub worker')
    .action(async (requests, options) => {
      const { enroll } = await import('./enroll.ts');
      exitWith(enroll(requests, options));
    });
  described(
    program,
    'revoke <agentId>',
    'an agent, or one of its keys, is believed no more',
    'revoke AGENTID --key 1',
  )
    .option('--key <number>', 'only this key', wholeNumber)
    .action(async (agentId, options) => {
      const { revoke } = await import('./revoke.ts');
      revoke(agentId, options);
    });
  described(
    program,
    'advise',
    'publish a warning, or list who has seen those published',
    'advise --file advisory.yaml',
  )
    .option('--file <yaml>', 'the advisory; without one, published ones are listed')
    .action(async (options) => {
      const { advise } = await import('./advise.ts');
      await advise(options);
    });
}

/** agents, alerts, gaps: what the store knows. */
export function addReading(program: Command, exitWith: ExitWith): void {
  described(program, 'agents', 'who is enrolled, and when each was heard last', 'agents').action(
    async (options) => {
      const { agents } = await import('./agents.ts');
      await agents(options);
    },
  );
  described(program, 'alerts', 'what agents have alerted, stated and answered', 'alerts --follow')
    .option('--follow', 'go on until it is ended', false)
    .option('--hours <count>', 'how far back to begin', wholeNumber, 24)
    .action(async (options) => {
      const { alerts } = await import('./alerts.ts');
      await alerts(options);
    });
  described(program, 'gaps', 'what is missing, forked, refused or silent', 'gaps --json').action(
    async (options) => {
      const { gaps } = await import('./gaps.ts');
      exitWith(await gaps(options));
    },
  );
}

/** request: what the hub asks of one agent. */
export function addAsking(program: Command, exitWith: ExitWith): void {
  described(
    program,
    'request',
    'ask an agent for the frames of a detection, and wait until they are stored',
    'request --agent AGENTID --detection 0123456789abcdef --out frames',
  )
    .requiredOption('--agent <agentId>', 'whom to ask')
    .requiredOption('--detection <id...>', 'as "alerts" shows them; at most 16')
    .option('--out <folder>', 'write a pcap file for each detection here')
    .option('--wait <seconds>', 'for the answer', wholeNumber, 60)
    .action(async ({ wait, ...options }) => {
      const { request } = await import('./request.ts');
      exitWith(await request({ ...options, waitSeconds: wait }));
    });
}

/** export, import: the store as a file. */
export function addArchive(program: Command, exitWith: ExitWith): void {
  described(
    program,
    'export <file>',
    'all signed messages and keys as one archive',
    'export backup.ftar',
  )
    .option('--agent <agentId>', 'only this one')
    .action(async (file, options) => {
      const { exportStore } = await import('./archive.ts');
      await exportStore(file, options);
    });
  described(
    program,
    'import <file>',
    'take an archive: a stick from a site, or a backup',
    'import stick.ftar --receipts receipts.ftar',
  )
    .option('--receipts <file>', 'write receipts and current advisories here, for the way back')
    .action(async (file, options) => {
      const { importFile } = await import('./archive.ts');
      exitWith(await importFile(file, options));
    });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('It takes a whole number.');
}
