import { describe, expect, it } from 'vitest';
import { isAcceptablePassword } from './password-policy.ts';
import { generateRobotSecret, hashRobotSecret, matchesRobotSecret } from './robot-secret.ts';

describe('generateRobotSecret', () => {
  it('needs no quotes anywhere and keeps the rule of passwords', () => {
    const secrets = Array.from({ length: 200 }, generateRobotSecret);
    for (const secret of secrets) {
      expect(secret).toMatch(/^[A-Za-z0-9]{43}$/);
      expect(isAcceptablePassword(secret)).toBe(true);
    }
    expect(new Set(secrets).size).toBe(200);
  });
});

describe('matchesRobotSecret', () => {
  it('takes any of the live secrets and nothing else', () => {
    const [one, two, three] = [generateRobotSecret(), generateRobotSecret(), generateRobotSecret()];
    const stored = [hashRobotSecret(one), hashRobotSecret(two)];
    expect(matchesRobotSecret(one, stored)).toBe(true);
    expect(matchesRobotSecret(two, stored)).toBe(true);
    expect(matchesRobotSecret(three, stored)).toBe(false);
    expect(matchesRobotSecret(one, [])).toBe(false);
    expect(matchesRobotSecret(one, [Buffer.alloc(0)])).toBe(false);
  });
});
