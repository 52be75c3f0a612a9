import { expect, it } from 'vitest';
import { describeSettings, type SettingDescription } from './describe-settings.ts';

function find(name: string): SettingDescription | undefined {
  return describeSettings().find(({ names }) => names.includes(name));
}

it.each([
  ['ENTREPOT_HTTP_PORT', '8080', '0–65535'],
  ['ENTREPOT_DRAIN_SECONDS', undefined, '0–300'],
  ['ENTREPOT_STORAGE_DRIVER', 'filesystem', '`filesystem`, `s3`'],
  ['ENTREPOT_READ_ONLY', 'false', '`true`, `false`'],
  ['ENTREPOT_DATA', './data', undefined],
])('%s is shown with what it may be', (name, value, allowed) => {
  expect(find(name)).toMatchObject({ default: value, allowed });
});

it('a secret may come from a file', () => {
  expect(find('ENTREPOT_ADMIN_PASSWORD_FILE')?.names).toEqual([
    'ENTREPOT_ADMIN_PASSWORD',
    'ENTREPOT_ADMIN_PASSWORD_FILE',
  ]);
});
