/**
 * The command line: parse it, run one command, answer its exit code. Each command is loaded only
 * when it is asked for, so that `replay` carries no database and no MQTT.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { addBuffer } from './commands/buffer-cli.ts';
import { addIdentity } from './commands/identity-cli.ts';
import { addKnowledge } from './commands/knowledge-cli.ts';
import { addSiteCommands } from './commands/site-cli.ts';
import { addUplinkCommands } from './commands/uplink-cli.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import { escapeText } from './platform/wire-text.ts';
import { PROGRAM_VERSION } from './version.ts';

/** Exit codes of every command (docs/cli.md): good, a failed check or fault, wrong use. */
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;

/** Runs the command that `argv` (as `process.argv`) names. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = describeProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof OperatorFault) {
      const text = `${error.problem} ${error.remedy}`.split('\n').map(escapeText).join('\n');
      process.stderr.write(`fieldtap: ${text} [${error.code}]\n`);
      return EXIT_FAULT;
    }
    throw error;
  }
}

function describeProgram(exitWith: (code: number) => void): Command {
  const program = new Command('fieldtap')
    .description('Listens to Modbus and OPC UA on a plant network, and never speaks on it.')
    .version(PROGRAM_VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`fieldtap: ${text}`) })
    .addHelpText('after', '\nExample:\n  fieldtap replay capture.pcapng\n');
  addDemo(program, exitWith);
  addRun(program, exitWith);
  addReplay(program, exitWith);
  addDaily(program, exitWith);
  addSiteCommands(program, exitWith);
  addKnowledge(program, exitWith);
  addBuffer(program, exitWith);
  addUplinkCommands(program, exitWith);
  addIdentity(program, exitWith);
  return program;
}

function addDemo(program: Command, exitWith: (code: number) => void): void {
  program
    .command('demo')
    .description('a whole little plant on this machine, from devices to the hub (source checkout)')
    .option('--seconds <count>', 'length of the run, 10 to 3600', seconds, 45)
    .option('--keep', 'leave everything running until Ctrl-C', false)
    .option('--directory <folder>', 'keep agent.db and hub.db here (default: a folder of its own)')
    .option('--json', 'print one final object on one line', false)
    .addHelpText('after', '\nExample:\n  fieldtap demo --seconds 30 --directory /tmp/demo\n')
    .action(async (options) => {
      const { demo } = await import('./commands/demo.ts');
      exitWith(await demo(options));
    });
}

function addRun(program: Command, exitWith: (code: number) => void): void {
  program
    .command('run')
    .description('the agent: capture, buffer and uplink until SIGTERM')
    .option('--config <file>', 'configuration', '/etc/fieldtap/fieldtap.yaml')
    .addHelpText('after', '\nExample:\n  fieldtap run --config /etc/fieldtap/fieldtap.yaml\n')
    .action(async (options) => {
      const { run } = await import('./commands/run.ts');
      exitWith(await run(options));
    });
  program
    .command('check-config')
    .description('check a configuration: every fault with line, problem and remedy')
    .argument('[file]', 'configuration', '/etc/fieldtap/fieldtap.yaml')
    .option('--config <file>', 'the same, as other commands take it')
    .option('--json', 'faults as one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap check-config ./fieldtap.yaml\n')
    .action(async (file, options) => {
      const { checkConfig } = await import('./commands/check-config.ts');
      exitWith(checkConfig({ file: options.config ?? file, json: options.json }));
    });
}

function addReplay(program: Command, exitWith: (code: number) => void): void {
  program
    .command('replay')
    .description('the same analysis on capture files (pcap, pcapng; - reads standard input)')
    .argument('<file...>', 'capture files, or -')
    .option('--records <format>', 'every record on standard output: ndjson')
    .option('--summary <format>', 'one summary object on standard output: json')
    .option('--explain <frame>', 'one frame, field by field, by its number in the file')
    .option('--json', 'with --explain: one object on standard output', false)
    .option('--modbus-port <port...>', 'ports on which Modbus is expected (default 502)')
    .option('--opcua-port <port...>', 'ports on which OPC UA is expected (default 4840)')
    .option('--registers', 'in the summary also polls and what registers and nodes held', false)
    .option('--register-map <file...>', 'names, types and units of Modbus registers (YAML)')
    .addHelpText(
      'after',
      '\nExamples:\n  fieldtap replay capture.pcapng\n' +
        '  tcpdump -i eth1 -w - | fieldtap replay - --records ndjson\n' +
        '  fieldtap replay capture.pcapng --explain 41\n',
    )
    .action(async (files, options, command) => {
      if (options.explain !== undefined) {
        const { replayExplain } = await import('./commands/replay-explain.ts');
        exitWith(await replayExplain(files, options));
        return;
      }
      if (options.json) {
        const text = 'error: --json goes with --explain; for all of a file take --summary json';
        command.error(text, { exitCode: EXIT_USAGE });
      }
      const { replay } = await import('./commands/replay.ts');
      exitWith(await replay(files, options));
    });
}

function addDaily(program: Command, exitWith: (code: number) => void): void {
  program
    .command('status')
    .description('what is: capture, protocols, buffer, uplink')
    .option('--config <file>', 'configuration', '/etc/fieldtap/fieldtap.yaml')
    .option('--socket <path>', 'control socket of the running agent')
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap status --json\n')
    .action(async (options) => {
      const { status } = await import('./commands/status.ts');
      exitWith(await status(options));
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 10 || value > 3600) {
    throw new InvalidArgumentError('It takes 10 to 3600.');
  }
  return value;
}
