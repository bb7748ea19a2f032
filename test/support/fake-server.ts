import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RunningFake {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly url: string;
  close(): Promise<void>;
}

/** Starts `server` on a free port of the loopback interface. */
export async function listening(server: Server): Promise<RunningFake> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const end = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await end;
    },
  };
}
