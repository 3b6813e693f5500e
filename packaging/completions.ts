/** Completions for bash, zsh and fish, from what the program says of its commands. */
import { allCommands, type CommandHelp } from './command-help.ts';

export function bashCompletion(help: CommandHelp): string {
  const cases = allCommands(help).map((command) => {
    const words = [...command.commands.map(lastWord), ...longFlags(command)].join(' ');
    return `    "${command.name}") words="${words}" ;;`;
  });
  return `# Completion of fieldtap for bash: commands and options; anything else is a file.
_fieldtap() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) break ;; esac
    case " ${allCommands(help)
      .slice(1)
      .map(({ name }) => name.replaceAll(' ', '+'))
      .join(' ')} " in
    *" \${command:+\${command// /+}+}$word "*) command="\${command:+$command }$word" ;;
    *) break ;;
    esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _fieldtap fieldtap
`;
}

export function zshCompletion(help: CommandHelp): string {
  const cases = help.commands.map((command) => {
    const flags = command.options.flatMap(({ flags, description }) => {
      const long = /--[a-z-]+/.exec(flags)?.[0];
      return long === undefined ? [] : [`'${long}[${zshText(description)}]'`];
    });
    const nested = command.commands.map(lastWord).join(' ');
    const first = nested === '' ? "'*:file:_files'" : `'1:command:(${nested})' '*:file:_files'`;
    return `      ${command.name}) _arguments ${[...flags, first].join(' ')} ;;`;
  });
  const commands = help.commands.map(
    ({ name, description }) => `    '${name}:${zshText(description)}'`,
  );
  return `#compdef fieldtap
# Completion of fieldtap for zsh.
_fieldtap() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  _arguments -C '1:command:->command' '*::argument:->argument'
  case "$state" in
  command) _describe command commands ;;
  argument)
    case "$words[1]" in
${cases.join('\n')}
    esac ;;
  esac
}
_fieldtap "$@"
`;
}

export function fishCompletion(help: CommandHelp): string {
  const lines = [
    '# Completion of fieldtap for fish.',
    'complete -c fieldtap -f -n __fish_use_subcommand',
  ];
  for (const command of help.commands) {
    const { name, description } = command;
    lines.push(
      `complete -c fieldtap -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
    );
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    for (const nested of command.commands) {
      const { description: text } = nested;
      lines.push(`complete -c fieldtap ${inside} -a ${lastWord(nested)} -d ${quoted(text)}`);
    }
    for (const { flags, description: text } of command.options) {
      const long = /--([a-z-]+)/.exec(flags)?.[1];
      if (long !== undefined)
        lines.push(`complete -c fieldtap ${inside} -l ${long} -d ${quoted(text)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function lastWord({ name }: CommandHelp): string {
  return name.split(' ').at(-1) ?? name;
}

function longFlags({ options }: CommandHelp): string[] {
  return options.flatMap(({ flags }) => /--[a-z-]+/.exec(flags)?.[0] ?? []);
}

function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, (each) => `\\${each}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
