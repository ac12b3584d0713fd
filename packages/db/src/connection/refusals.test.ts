import { expect, it } from 'vitest';
import { toDatabaseError } from './database-error.ts';

const thrown = (code: string, message: string): Error =>
  Object.assign(new Error(message), code === '' ? {} : { code, severity: 'FATAL' });

/** As servers and poolers said it. */
it.each([
  ['28000', 'no pg_hba.conf entry for host "10.0.0.9", user "app", database "jobs", no encryption', 'sslmode=require'],
  ['28000', 'no pg_hba.conf entry for host "10.0.0.9", user "app", database "jobs", SSL off', 'sslmode=require'],
  ['28000', 'no pg_hba.conf entry for host "10.0.0.9", user "app", database "jobs", SSL encryption', 'pg_hba.conf'],
  ['28000', 'connection requires a valid client certificate', 'sslcert=FILE'],
  ['28000', 'role "app" is not permitted to log in', 'LOGIN'],
  ['28000', 'Es gibt keinen Eintrag', 'pg_hba.conf'],
  ['28P01', 'Passwort-Authentifizierung fehlgeschlagen', 'user and password'],
  ['3D000', 'Datenbank »jobs« existiert nicht', 'CREATE DATABASE'],
  ['42501', 'permission denied for table jobs', 'grant'],
  ['08P01', 'SSL required', 'sslmode=require'],
  ['28000', 'This RDS Proxy requires TLS connections', 'sslmode=require'],
  ['08P01', 'SASL authentication failed', 'pooler'],
  ['08P01', 'no such user', 'pooler'],
  ['08P01', 'no such database: jobs', '[databases]'],
  ['08P01', 'unsupported startup parameter: options', 'ignore_startup_parameters'],
  ['XX000', 'Tenant or user not found', 'user and password'],
  ['', 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', 'user and password'],
])('%s %s is refused, with a remedy', (code, message, remedy) => {
  const error = toDatabaseError(thrown(code, message));
  expect(error).toMatchObject({ code: 'database_refused', hint: expect.stringContaining(remedy) });
  expect(error.message).toContain(message);
});

it.each([
  ['53300', 'sorry, too many clients already', 'takes no more connections'],
  ['53300', 'remaining connection slots are reserved for roles with the SUPERUSER attribute', 'takes no more'],
  ['08P01', 'no more connections allowed (max_client_conn)', 'takes no more connections'],
  ['XX000', 'MaxClientsInSessionMode: max clients reached', 'MaxClients'],
  ['57P03', 'the database system is starting up', '57P03'],
  ['25006', 'cannot execute INSERT in a read-only transaction', '25006'],
  ['08P01', 'server login has been failing, try again later (server_login_retry)', '08P01'],
  ['ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED'],
  ['', 'timeout exceeded when trying to connect', 'became free in time'],
])('%s %s may pass', (code, message, words) => {
  const error = toDatabaseError(thrown(code, message));
  expect(error).toMatchObject({ code: 'database_unavailable', message: expect.stringContaining(words) });
});

it('what a statement quotes of a user is taken for no refusal', () => {
  const text = 'invalid input syntax for type integer: "authentication failed, SSL required, pg_hba.conf"';
  expect(toDatabaseError(thrown('22P02', text))).toMatchObject({ code: 'internal' });
});
