import { createServer, type RequestListener, type Server } from 'node:http';

/**
 * An HTTP server that closes no idle connection. node:http does after 5 seconds, and where that meets the next request of a
 * client that keeps its connections and tries once, the client reads ECONNRESET: on a machine that stalls this happens.
 */
export function createKeepAliveServer(listener: RequestListener, maxHeaderSize?: number): Server {
  return createServer({ keepAliveTimeout: 0, ...(maxHeaderSize === undefined ? {} : { maxHeaderSize }) }, listener);
}
