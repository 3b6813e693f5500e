/** The commands that say what is there: assets, conversations, registers. */
import { type Command, InvalidArgumentError } from 'commander';

const CONFIG = '/etc/fieldtap/fieldtap.yaml';
const EXIT_USAGE = 2;

export function addKnowledge(program: Command, exitWith: (code: number) => void): void {
  addAssets(program, exitWith);
  asked(program.command('conversations'))
    .description('who talks to whom: roles, functions, address ranges, periods, answers')
    .option('--server <address>', 'only with this server')
    .option('--details', 'polls, periods and addresses of each', false)
    .addHelpText('after', '\nExample:\n  fieldtap conversations --server 10.0.1.9 --details\n')
    .action(async (options, command) => {
      refuseTwoForms(options, command);
      const { conversations } = await import('./conversations.ts');
      exitWith(await conversations(options));
    });
  asked(program.command('registers'))
    .description('what registers and OPC UA nodes held last, and who wrote them')
    .option('--server <address>', 'only of this server')
    .option('--unit <number>', 'only of this unit', unit)
    .option('--details', 'each point that changed or was written', false)
    .addHelpText('after', '\nExample:\n  fieldtap registers --server 10.0.1.9 --unit 7\n')
    .action(async (options, command) => {
      refuseTwoForms(options, command);
      const { registers } = await import('./registers.ts');
      exitWith(await registers(options));
    });
}

function addAssets(program: Command, exitWith: (code: number) => void): void {
  const assets = asked(program.command('assets'))
    .description('which devices there are, what each told about itself, and who says so')
    .option('--cyclonedx', 'an inventory in the form of CycloneDX (JSON)', false)
    .addHelpText('after', '\nExample:\n  fieldtap assets --json\n')
    .action(async (options, command) => {
      refuseTwoForms(options, command);
      const { assets: list } = await import('./assets.ts');
      exitWith(await list(options));
    });
  assets
    .command('note')
    .description('give a device a name or a note of your own; an empty text takes it away')
    .argument('<assetId>', 'as "fieldtap assets" shows it')
    .option('--name <text>', 'what it is called at the plant')
    .option('--note <text>', 'what else is to be known')
    .addHelpText('after', '\nExample:\n  fieldtap assets note 10.0.1.9/7 --name "Pump station 3"\n')
    .action(async (assetId, _, command) => {
      const { assetNote } = await import('./assets.ts');
      exitWith(await assetNote(assetId, command.optsWithGlobals()));
    });
}

function asked(command: Command): Command {
  return command
    .option('--config <file>', 'configuration', CONFIG)
    .option('--socket <path>', 'control socket of the running agent')
    .option('--json', 'one JSON object', false)
    .option('--csv', 'a table for a spreadsheet', false);
}

function refuseTwoForms(
  options: { readonly json: boolean; readonly csv: boolean; readonly cyclonedx?: boolean },
  command: Command,
): void {
  const forms = [options.json, options.csv, options.cyclonedx === true].filter(Boolean);
  if (forms.length < 2) return;
  command.error('error: take one of --json, --csv and --cyclonedx', { exitCode: EXIT_USAGE });
}

function unit(text: string): string {
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255) {
    throw new InvalidArgumentError('It takes 0 to 255.');
  }
  return text;
}
