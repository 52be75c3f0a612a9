import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import type { ResultOf } from '@entrepot/api-contract/operation';
import { getPing } from '@entrepot/api-contract/system';
import { checkCoverage } from './coverage.ts';
import { Endpoint } from './endpoint.ts';

@Controller()
class Twice {
  @Endpoint(getPing)
  async first(): Promise<ResultOf<typeof getPing>> {
    return 'Pong';
  }

  @Endpoint(getPing)
  async second(): Promise<ResultOf<typeof getPing>> {
    return 'Pong';
  }
}

describe('checkCoverage', () => {
  it('names the operations that nobody handles', () => {
    expect(() => checkCoverage([])).toThrow(/getPing has no handler.*|listProjects has no handler/);
    expect(() => checkCoverage([Twice])).not.toThrow(/getPing has no handler/);
  });

  it('names the operations that two handle', () => {
    expect(() => checkCoverage([Twice])).toThrow(/getPing has two handlers/);
  });
});
