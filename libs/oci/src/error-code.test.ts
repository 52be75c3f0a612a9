import { describe, expect, it } from 'vitest';
import { ociError, ociErrorCodes } from './error-code.ts';

describe('ociError', () => {
  it('has the form of the specification', () => {
    expect(JSON.stringify(ociError('NAME_UNKNOWN', 'No such name.', { name: 'a' }))).toBe(
      '{"errors":[{"code":"NAME_UNKNOWN","message":"No such name.","detail":{"name":"a"}}]}',
    );
  });

  it('leaves out a detail that is not given', () => {
    expect(ociError('DENIED', 'No.').errors[0]).not.toHaveProperty('detail');
  });

  it('knows the fourteen codes of the specification', () => {
    expect(ociErrorCodes.slice(0, 14)).toContain('TOOMANYREQUESTS');
    expect(new Set(ociErrorCodes).size).toBe(ociErrorCodes.length);
  });
});
