import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './command-line.ts';

describe('parseCommandLine', () => {
  it.each([
    [['serve'], { name: 'serve' }],
    [['serve', 'registry'], { name: 'serve', app: 'registry' }],
    [['serve', 'core'], { name: 'serve', app: 'core' }],
    [['serve', 'jobservice'], { name: 'serve', app: 'jobservice' }],
    [['migrate'], { name: 'migrate' }],
    [['rebuild'], { name: 'rebuild' }],
    [['verify'], { name: 'verify', repair: false, samplePercent: 1, mostWrongPercent: 1 }],
    [
      ['verify', '--repair', '--sample', '100', '--most-wrong', '0.5'],
      { name: 'verify', repair: true, samplePercent: 100, mostWrongPercent: 0.5 },
    ],
    [['export-links'], { name: 'export-links' }],
    [['admin', 'reset-password'], { name: 'reset-password', user: 'admin' }],
    [['admin', 'reset-password', '--user', 'root'], { name: 'reset-password', user: 'root' }],
    [['backup', '--to', '/b'], { name: 'backup', to: '/b', keep: 7, withBlobs: true }],
    [
      ['backup', '--to', '/b', '--keep', '2', '--without-blobs'],
      { name: 'backup', to: '/b', keep: 2, withBlobs: false },
    ],
    [
      ['restore', '--from', '/b', '--generation', 'g', '--incomplete'],
      { name: 'restore', from: '/b', generation: 'g', acceptsLoss: true },
    ],
    [['--version'], { name: 'version' }],
    [['serve', '--help'], { name: 'help' }],
    [['help'], { name: 'help' }],
    [['help', 'serve'], { name: 'help' }],
    [[], { name: 'help' }],
  ])('%j', (args, command) => {
    expect(parseCommandLine(args)).toEqual(command);
  });

  it('says what was meant', () => {
    expect(() => parseCommandLine(['migrat'])).toThrow(/did you mean migrate\?/);
    expect(() => parseCommandLine(['serve', 'jobservise'])).toThrow(/did you mean serve jobservice\?/);
  });

  it.each(['frobnicate', 'foo'])('lists the commands when nothing is near %s', (word) => {
    expect(() => parseCommandLine([word])).toThrow(
      new RegExp(`^there is no command '${word}': the commands are serve, .*verify, .* and help$`),
    );
  });

  it('says of an option that does not exist that settings are environment variables', () => {
    expect(() => parseCommandLine(['serve', '--port', '1'])).toThrow(
      /^there is no option --port, settings are environment variables: did you mean ENTREPOT_HTTP_PORT\? [^']*$/,
    );
    expect(() => parseCommandLine(['serve', '-x'])).toThrow(
      /^there is no option -x, settings are environment/,
    );
    expect(() => parseCommandLine(['admin', 'reset-password', '--user'])).toThrow(
      /--user.*argument missing.*--help/,
    );
  });

  it('refuses options that mean nothing', () => {
    expect(() => parseCommandLine(['serve', '--user', 'a'])).toThrow(/goes with admin reset-password/);
    expect(() => parseCommandLine(['rebuild', '--repair'])).toThrow(/--repair goes with verify only/);
    expect(() => parseCommandLine(['verify', '--sample', '101'])).toThrow(/from 0 to 100/);
    expect(() => parseCommandLine(['backup'])).toThrow(/entrepot backup --to <directory>/);
    expect(() => parseCommandLine(['backup', '--to', '/b', '--keep', '0'])).toThrow(/from 1 to 9999/);
  });
});
