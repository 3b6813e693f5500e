/** Who this gateway is, and what anyone can check: enroll, factory-reset, verify. */
import { type Command, Option } from 'commander';

const CONFIG = '/etc/fieldtap/fieldtap.yaml';

export function addIdentity(program: Command, exitWith: (code: number) => void): void {
  program
    .command('enroll')
    .description('write a request for the hub, install its answer, or prepare a new signing key')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--out <file>', 'where the request goes (default: AGENTID.request.json)')
    .option('--code <code>', "the site's one-time code, if the hub gave one")
    .option('--replaces <agentId>', 'this gateway takes the place of that one')
    .option('--bundle <file>', "install the hub's answer")
    .option('--new-hub', 'with --bundle: leave the hub trusted so far', false)
    .option('--rotate', 'prepare a new signing key', false)
    .addOption(
      new Option('--algorithm <name>', 'of the new signing key')
        .choices(['Ed25519', 'ES256'])
        .default('Ed25519'),
    )
    .option('--json', 'one JSON object', false)
    .addHelpText(
      'after',
      '\nExamples:\n  fieldtap enroll --out /media/stick/north.request.json\n' +
        '  fieldtap enroll --bundle /media/stick/AGENTID.bundle.json\n',
    )
    .action(async (options) => {
      const { enroll } = await import('./enroll.ts');
      enroll(options);
    });
  program
    .command('factory-reset')
    .description('remove keys, certificates and buffer before a gateway changes hands')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--yes', 'do it; without, only say what would go', false)
    .option('--keep-buffer', 'keep the observations; a new key begins a new epoch', false)
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap factory-reset --yes\n')
    .action(async (options) => {
      const { factoryReset } = await import('./factory-reset.ts');
      factoryReset(options);
    });
  program
    .command('verify')
    .description('check an archive offline: signatures, chains, tombstones, receipts, holes')
    .argument('<file>', 'an archive that "export" wrote')
    .option('--key <file...>', 'agent.json, receipt-key.json or advisory-key.json to trust')
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap verify north.ftar\n')
    .action(async (file, options) => {
      const { verifyArchive } = await import('./verify.ts');
      exitWith(await verifyArchive(file, options));
    });
}
