import { createRequire } from 'node:module';

/**
 * drizzle-orm, loaded as CommonJS. Node looks into a package's package.json for each of its ES modules; drizzle has some 200
 * and a package.json of 179 kB, which takes 0.4 s of every start of a program. As CommonJS it takes 0.04 s.
 */
const require = createRequire(import.meta.url);
const orm: typeof import('drizzle-orm') = require('drizzle-orm');
const pgCore: typeof import('drizzle-orm/pg-core') = require('drizzle-orm/pg-core');
const nodePostgres: typeof import('drizzle-orm/node-postgres') = require('drizzle-orm/node-postgres');

export type { SQL } from 'drizzle-orm';
export type { NodePgDatabase } from 'drizzle-orm/node-postgres';
export type { PgColumn } from 'drizzle-orm/pg-core';

export const { and, asc, desc, eq, gt, is, isNull, lt, sql } = orm;
export const {
  bigint,
  boolean,
  check,
  getTableConfig,
  index,
  integer,
  jsonb,
  PgDialect,
  PgTable,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
} = pgCore;
export const { NodePgDatabase: NodePgDatabaseClass, NodePgDriver } = nodePostgres;
