import { describe, expect, it } from 'vitest';
import { allowedMethods } from './known-paths.ts';

describe('allowedMethods', () => {
  it.each([
    ['/api/v2.0/projects?page=1', ['GET', 'POST', 'HEAD']],
    ['/api/v2.0/projects/7/', ['GET', 'PUT', 'DELETE']],
    ['/api/v2.0/projects/7/members/3', ['GET', 'PUT', 'DELETE']],
    ['/api/v2x0/projects', []],
    ['/api/v2.0/projects/7/nothing', []],
    ['/api/v2.0', []],
  ])('of %s are %j', (url, methods) => {
    expect(allowedMethods(url).toSorted()).toEqual(methods.toSorted());
  });
});
