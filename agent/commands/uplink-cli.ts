/** The commands about what leaves the site and what the hub says back. */
import { type Command, InvalidArgumentError } from 'commander';

const CONFIG = '/etc/fieldtap/fieldtap.yaml';
const COUNT_MAX = 100;

export function addUplinkCommands(program: Command, exitWith: (code: number) => void): void {
  program
    .command('preview')
    .description('exactly the bytes that leave the site next, and what they say')
    .option('--config <file>', 'configuration', CONFIG)
    .option('--socket <path>', 'control socket of the running agent')
    .option('--count <messages>', `at most so many, up to ${COUNT_MAX}`, count, 10)
    .option('--hex', 'the bytes of each message too', false)
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap preview --count 1 --hex\n')
    .action(async (options) => {
      const { preview } = await import('./preview.ts');
      exitWith(await preview(options));
    });
  const advisories = program
    .command('advisories')
    .description("the hub's warnings at this site, and what to do")
    .option('--config <file>', 'configuration', CONFIG)
    .option('--socket <path>', 'control socket of the running agent')
    .option('--json', 'one JSON object', false)
    .addHelpText('after', '\nExample:\n  fieldtap advisories\n')
    .action(async (options) => {
      const module = await import('./advisories.ts');
      exitWith(await module.advisories(options));
    });
  advisories
    .command('acknowledge')
    .description('say that somebody has read it; the hub gets the answer, signed')
    .argument('<advisoryId>', 'as "fieldtap advisories" shows it')
    .option('--by <name>', 'who has read it')
    .addHelpText('after', '\nExample:\n  fieldtap advisories acknowledge FT-2026-014 --by Anna\n')
    .action(async (advisoryId, _options, command) => {
      const module = await import('./advisories.ts');
      exitWith(await module.acknowledgeAdvisory(advisoryId, command.optsWithGlobals()));
    });
}

function count(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < 1 || value > COUNT_MAX) {
    throw new InvalidArgumentError(`It takes 1 to ${COUNT_MAX}.`);
  }
  return value;
}
