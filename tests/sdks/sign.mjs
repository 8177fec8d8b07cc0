// Signs one event for each source with its provider's own library; prints the requests as JSON.
import { sign as signGithub } from '@octokit/webhooks-methods';
import { Webhook as Standard } from 'standardwebhooks';
import Stripe from 'stripe';
import { Webhook as Svix } from 'svix';

const { STRIPE_SECRET, GITHUB_SECRET, STANDARD_SECRET } = process.env;
const body = (id, type) => JSON.stringify({ id, type, data: { text: 'Zoë € \u2028', big: 2 ** 60 } });
const now = new Date();
const seconds = `${Math.floor(now / 1000)}`;

const stripe = body('evt_sdk', 'charge.succeeded');
const github = body('unused', 'ping');
const standard = body('unused', 'contact.created');

console.log(JSON.stringify([
  {
    source: 'stripe',
    event: 'evt_sdk',
    headers: {
      'Stripe-Signature': new Stripe('sk_test_x').webhooks.generateTestHeaderString({
        payload: stripe,
        secret: STRIPE_SECRET,
      }),
    },
    body: stripe,
  },
  {
    source: 'github',
    event: '72d3162e-cc78-11e3-81ab-4c9367dc0958',
    headers: {
      'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'X-GitHub-Event': 'ping',
      'X-Hub-Signature-256': await signGithub(GITHUB_SECRET, github),
    },
    body: github,
  },
  {
    source: 'standard',
    event: 'msg_standard',
    headers: {
      'webhook-id': 'msg_standard',
      'webhook-timestamp': seconds,
      'webhook-signature': new Standard(STANDARD_SECRET).sign('msg_standard', now, standard),
    },
    body: standard,
  },
  {
    source: 'standard',
    event: 'msg_svix',
    headers: {
      'svix-id': 'msg_svix',
      'svix-timestamp': seconds,
      'svix-signature': new Svix(STANDARD_SECRET).sign('msg_svix', now, standard),
    },
    body: standard,
  },
]));
