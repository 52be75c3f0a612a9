import type { Plan } from './plan.ts';
import { runPlan } from './run-plan.ts';

// Whoever started it has ended, or wants no more of it.
process.on('disconnect', () => process.exit());

// The process that makes the load: its processor time must not be mistaken for a server's.
process.on('message', ({ id, plan }: { id: number; plan: Plan }) => {
  runPlan(plan).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) =>
      process.send?.({ id, problem: error instanceof Error ? error.message : String(error) }),
  );
});
