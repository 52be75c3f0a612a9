import { readFileSync } from 'node:fs';
import { AppError } from '@entrepot/errors/app-error';
import { configSchema, environmentName, isSecret, type Config } from './config.ts';
import { nearestName } from './nearest-name.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const members = Object.entries(configSchema.shape);
const fileSuffix = '_FILE';

/**
 * The settings of an environment. Throws `CONFIG_INVALID` with all problems at once, a line each with its fix:
 * values, files that cannot be read, and names that begin with `ENTREPOT_` and mean nothing.
 */
export function loadConfig(environment: Environment): Config {
  const problems: string[] = [...unknownNames(environment)];
  const values: Record<string, string> = {};
  for (const [member, schema] of members) {
    const value = isSecret(schema)
      ? readSecret(environment, environmentName(member), problems)
      : given(environment, environmentName(member));
    if (value !== undefined) values[member] = value;
  }
  const result = configSchema.safeParse(values);
  if (!result.success)
    problems.push(...result.error.issues.map(({ path, message }) => describe(path, message)));
  if (result.success && problems.length === 0) return result.data;
  throw new AppError(
    'CONFIG_INVALID',
    `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n` +
      problems.map((problem) => `  ${problem}`).join('\n'),
  );
}

/** Every name that the environment may hold, secrets' files included. */
export function knownNames(): string[] {
  return members.flatMap(([member, schema]) => {
    const name = environmentName(member);
    return isSecret(schema) ? [name, name + fileSuffix] : [name];
  });
}

// an empty variable is how compose files and unit files say "not set"
function given(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}

function describe(path: readonly PropertyKey[], message: string): string {
  return `${environmentName(String(path[0]))} ${message}`;
}

function readSecret(environment: Environment, name: string, problems: string[]): string | undefined {
  const value = given(environment, name);
  const file = given(environment, name + fileSuffix);
  if (file === undefined) return value;
  if (value !== undefined) {
    problems.push(`${name} and ${name}${fileSuffix} are both set: keep one of them`);
    return undefined;
  }
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch {
    problems.push(`${name}${fileSuffix} must name a file that this user can read, and ${file} is none`);
    return undefined;
  }
}

function unknownNames(environment: Environment): string[] {
  const known = knownNames();
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith('ENTREPOT_') && !known.includes(name),
  );
  return unknown.toSorted().map((name) => {
    const nearest = nearestName(name, known);
    return `${name} is not a setting: ${nearest === undefined ? 'remove it' : `did you mean ${nearest}?`}`;
  });
}
