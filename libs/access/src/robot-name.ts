/** What every robot's name begins with when it logs in and is shown. */
export const robotPrefix = 'robot$';

// `$` is a variable to every shell: the alias needs no quotes
const prefixes = [robotPrefix, 'robot+'];

/** A robot's name in its parts. */
export interface RobotName {
  /** The project of a project's robot; `undefined` for one of the system. */
  readonly project: string | undefined;
  readonly name: string;
}

/** Reads `robot$name`, `robot$project+name` or either with `robot+` in front; `undefined` for anything else. */
export function parseRobotName(text: string): RobotName | undefined {
  const prefix = prefixes.find((candidate) => text.startsWith(candidate));
  if (prefix === undefined) return undefined;
  const rest = text.slice(prefix.length);
  // the name's own grammar has no plus sign
  const plus = rest.lastIndexOf('+');
  return plus < 0
    ? { project: undefined, name: rest }
    : { project: rest.slice(0, plus), name: rest.slice(plus + 1) };
}

/** The name under which a robot logs in and is shown. */
export function formatRobotName({ project, name }: RobotName): string {
  return robotPrefix + (project === undefined ? name : `${project}+${name}`);
}
