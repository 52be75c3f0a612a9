import { createServer } from 'node:net';
import { createLogger } from '@entrepot/telemetry/logger';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen, probeAddress, publicSettings } from './listen.ts';

const usual = { settings: publicSettings, log: createLogger({ level: 'silent' }) };

describe('an address that cannot be had', () => {
  it('names the setting of the port when another program has that', async () => {
    const other = createServer();
    const port = await listen(other, { ...usual, host: '127.0.0.1', port: 0 });
    onTestFinished(() => void other.close());
    await expect(probeAddress({ ...usual, host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/another program listens there.*\(ENTREPOT_HTTP_PORT\)$/) as string,
    });
  });

  it.each(['nohost.invalid', '192.0.2.1'])('names the setting of the host when that is %s', async (host) => {
    await expect(probeAddress({ ...usual, host, port: 0 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /^cannot listen on .*: this .*(not known|no such address).* \(ENTREPOT_HTTP_HOST\)$/,
      ) as string,
    });
  });
});
