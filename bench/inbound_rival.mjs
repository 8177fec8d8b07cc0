// The inbound rival: a careful small server in Node. It checks the HMAC in constant time, inserts
// one row for each event over a pool of 8 connections and answers after the commit.
import http from 'node:http';
import { createHmac, timingSafeEqual } from 'node:crypto';
import pg from 'pg';

const [port, connectionString, secret] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString, max: 8 });
await pool.query(`create table if not exists rival_event (
    id bigint generated always as identity primary key, source text not null, event_id text not null,
    event_type text, payload jsonb, raw bytea, received_at timestamptz not null default now(),
    unique (source, event_id))`);
const insert = {
  name: 'insert',
  text: `insert into rival_event (source, event_id, event_type, payload, raw)
         values ($1, $2, $3, $4, $5) on conflict do nothing`,
};

function isGenuine(header, body) {
  const fields = Object.fromEntries((header ?? '').split(',').map((field) => field.split('=')));
  const given = Buffer.from(fields.v1 ?? '', 'hex');
  const wanted = createHmac('sha256', secret).update(`${fields.t}.`).update(body).digest();
  const isFresh = Math.abs(Date.now() / 1000 - Number(fields.t)) <= 300;
  return isFresh && given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function receive(request, response, body) {
  if (!isGenuine(request.headers['stripe-signature'], body)) {
    response.writeHead(403).end();
    return;
  }
  const text = body.toString('utf8');
  const event = JSON.parse(text);
  const { rowCount } = await pool.query({ ...insert, values: ['stripe', event.id, event.type, text, body] });
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status: rowCount ? 'received' : 'duplicate', events: 1 }));
}

http
  .createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      receive(request, response, Buffer.concat(chunks)).catch((error) => {
        console.error('ERROR', error.message);
        response.writeHead(500).end();
      });
    });
  })
  .listen(Number(port), '127.0.0.1', () => console.log('listening'));
