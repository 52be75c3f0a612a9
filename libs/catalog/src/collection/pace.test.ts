import { describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

describe('pace', () => {
  it('takes up to 200 rows at a time while the database is quick', () => {
    const pace = new Pace();
    for (let batch = 0; batch < 20; batch++) pace.learn(pace.rows, 5);
    expect(pace.rows).toBe(200);
    pace.learn(3, 1);
    expect(pace.rows).toBe(200);
  });

  it('takes less when batches are slow, but never stops', () => {
    const pace = new Pace();
    for (let batch = 0; batch < 20; batch++) pace.learn(pace.rows, 100);
    expect(pace.rows).toBe(25);
  });

  it('rests as long as its share says', () => {
    expect(new Pace().learn(200, 18)).toBeCloseTo(18);
    expect(new Pace({ share: 0.25 }).learn(200, 10)).toBeCloseTo(30);
    expect(new Pace({ share: 1 }).learn(200, 10)).toBe(0);
  });
});
