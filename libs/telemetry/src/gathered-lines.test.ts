import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GatheredLines } from './gathered-lines.ts';

describe('gathered lines', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  function capture(): { written: string[]; lines: GatheredLines } {
    const written: string[] = [];
    const lines = new GatheredLines({
      write: (some) => written.push(some),
      writeNow: (some) => written.push(`now ${some}`),
    });
    return { written, lines };
  }

  /** Arguments of a node that writes lines to its standard output. */
  function argumentsFor(script: string): string[] {
    const source = new URL('gathered-lines.ts', import.meta.url).href;
    const whole = `
      import { openStandardOutput } from '${source}';
      const output = openStandardOutput();
      const line = (n) => output.write('line ' + n + '\\n');
      ${script}`;
    return ['--conditions=entrepot-source', '--input-type=module', '-e', whole];
  }

  it('are one write, a moment after the first of them', () => {
    vi.useFakeTimers();
    const { written, lines } = capture();
    lines.write('one\n');
    vi.advanceTimersByTime(15);
    lines.write('two\n');
    expect(written).toEqual([]);
    vi.advanceTimersByTime(5);
    expect(written).toEqual(['one\ntwo\n']);
    lines.write('three\n');
    vi.advanceTimersByTime(1000);
    expect(written).toEqual(['one\ntwo\n', 'three\n']);
  });

  it('are written once when they are asked for at once', () => {
    vi.useFakeTimers();
    const { written, lines } = capture();
    lines.write('one\n');
    lines.flushSync();
    vi.advanceTimersByTime(1000);
    expect(written).toEqual(['now one\n']);
  });

  it('end quietly when nobody reads them', async () => {
    const end = `setTimeout(() => { line(1); process.exit(3) }, 100)`;
    const child = spawn(process.execPath, argumentsFor(end), { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect({ said, code }).toEqual({ said: '', code: 3 });
  });

  it.each([
    ['an exit', 'process.exit(3)', 3],
    ['its natural end', '', 0],
    ['an error that nobody caught', 'setTimeout(() => { throw new Error("late") }, 1)', 1],
    [
      'an exit while a write is under way',
      'setTimeout(() => { for (let i = 3; i <= 2000; i++) line(i); process.exit(0) }, 21)',
      0,
    ],
  ])('are all there, in order, after %s', async (_, end, code) => {
    const result = await new Promise<{ code: unknown; lines: string[] }>((resolve) => {
      execFile(process.execPath, argumentsFor(`line(1); line(2); ${end}`), (error, stdout) =>
        resolve({ code: error === null ? 0 : error.code, lines: stdout.trimEnd().split('\n') }),
      );
    });
    expect(result.code).toBe(code);
    expect(result.lines).toEqual(result.lines.map((_line, index) => `line ${index + 1}`));
    expect(result.lines.length).toBeGreaterThanOrEqual(end.includes('2000') ? 2000 : 2);
  });
});
