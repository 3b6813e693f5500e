/**
 * The receiver kit's program, `fieldtap-hub`: parse the command line, run one command, exit with
 * its code: 0 good, 1 a fault, 2 wrong use.
 */
import { Command, CommanderError } from 'commander';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { escapeText } from '../agent/platform/wire-text.ts';
import {
  addArchive,
  addAsking,
  addAuthority,
  addReading,
  type ExitWith,
} from './commands/hub-cli.ts';
import { DEFAULT_CONFIG_PATH } from './config.ts';
import { HUB_VERSION } from './version.ts';

const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

/** npm scripts run in the project's folder; paths are meant from where the user stands. */
if (process.env.npm_lifecycle_event === 'hub' && process.env.INIT_CWD) {
  process.chdir(process.env.INIT_CWD);
}

// Whoever reads us may stop reading: `fieldtap-hub alerts | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAULT);
});

// No top-level await: the built program carries this file as a classic script.
main(process.argv).then((exitCode) => {
  process.exitCode = exitCode;
});

async function main(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = describeProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (!(error instanceof OperatorFault)) throw error;
    const lines = `${error.problem} ${error.remedy}`.split('\n').map(escapeText).join('\n');
    process.stderr.write(`fieldtap-hub: ${lines} [${error.code}]\n`);
    return EXIT_FAULT;
  }
}

function describeProgram(exitWith: ExitWith): Command {
  const program = new Command('fieldtap-hub')
    .description('Receives what fieldtap agents sign: verifies, stores, and sends receipts.')
    .version(HUB_VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`fieldtap-hub: ${text}`) })
    .addHelpText('after', '\nExample:\n  fieldtap-hub run --config /etc/fieldtap/hub.yaml\n');
  program
    .command('run')
    .description('one worker, until SIGTERM; several may share a broker and a database server')
    .option('--config <file>', 'configuration', DEFAULT_CONFIG_PATH)
    .addHelpText('after', '\nExample:\n  fieldtap-hub run --config ./hub.yaml\n')
    .action(async (options: { config: string }) => {
      const { run } = await import('./commands/run.ts');
      await run(options.config);
    });
  program
    .command('status')
    .description('what is stored of each agent, what is missing, what was refused')
    .option('--config <file>', 'configuration', DEFAULT_CONFIG_PATH)
    .option('--json', 'one JSON object on one line', false)
    .addHelpText('after', '\nExample:\n  fieldtap-hub status --config ./hub.yaml --json\n')
    .action(async (options: { config: string; json: boolean }) => {
      const { status } = await import('./commands/status.ts');
      await status(options);
    });
  program
    .command('check-config')
    .description('check a configuration: every fault with line, problem and remedy')
    .argument('[file]', 'configuration', DEFAULT_CONFIG_PATH)
    .addHelpText('after', '\nExample:\n  fieldtap-hub check-config ./hub.yaml\n')
    .action(async (file: string) => {
      const { loadHubConfig } = await import('./config.ts');
      loadHubConfig(file);
      process.stdout.write(`${escapeText(file)}: good\n`);
    });
  addAuthority(program, exitWith);
  addReading(program, exitWith);
  addAsking(program, exitWith);
  addArchive(program, exitWith);
  return program;
}
