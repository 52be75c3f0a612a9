import { parseArgs } from 'node:util';
import { AppError } from '@entrepot/errors/app-error';
import { knownNames } from '../config/load-config.ts';
import { nearestName } from '../config/nearest-name.ts';

const appNames = ['registry', 'core', 'jobservice'] as const;

/** The apps that can be processes of their own. */
export type AppName = (typeof appNames)[number];

/** What the command line asks for. */
export type Command = { readonly name: 'help' | 'version' } | ConfiguredCommand;

/** What needs the settings. */
export type ConfiguredCommand =
  | { readonly name: 'migrate' | 'rebuild' | 'export-links' }
  /** Without an app: all of them, behind one port. */
  | { readonly name: 'serve'; readonly app?: AppName }
  | { readonly name: 'reset-password'; readonly user: string }
  | {
      readonly name: 'verify';
      readonly repair: boolean;
      readonly samplePercent: number;
      readonly mostWrongPercent: number;
    }
  | { readonly name: 'backup'; readonly to: string; readonly keep: number; readonly withBlobs: boolean }
  | {
      readonly name: 'restore';
      readonly from: string;
      readonly generation: string | undefined;
      readonly acceptsLoss: boolean;
    };

/** The text of `--help`. */
export const usage = `Usage: entrepot <command>

  serve                    starts everything behind one port
  serve registry           starts one app as a process of its own: docs/guides/services.md
  serve core
  serve jobservice
  migrate                  brings the database to this version
  rebuild                  makes the database of a storage that registry:2, Harbor or Entrepot wrote; adds only
  export-links             writes the files by which registry:2 can serve the storage
  verify                   compares database and storage, both ways
    --repair               marks what is damaged, so that the next push heals it; removes nothing
    --sample <per cent>    of the blobs that are read and hashed; 1 unless given
    --most-wrong <per cent>  repairs nothing when more is wrong; 1 unless given
  backup                   backs up database and blobs while the server runs: docs/guides/backup.md
    --to <directory>       of this instance's backups; only what is new is copied
    --keep <number>        of backups of the database that stay; 7 unless given
    --without-blobs        leaves out the bytes, which are kept safe by other means
  restore                  restores a backup into an instance without content
    --from <directory>     that backup --to was given
    --generation <name>    another than the newest
    --incomplete           although bytes are lost; the next push heals those
  admin reset-password     makes a new password for the administrator and prints it
    --user <name>          of another administrator than admin

  help, --help, --version

Settings are environment variables: docs/reference/configuration.md lists them.
`;

interface Options {
  readonly help?: boolean | undefined;
  readonly version?: boolean | undefined;
  readonly user?: string | undefined;
  readonly repair?: boolean | undefined;
  readonly sample?: string | undefined;
  readonly 'most-wrong'?: string | undefined;
  readonly to?: string | undefined;
  readonly keep?: string | undefined;
  readonly 'without-blobs'?: boolean | undefined;
  readonly from?: string | undefined;
  readonly generation?: string | undefined;
  readonly incomplete?: boolean | undefined;
}

/** A command: the options that it takes, and what it is with them. */
interface Form {
  readonly options: readonly (keyof Options)[];
  read(options: Options): Command;
}

const forms: Readonly<Record<string, Form>> = {
  serve: { options: [], read: () => ({ name: 'serve' }) },
  ...Object.fromEntries(
    appNames.map((app): [string, Form] => [
      `serve ${app}`,
      { options: [], read: () => ({ name: 'serve', app }) },
    ]),
  ),
  migrate: { options: [], read: () => ({ name: 'migrate' }) },
  rebuild: { options: [], read: () => ({ name: 'rebuild' }) },
  'export-links': { options: [], read: () => ({ name: 'export-links' }) },
  verify: {
    options: ['repair', 'sample', 'most-wrong'],
    read: (options) => ({
      name: 'verify',
      repair: options.repair === true,
      samplePercent: readPercent(options, 'sample'),
      mostWrongPercent: readPercent(options, 'most-wrong'),
    }),
  },
  backup: {
    options: ['to', 'keep', 'without-blobs'],
    read: (options) => ({
      name: 'backup',
      to: readDirectory(options, 'to'),
      keep: readKeep(options.keep ?? '7'),
      withBlobs: options['without-blobs'] !== true,
    }),
  },
  restore: {
    options: ['from', 'generation', 'incomplete'],
    read: (options) => ({
      name: 'restore',
      from: readDirectory(options, 'from'),
      generation: options.generation,
      acceptsLoss: options.incomplete === true,
    }),
  },
  'admin reset-password': {
    options: ['user'],
    read: ({ user }) => ({ name: 'reset-password', user: user ?? 'admin' }),
  },
};

