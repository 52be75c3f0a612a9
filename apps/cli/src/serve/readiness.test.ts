import { describe, expect, it } from 'vitest';
import { Readiness, type Part } from './readiness.ts';

const well = (name: string, needed = true): Part => ({ name, needed, check: async () => undefined });
const unwell = (name: string, needed: boolean): Part => ({
  name,
  needed,
  check: () => Promise.reject(new Error(`${name} is away`)),
});

function readinessOf(...parts: Part[]): { readiness: Readiness; stop: () => void } {
  const stopping = new AbortController();
  const readiness = new Readiness(stopping.signal);
  readiness.begin(parts);
  return { readiness, stop: () => stopping.abort() };
}

describe('Readiness', () => {
  it('is not ready while the process starts', async () => {
    const report = await new Readiness(new AbortController().signal).report();
    expect(report).toMatchObject({ status: 'not ready', parts: [{ error: 'the process is starting' }] });
  });

  it('is ready when all parts are well', async () => {
    const { readiness } = readinessOf(well('database'), well('redis', false));
    expect((await readiness.report()).status).toBe('ready');
  });

  it('is degraded, and says by what, when a part is away that requests can do without', async () => {
    const { readiness } = readinessOf(well('database'), unwell('redis', false));
    expect(await readiness.report()).toEqual({
      status: 'degraded',
      parts: [
        { name: 'database', status: 'healthy' },
        { name: 'redis', status: 'unhealthy', error: 'redis is away' },
      ],
    });
  });

  it('is not ready without a part that requests need', async () => {
    const { readiness } = readinessOf(unwell('database', true), unwell('redis', false));
    expect((await readiness.report()).status).toBe('not ready');
  });

  it('is not ready once the process stops, however well its parts are', async () => {
    const { readiness, stop } = readinessOf(well('database'));
    expect((await readiness.report()).status).toBe('ready');
    stop();
    expect((await readiness.report()).status).toBe('not ready');
  });

  it('looks once for those who ask at the same time', async () => {
    let looks = 0;
    const { readiness } = readinessOf({
      name: 'database',
      needed: true,
      check: async () => void (looks += 1),
    });
    await Promise.all([readiness.report(), readiness.report()]);
    await readiness.report();
    expect(looks).toBe(1);
  });
});
