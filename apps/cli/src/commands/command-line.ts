import { parseArgs } from 'node:util';
import { AppError } from '@entrepot/errors/app-error';
import { nearestName } from '../config/nearest-name.ts';

const appNames = ['registry', 'core', 'jobservice'] as const;

/** The apps that can be processes of their own. */
export type AppName = (typeof appNames)[number];

/** What the command line asks for. */
export type Command =
  | { readonly name: 'migrate' | 'rebuild' | 'export-links' | 'help' | 'version' }
  /** Without an app: all of them, behind one port. */
  | { readonly name: 'serve'; readonly app?: AppName }
  | { readonly name: 'reset-password'; readonly user: string };

/** The text of `--help`. */
export const usage = `Usage: entrepot <command>

  serve                    starts everything behind one port
  serve registry           starts one app as a process of its own: docs/guides/services.md
  serve core
  serve jobservice
  migrate                  brings the database to this version
  rebuild                  makes the database of a storage that registry:2, Harbor or Entrepot wrote; adds only
  export-links             writes the files by which registry:2 can serve the storage
  admin reset-password     makes a new password for the administrator and prints it
    --user <name>          of another administrator than admin

  --help, --version

Settings are environment variables: docs/reference/configuration.md lists them.
`;

const commands = [
  'serve',
  ...appNames.map((app) => `serve ${app}`),
  'migrate',
  'rebuild',
  'export-links',
  'admin reset-password',
];

/** Reads the arguments after the program's name. Throws `BAD_REQUEST` with what is meant instead. */
export function parseCommandLine(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  if (values.help === true) return { name: 'help' };
  if (values.version === true) return { name: 'version' };
  const words = positionals.join(' ');
  if (values.user !== undefined && words !== 'admin reset-password') {
    throw new AppError('BAD_REQUEST', '--user goes with admin reset-password only');
  }
  return findServe(words) ?? otherCommand(words, values.user);
}

function findServe(words: string): Command | undefined {
  if (words === 'serve') return { name: 'serve' };
  const app = appNames.find((name) => words === `serve ${name}`);
  return app === undefined ? undefined : { name: 'serve', app };
}

function otherCommand(words: string, user: string | undefined): Command {
  switch (words) {
    case 'migrate':
    case 'rebuild':
    case 'export-links':
      return { name: words };
    case 'admin reset-password':
      return { name: 'reset-password', user: user ?? 'admin' };
    case '':
      return { name: 'help' };
    default:
      throw unknown(words);
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        user: { type: 'string' },
      },
    });
  } catch (cause) {
    throw new AppError('BAD_REQUEST', `${cause instanceof Error ? cause.message : ''}\n\n${usage}`, {
      cause,
    });
  }
}

function unknown(words: string): AppError {
  const nearest = nearestName(words, commands);
  const hint = nearest === undefined ? `\n\n${usage}` : `did you mean ${nearest}?`;
  return new AppError('BAD_REQUEST', `there is no command '${words}': ${hint}`);
}
