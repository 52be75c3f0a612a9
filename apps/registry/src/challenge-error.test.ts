import { expect, test } from 'vitest';
import { ChallengeError } from './challenge-error.ts';

test('repeats the reason in a challenge that names an error, for answers that have no body', () => {
  const { challenge } = new ChallengeError(
    'no "such" thing: a\\b é',
    'Bearer realm="r",error="invalid_token"',
  );
  expect(challenge).toBe(`Bearer realm="r",error="invalid_token",error_description="no 'such' thing: a'b ?"`);
});

test('leaves the challenge to somebody without credentials alone', () => {
  expect(new ChallengeError('log in', 'Bearer realm="r",service="s"').challenge).toBe(
    'Bearer realm="r",service="s"',
  );
});