/** Reads the arguments after the program's name. Throws `BAD_REQUEST` with what is meant instead. */
export function parseCommandLine(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  if (values.help === true || positionals[0] === 'help') return { name: 'help' };
  if (values.version === true) return { name: 'version' };
  const words = positionals.join(' ');
  if (words === '') return { name: 'help' };
  const form = Object.hasOwn(forms, words) ? forms[words] : undefined;
  if (form === undefined) throw unknown(words);
  refuseOthers(words, form, values);
  return form.read(values);
}

function refuseOthers(words: string, form: Form, values: Options): void {
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : name));
  const stray = given.find((name) => !form.options.some((option) => option === name));
  if (stray === undefined) return;
  const owner = Object.keys(forms).find((other) => forms[other]?.options.some((option) => option === stray));
  throw new AppError('BAD_REQUEST', `--${stray} goes with ${owner ?? ''} only, not with ${words}`);
}

function readPercent(options: Options, name: 'sample' | 'most-wrong'): number {
  const text = options[name] ?? '1';
  const percent = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && percent <= 100) return percent;
  throw new AppError('BAD_REQUEST', `--${name} ${text} is no per cent: give a number from 0 to 100`);
}

function readDirectory(options: Options, name: 'to' | 'from'): string {
  const path = options[name] ?? '';
  if (path !== '') return path;
  const command = name === 'to' ? 'backup' : 'restore';
  throw new AppError(
    'BAD_REQUEST',
    `${command} needs a directory: entrepot ${command} --${name} <directory>`,
  );
}

function readKeep(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new AppError('BAD_REQUEST', `--keep ${text} is no number of backups: give one from 1 to 9999`);
}

function parse(args: readonly string[]): { values: Options; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        user: { type: 'string' },
        repair: { type: 'boolean' },
        sample: { type: 'string' },
        'most-wrong': { type: 'string' },
        to: { type: 'string' },
        keep: { type: 'string' },
        'without-blobs': { type: 'boolean' },
        from: { type: 'string' },
        generation: { type: 'string' },
        incomplete: { type: 'boolean' },
      },
    });
  } catch (cause) {
    throw new AppError('BAD_REQUEST', whyUnreadable(cause), { cause });
  }
}

// node's own advice is how to pass a word that begins with a dash, and no command takes one
function whyUnreadable(cause: unknown): string {
  const words = cause instanceof Error ? cause.message : '';
  const option = /^Unknown option '([^']+)'/.exec(words)?.[1];
  if (option === undefined) return `${words}; entrepot --help lists the options`;
  const name = `ENTREPOT_${option.replace(/^-+/, '').replaceAll('-', '_').toUpperCase()}`;
  const setting = nearestName(name, knownNames());
  const example = setting === undefined ? '' : `: did you mean ${setting}?`;
  return (
    `there is no option ${option}, settings are environment variables${example} ` +
    '(docs/reference/configuration.md lists them, entrepot --help the options)'
  );
}

function unknown(words: string): AppError {
  const nearest = nearestName(words, Object.keys(forms));
  const hint =
    nearest === undefined
      ? `the commands are ${Object.keys(forms).join(', ')} and help`
      : `did you mean ${nearest}?`;
  return new AppError('BAD_REQUEST', `there is no command '${words}': ${hint}`);
}
