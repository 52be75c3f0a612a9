import { describe, expect, it } from 'vitest';
import { knownNames } from './load-config.ts';
import { nearestName } from './nearest-name.ts';

describe('nearestName', () => {
  it.each([
    ['ENTREPOT_PORT', 'ENTREPOT_HTTP_PORT'],
    ['ENTREPOT_HOST', 'ENTREPOT_HTTP_HOST'],
    ['ENTREPOT_DTA', 'ENTREPOT_DATA'],
    ['ENTREPOT_HTP_HOST', 'ENTREPOT_HTTP_HOST'],
    ['ENTREPOT_DATA_DIR', 'ENTREPOT_DATA'],
    ['ENTREPOT_STORAGE_DIR', 'ENTREPOT_STORAGE_DIRECTORY'],
    ['ENTREPOT_DATABSE_URL', 'ENTREPOT_DATABASE_URL'],
    ['ENTREPOT_PASSWORD', 'ENTREPOT_ADMIN_PASSWORD'],
    ['ENTREPOT_READONLY', 'ENTREPOT_READ_ONLY'],
  ])('of %s is %s', (name, meant) => {
    expect(nearestName(name, knownNames())).toBe(meant);
  });

  it('is none where nothing is near', () => {
    expect(nearestName('ENTREPOT_FROBNICATION', knownNames())).toBeUndefined();
    expect(nearestName('ENTREPOT_FROB', knownNames())).toBeUndefined();
    expect(nearestName('foo', ['help', 'serve'])).toBeUndefined();
  });

  it('is none where several share the one word', () => {
    expect(nearestName('URL', ['DATABASE_URL', 'EXTERNAL_URL'])).toBeUndefined();
  });
});
