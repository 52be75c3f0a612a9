import type { Scale } from './case.ts';

/** A figure with a limit of its own, and no other side. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly value: number;
  readonly unit: 's' | 'MB';
  readonly atMost: number;
}

/** Figures that are measured together, apart from the comparisons. */
export interface FigureCase {
  readonly id: string;
  /** Whether a quick run of everything has it too. */
  readonly isQuick: boolean;
  measure(scale: Scale): Promise<Figure[]>;
}
