/** Does the work for each item, `atOnce` at a time; the first failure ends it once those under way have settled. */
export async function fewAtOnce<Item>(
  items: AsyncIterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.asyncIterator]();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let next = await left.next(); next.done !== true; next = await left.next()) {
      if (failures.length > 0) return;
      await work(next.value);
    }
  };
  const guarded = (): Promise<unknown> => worker().catch((error: unknown) => failures.push(error));
  await Promise.all(Array.from({ length: atOnce }, guarded));
  await left.return?.();
  if (failures.length > 0) throw failures[0];
}
