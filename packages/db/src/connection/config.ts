/**
 * What libpq reads of the environment about TLS, by the parameter of a URL that says the same. The URL comes first. pg itself
 * reads the others: PGPASSWORD, PGPASSFILE and so on.
 */
export const tlsEnvironment: Readonly<Record<string, string | undefined>> = {
  sslmode: process.env.PGSSLMODE,
  sslrootcert: process.env.PGSSLROOTCERT,
  sslcert: process.env.PGSSLCERT,
  sslkey: process.env.PGSSLKEY,
  sslcrl: process.env.PGSSLCRL,
  sslnegotiation: process.env.PGSSLNEGOTIATION,
  channel_binding: process.env.PGCHANNELBINDING,
};
