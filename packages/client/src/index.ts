export { type Client, type ClientOptions, createClient, type Submission } from './client.ts';
