/** A file of the repository, its path from the root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface TextRule {
  readonly pattern: RegExp;
  readonly message: string;
  /** Paths that the rule does not look at. */
  readonly except?: RegExp;
}

const textRules: readonly TextRule[] = [
  {
    pattern:
      /\b(registry\.npmjs|registry\.yarnpkg|proxy\.golang|index\.crates|files\.pythonhosted|repo1?\.maven)\./,
    message: 'names the host of a package registry: leave the choice to the machine',
  },
  {
    pattern: /(?<![\w.~-])\/(work|root|home\/\w+)\/[\w.]/,
    message: 'names a path of one machine',
    except: /^(libs\/.*\.test\.ts|docs\/guides\/)/,
  },
  {
    pattern: /\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b(?!.*#\d+)/,
    message: 'has a note without an issue number',
    except: /^docs\/reference\//,
  },
  { pattern: /^(<{7}|>{7}) /, message: 'has a conflict marker' },
];

const forbiddenNames = /(^|\/)(index|utils?|common|helpers?|types|misc|constants|interfaces)\.tsx?$/;
const kebabName = /(^|\/)[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.ts$/;
const exported = /^export (abstract class|async function|class|const|function\*?|interface|type) (\w+)/;

/** A sentence with its place for each rule of the house that a file breaks. */
export function checkHouseRules(file: SourceFile): string[] {
  const lines = file.text.split('\n');
  return [...checkName(file.path), ...checkTexts(file.path, lines), ...checkComments(file.path, lines)];
}

function checkName(path: string): string[] {
  if (!path.endsWith('.ts')) return [];
  if (forbiddenNames.test(path))
    return [`${path} has a name that says nothing: name it after its main export`];
  return kebabName.test(path) ? [] : [`${path} must be in kebab-case`];
}

function checkTexts(path: string, lines: readonly string[]): string[] {
  const rules = textRules.filter(({ except }) => except?.test(path) !== true);
  return lines.flatMap((line, index) =>
    rules.filter(({ pattern }) => pattern.test(line)).map(({ message }) => `${path}:${index + 1} ${message}`),
  );
}

/** Every export of a library has a doc comment; an operation or a job has its summary. */
function checkComments(path: string, lines: readonly string[]): string[] {
  if (!/^libs\/[^/]+\/src\/.*\.ts$/.test(path) || /\.test\.ts$|\/migrations\//.test(path)) return [];
  const documented = new Set<string>();
  return lines.flatMap((line, index) => {
    const name = exported.exec(line)?.[2];
    if (name === undefined || / = (operation|job)\(/.test(line)) return [];
    // overloads share the comment of the first, and so do lines without a gap
    const above = exported.exec(lines[index - 1] ?? '')?.[2] ?? '';
    if (documented.has(name) || documented.has(above) || endsComment(lines, index - 1)) {
      documented.add(name);
      return [];
    }
    return [`${path}:${index + 1} exports ${name} without a doc comment`];
  });
}

function endsComment(lines: readonly string[], from: number): boolean {
  let index = from;
  // decorators and lint directives may stand between
  while (/^(@|\/\/ oxlint-|\}\)|  )/.test(lines[index] ?? '')) index -= 1;
  return (lines[index] ?? '').trimEnd().endsWith('*/');
}
