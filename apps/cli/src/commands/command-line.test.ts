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
    [['--version'], { name: 'version' }],
    [['serve', '--help'], { name: 'help' }],
    [[], { name: 'help' }],
  ])('%j', (args, command) => {
    expect(parseCommandLine(args)).toEqual(command);
  });

  it('says what was meant', () => {
    expect(() => parseCommandLine(['migrat'])).toThrow(/did you mean migrate\?/);
    expect(() => parseCommandLine(['serve', 'jobservise'])).toThrow(/did you mean serve jobservice\?/);
  });

  it('shows the usage when nothing is near', () => {
    expect(() => parseCommandLine(['frobnicate'])).toThrow(/there is no command 'frobnicate'[^]*Usage:/);
  });

  it('refuses options that mean nothing', () => {
    expect(() => parseCommandLine(['serve', '--port', '1'])).toThrow(/--port/);
    expect(() => parseCommandLine(['serve', '--user', 'a'])).toThrow(/goes with admin reset-password/);
    expect(() => parseCommandLine(['rebuild', '--repair'])).toThrow(/--repair goes with verify only/);
    expect(() => parseCommandLine(['verify', '--sample', '101'])).toThrow(/from 0 to 100/);
  });
});
