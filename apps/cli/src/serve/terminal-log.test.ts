import { describe, expect, it } from 'vitest';
import { formatLine } from './terminal-log.ts';

describe('formatLine', () => {
  it('shows time, event and fields', () => {
    const line =
      '{"level":"info","time":"2026-01-02T03:04:05.000Z","method":"PUT","path":"/a b","msg":"request"}';
    expect(formatLine(line)).toMatch(/^\d\d:\d\d:05 request method=PUT path="\/a b"$/);
  });

  it('names the level of what matters, and shows an error with its stack', () => {
    const line =
      '{"level":"error","time":"2026-01-02T03:04:05.000Z","err":{"message":"no","stack":"Error: no\\n  at x"},"msg":"failed"}';
    const shown = formatLine(line);
    expect(shown).toContain('error failed');
    expect(shown).toContain('    Error: no\n      at x');
  });

  it('leaves alone what is no JSON', () => {
    expect(formatLine('plain words')).toBe('plain words');
  });
});
