/** What is no YAML, in words of ours: what it is, and what to write instead. */

export interface FaultWords {
  readonly problem: string;
  readonly remedy: string;
}

const BRACKET: FaultWords = {
  problem: 'A bracket or brace is opened and not closed, or closed in the wrong place.',
  remedy: 'Close each [ with ] and each { with }, in the order in which they were opened.',
};
const INDENT: FaultWords = {
  problem: 'The indentation of this line does not fit the lines above it.',
  remedy: 'Begin keys of one section in the same column, with spaces.',
};
const COLON: FaultWords = {
  problem: 'This line has a second ": ", or a value and keys of its own below it.',
  remedy: 'One key a line ("name: eth1"); put a text that holds ": " in quotes.',
};
const UNCLEAR: FaultWords = {
  problem: 'This line can not be understood.',
  remedy: 'Check indentation, quotes and brackets near this line.',
};

/** By the codes of the package `yaml` (its documentation, "Errors"). */
const WORDS = new Map<string, FaultWords>([
  [
    'DUPLICATE_KEY',
    {
      problem: 'This key stands twice in its section.',
      remedy: 'Keep one of the two, with all that belongs to it below it.',
    },
  ],
  [
    'TAB_AS_INDENT',
    {
      problem: 'This line is indented with a tab.',
      remedy: 'Indent with spaces: two for each level.',
    },
  ],
  [
    'MISSING_CHAR',
    {
      problem: 'A quote, comma or bracket is missing here or just before.',
      remedy: 'Close each quote and bracket, and put a comma between the parts of a list.',
    },
  ],
  [
    'BAD_SCALAR_START',
    {
      problem: 'A value begins with a character that means something else in YAML (@, `, %).',
      remedy: 'Put the value in quotes: "@value".',
    },
  ],
  [
    'MULTIPLE_DOCS',
    {
      problem: 'The file holds several documents ("---" between them).',
      remedy: 'Keep one, and remove the lines "---".',
    },
  ],
  ['BAD_INDENT', INDENT],
  ['BLOCK_IN_FLOW', BRACKET],
  ['BLOCK_AS_IMPLICIT_KEY', COLON],
  ['MULTILINE_IMPLICIT_KEY', COLON],
  ['UNEXPECTED_TOKEN', INDENT],
]);

/** `message`: of the package; a list that isn't closed is told there alone. */
export function syntaxWords(code: string, message: string): FaultWords {
  const isFlow = /^(Flow|Missing ,)/.test(message);
  const { problem, remedy } = isFlow ? BRACKET : (WORDS.get(code) ?? UNCLEAR);
  return { problem: `This is not YAML. ${problem}`, remedy };
}
