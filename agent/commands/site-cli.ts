/**
 * The commands of whoever stands at the gateway: setup, doctor, status, top, tail, support file,
 * USB stick and probe. Each is loaded only when it is asked for.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';

const CONFIG = '/etc/fieldtap/fieldtap.yaml';
const LISTEN_SECONDS = '3';
const SECONDS_MAX = 600;

export function addSiteCommands(program: Command, exitWith: (code: number) => void): void {
  addSetup(program, exitWith);
  addDoctor(program, exitWith);
  addCarried(program, exitWith);
  addLive(program, exitWith);
  addProbe(program, exitWith);
}

function addSetup(program: Command, exitWith: (code: number) => void): void {
  program
    .command('setup')
    .description('what each interface hears; proposes the mirror port, writes the configuration')
    .option('--config <file>', 'the file to write', CONFIG)
    .option('--seconds <count>', 'listen so long on each interface', wholeSeconds, 5)
    .option('--interface <name...>', 'listen on these, instead of the proposal')
    .option('--name <text>', 'name of the site')
    .option('--sector <word>', 'water, energy...')
    .option('--broker <address>', "the hub's: mqtts://host:port")
    .option('--state <folder>', 'buffer and enrolment lie here', '/var/lib/fieldtap')
    .addOption(
      new Option('--sharing <level>', 'what leaves the site')
        .choices(['minimal', 'standard', 'full'])
        .default('minimal'),
    )
    .option('--yes', 'ask nothing: flags and proposals', false)
    .option('--force', 'write a file anew that is there', false)
    .option('--json', 'one JSON object; asks nothing', false)
    .addHelpText('after', '\nExample:\n  fieldtap setup --yes --name "Waterworks North"\n')
    .action(async (options) => {
      const { setup } = await import('./setup.ts');
      exitWith(await setup(options));
    });
}

/** What is carried away by hand: to a helper, to the hub, and back. */
function addCarried(program: Command, exitWith: (code: number) => void): void {
  program
    .command('bundle')
    .description('one signed support file without secrets; says first what is inside')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--to <file>', 'the file to write', 'fieldtap-support.tar.gz')
    .option('--record <seconds>', 'also so long of the live view', wholeSeconds, 0)
    .option('--yes', 'write it without asking', false)
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap bundle --record 30 --to /tmp/support.tar.gz\n')
    .action(async (options) => {
      const { bundle } = await import('./bundle.ts');
      exitWith(await bundle(options));
    });
  program
    .command('export')
    .description('what the hub has not confirmed yet, signed, onto a stick')
    .requiredOption('--to <folder>', 'where the stick is mounted')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--from <time>', 'only messages signed from here on (ISO 8601)')
    .option('--until <time>', 'only messages signed up to here')
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap export --to /media/stick\n')
    .action(async (options) => {
      const { exportMessages } = await import('./export.ts');
      exitWith(await exportMessages(options));
    });
  program
    .command('import')
    .description("the hub's receipts and advisories from a stick, for the running agent")
    .argument('<path>', 'the file of the hub, or the folder it is in')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--socket <path>', 'control socket of the running agent')
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap import /media/stick\n')
    .action(async (path, options) => {
      const { importFromHub } = await import('./import.ts');
      exitWith(await importFromHub({ ...options, path }));
    });
}

function addDoctor(program: Command, exitWith: (code: number) => void): void {
  program
    .command('doctor')
    .description('what is wrong and what to do')
    .option('--config <file>', 'configuration', CONFIG)
    .option(
      '--seconds <count>',
      'listen so long on each interface',
      wholeSeconds,
      Number(LISTEN_SECONDS),
    )
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap doctor --config ./fieldtap.yaml\n')
    .action(async (options) => {
      const { doctor } = await import('./doctor.ts');
      exitWith(await doctor(options));
    });
}

function addLive(program: Command, exitWith: (code: number) => void): void {
  program
    .command('top')
    .description('live: conversations by rate, writes, alarms, drops (q ends it)')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--socket <path>', 'control socket of the running agent')
    .option('--intervals <count>', 'end after so many seconds', wholeNumber, 0)
    .option('--json', 'one JSON object a second', false)
    .addHelpText('after', '\nExample:\n  fieldtap top\n')
    .action(async (options) => {
      const { top } = await import('./top.ts');
      exitWith(await top(options));
    });
  program
    .command('tail')
    .description('observations and alerts as they come')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--socket <path>', 'control socket of the running agent')
    .option('--lines <count>', 'end after so many lines', wholeNumber, 0)
    .option('--kind <kind...>', 'only these: write, exception, newClient, alert...')
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', '\nExample:\n  fieldtap tail --kind write alert\n')
    .action(async (options) => {
      const { tail } = await import('./tail.ts');
      exitWith(await tail(options));
    });
}

function addProbe(program: Command, exitWith: (code: number) => void): void {
  const probe = program
    .command('probe')
    .description('asks a device, explicitly: off unless probe.allowed, never by a capture port')
    .addHelpText('after', '\nExample:\n  fieldtap probe modbus 10.0.1.9 --unit 1\n');
  const common = (name: string, description: string, example: string): Command =>
    probe
      .command(name)
      .description(description)
      .option('--config <file>', 'configuration', CONFIG)
      .option('--timeout <ms>', 'wait so long for each answer', wholeNumber, 3000)
      .option('--yes', 'send without asking', false)
      .option('--json', 'one JSON object', false)
      .addHelpText('after', `\nExample:\n  fieldtap probe ${example}\n`);
  common('modbus', 'device identification, server id, named registers', 'modbus 10.0.0.9 --unit 1')
    .argument('<target>', 'address[:port], or the path of a serial port')
    .option('--unit <id>', 'unit identifier', unitIdentifier, 1)
    .option('--rtu', 'RTU frames over TCP', false)
    .option('--read <what...>', 'holdingRegister:100:2 and the like')
    .option('--baud-rate <rate>', 'of a serial port', wholeNumber, 9600)
    .addOption(
      new Option('--parity <kind>', 'of a serial port')
        .choices(['none', 'even', 'odd'])
        .default('even'),
    )
    .action(async (target, options) => {
      const { probeModbus } = await import('./probe.ts');
      exitWith(await probeModbus(target, options));
    });
  common('opcua', 'endpoints, servers, policies, certificates', 'opcua 10.0.0.7 --session')
    .argument('<target>', 'address[:port]')
    .option('--session', 'also an anonymous session: BuildInfo', false)
    .action(async (target, options) => {
      const { probeOpcua } = await import('./probe.ts');
      exitWith(await probeOpcua(target, options));
    });
}

/** One byte on the wire: a greater number would ask another device than the one that was named. */
function unitIdentifier(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0 || value > 255) {
    throw new InvalidArgumentError('It takes 0 to 255.');
  }
  return value;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < 0) {
    throw new InvalidArgumentError('It takes a whole number, 0 or more.');
  }
  return value;
}

function wholeSeconds(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 0 || value > SECONDS_MAX) {
    throw new InvalidArgumentError(`It takes 0 to ${SECONDS_MAX}.`);
  }
  return value;
}
