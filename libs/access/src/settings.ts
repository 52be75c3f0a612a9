import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';

/** Settings that an administrator changes while the product runs, with what they are until then. */
export const settingDefaults = {
  /** Who may create projects: everybody who can log in, or administrators. */
  projectCreation: 'everyone' satisfies ProjectCreation as ProjectCreation,
  /** Whether visitors may make themselves an account. */
  selfRegistration: false as boolean,
};

/** Values of the setting `projectCreation`. */
export type ProjectCreation = 'everyone' | 'administrators';

/** The settings, all present. */
export type Settings = Readonly<typeof settingDefaults>;

const read = statement<{ name: string; value: unknown }>('setting.list', 'SELECT name, value FROM setting');
const write = statement(
  'setting.write',
  `INSERT INTO setting (name, value) VALUES ($1, $2)
   ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = now()`,
);

const accepted: { readonly [Name in keyof Settings]: (value: unknown) => value is Settings[Name] } = {
  projectCreation: (value) => value === 'everyone' || value === 'administrators',
  selfRegistration: (value) => typeof value === 'boolean',
};

/** Reads every setting, in one statement. A stored value that this version does not accept counts as absent. */
export async function readSettings(database: Database): Promise<Settings> {
  const stored = new Map((await database.run(read)).map((row) => [row.name, row.value]));
  const pick = <Name extends keyof Settings>(name: Name): Settings[Name] => {
    const value = stored.get(name);
    return accepted[name](value) ? value : settingDefaults[name];
  };
  return {
    projectCreation: pick('projectCreation'),
    selfRegistration: pick('selfRegistration'),
  };
}

/** Writes some settings, in the running transaction. `BAD_REQUEST` names a value that is not accepted. */
export async function writeSettings(database: Database, changes: Partial<Settings>): Promise<void> {
  for (const [name, value] of Object.entries(changes)) {
    if (!isSettingName(name) || !accepted[name](value)) {
      throw new AppError('BAD_REQUEST', `setting ${name}: not a value that it can have`);
    }
    await database.run(write, [name, JSON.stringify(value)]);
  }
}

function isSettingName(name: string): name is keyof Settings {
  return Object.hasOwn(accepted, name);
}
