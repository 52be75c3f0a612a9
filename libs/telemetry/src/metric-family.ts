/** What is known of a metric before it is measured: one line of docs/reference/metrics.md. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** `entrepot_<noun>_<unit>`. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending, in the unit of the name. */
  readonly buckets?: readonly number[];
}

/** A value for each label of a metric. */
export type LabelValues<L extends string = string> = Readonly<Record<L, string | number>>;

/** One series of a counter: adding is one addition. Bind it once, outside the hot path. */
export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  samples(name: string, labels: string): string[] {
    return [`${name}${braced(labels)} ${this.value}`];
  }
}

/** One series of a gauge: set by whoever knows it, or read when the metrics are collected. */
export class Gauge {
  value = 0;
  #read: (() => number | Promise<number>) | undefined;

  add(amount: number): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }

  /** Asks `read` at each collection. While it fails, the last value stands. */
  readWith(read: () => number | Promise<number>): void {
    this.#read = read;
  }

  async samples(name: string, labels: string): Promise<string[]> {
    if (this.#read)
      this.value = await Promise.resolve()
        .then(this.#read)
        .catch(() => this.value);
    return [`${name}${braced(labels)} ${this.value}`];
  }
}

/** One series of a histogram. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? Infinity)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  samples(name: string, labels: string): string[] {
    const separator = labels === '' ? '' : ',';
    let total = 0;
    const lines = [...this.#bounds, Infinity].map((bound, index) => {
      total += this.#counts[index] ?? 0;
      const upper = bound === Infinity ? '+Inf' : String(bound);
      return `${name}_bucket{${labels}${separator}le="${upper}"} ${total}`;
    });
    return [...lines, `${name}_sum${braced(labels)} ${this.#sum}`, `${name}_count${braced(labels)} ${total}`];
  }
}

type LabelValue = string | number;

/** A step from label to label, so that a series is found without making a string. */
interface Branch<S> {
  readonly branches: Map<LabelValue | undefined, Branch<S>>;
  series: S | undefined;
}

/** All series of one metric, made as their label values first appear. */
export class MetricFamily<S extends Counter | Gauge | Histogram, L extends string = string> {
  readonly definition: MetricDefinition;
  readonly #make: () => S;
  readonly #root: Branch<S> = { branches: new Map(), series: undefined };
  readonly #series = new Map<string, S>();

  constructor(definition: MetricDefinition, make: () => S) {
    this.definition = definition;
    this.#make = make;
    if (definition.labels.length === 0) this.#create(this.#root, {});
  }

  /** The series of these label values. Values must come from a small closed set. */
  with(values: LabelValues<L>): S {
    const given: Readonly<Record<string, LabelValue>> = values;
    let branch = this.#root;
    for (const label of this.definition.labels) {
      const value = given[label];
      let next = branch.branches.get(value);
      if (!next) branch.branches.set(value, (next = { branches: new Map(), series: undefined }));
      branch = next;
    }
    return branch.series ?? this.#create(branch, given);
  }

  /** In the text exposition format of Prometheus 0.0.4. */
  async render(): Promise<string> {
    const { name, help, type } = this.definition;
    const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    for (const [labels, series] of this.#series) lines.push(...(await series.samples(name, labels)));
    return `${lines.join('\n')}\n`;
  }

  #create(branch: Branch<S>, values: Readonly<Record<string, LabelValue>>): S {
    const labels = this.definition.labels
      .map((label) => `${label}="${escapeValue(values[label])}"`)
      .join(',');
    // 200 and '200' are two branches and one series
    const series = this.#series.get(labels) ?? this.#make();
    this.#series.set(labels, series);
    branch.series = series;
    return series;
  }
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function escapeValue(value: LabelValue | undefined): string {
  return String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
