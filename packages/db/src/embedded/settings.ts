/**
 * Settings of the server, given on its command line, so that they come before those in the cluster's files and a later version may
 * change them. Nothing here is secret.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // The path of a Unix socket has at most 107 bytes, and the path of a data folder may be longer.
  unix_socket_directories: '',
  cluster_name: 'qwen-edit',
  max_connections: '60',
  shared_buffers: '64MB',
  // Nothing copies the write-ahead log, so it needs no more than recovery after a crash.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  max_wal_size: '256MB',
  fsync: 'on',
  jit: 'off',
  // This saves processes, and shared memory, which containers limit to 64 MB.
  io_method: 'sync',
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  huge_pages: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  // Values of rows, prompts among them, stay out of the log.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

/** Arguments of `postgres` for a cluster on a port of 127.0.0.1. */
export function serverArguments(cluster: string, port: number): string[] {
  return ['-D', cluster, ...serverOptions(port)];
}

/** The same without the folder, for pg_ctl's `-o`. */
export function serverOptions(port: number): string[] {
  return Object.entries({ port: String(port), ...SETTINGS }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
