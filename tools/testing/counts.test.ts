import { describe, expect, test } from 'vitest';
import { addCounts, countReport, listSkipped, type VitestReport } from './counts.ts';

function aReport(changes: Partial<VitestReport> = {}): VitestReport {
  return {
    success: true,
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 1,
    numTodoTests: 1,
    testResults: [],
    ...changes,
  };
}

describe('countReport', () => {
  test('counts what passed, failed and was skipped', () => {
    expect(countReport(aReport({ numFailedTests: 2, success: false }), 1)).toEqual({
      passed: 3,
      failed: 2,
      skipped: 2,
    });
  });

  test('counts a file that failed before its first test', () => {
    const broken = { name: '/r/a.test.ts', status: 'failed', assertionResults: [] };
    expect(countReport(aReport({ success: false, testResults: [broken, broken] }), 1).failed).toBe(2);
  });

  test('counts an error outside of any test', () => {
    expect(countReport(aReport(), 1).failed).toBe(1);
  });

  test('counts a run that left no report as failed', () => {
    expect(countReport(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

test('adds counts', () => {
  const one = { passed: 1, failed: 2, skipped: 3 };
  expect(addCounts([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
  expect(addCounts([])).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test('names the tests that did not run', () => {
  const file = {
    name: '/r/e2e/docker.e2e.test.ts',
    status: 'passed',
    assertionResults: [
      { status: 'skipped', fullName: 'docker pushes' },
      { status: 'passed', fullName: 'docker pulls' },
    ],
  };
  expect(listSkipped(aReport({ testResults: [file] }), '/r')).toEqual([
    'e2e/docker.e2e.test.ts: docker pushes',
  ]);
});
