/** How one part of the installation is. */
export interface PartHealth {
  readonly name: string;
  readonly status: 'healthy' | 'unhealthy';
  /** What is wrong, for those who run the installation. */
  readonly error?: string;
}

/** Milliseconds after which a part that has not answered counts as unwell. */
const patience = 3_000;

/** Asks a part how it is: `check` resolves when it is well. Never rejects, and never takes longer than 3 s. */
export async function checkHealth(name: string, check: () => Promise<void>): Promise<PartHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patience} ms`)), patience);
  });
  try {
    await Promise.race([check(), late]);
    return { name, status: 'healthy' };
  } catch (error) {
    return { name, status: 'unhealthy', error: error instanceof Error ? error.message : 'failed' };
  } finally {
    clearTimeout(timer);
  }
}
