#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# acme-client of npm: EC and RSA account keys, two names, a second certificate,
# roll-over of the account's key, revocation, a challenge that fails, the
# account's end.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Interop;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('node');
my $dir = $t->testdir();

my $modules = interop_installed('node/node_modules');

interop_conf($t, webroot => 1)->plan(25)->run();

###############################################################################

$t->write_file('flow.js', <<'EOF');
const acme = require('acme-client');
const fs = require('fs');

const [directory, webroot, out, kind] = process.argv.slice(2);
const tokens = `${webroot}/.well-known/acme-challenge`;
const say = (...words) => console.log(words.join(' '));

async function newKey(kind) {
    return kind === 'rsa' ? acme.crypto.createPrivateRsaKey(2048)
        : acme.crypto.createPrivateEcdsaKey();
}

async function issue(client, file, names, key) {
    const [, csr] = await acme.crypto.createCsr({ altNames: names }, key);
    const pem = await client.auto({
        csr,
        email: 'a@example.com',
        termsOfServiceAgreed: true,
        challengePriority: ['http-01'],
        skipChallengeVerification: true,
        challengeCreateFn: async (authz, challenge, text) =>
            fs.writeFileSync(`${tokens}/${challenge.token}`, text),
        challengeRemoveFn: async (authz, challenge) =>
            fs.unlinkSync(`${tokens}/${challenge.token}`),
    });
    fs.writeFileSync(`${out}/${file}`, pem);
    say('issued', file);
    return pem;
}

async function main() {
    const client = new acme.Client({
        directoryUrl: directory,
        accountKey: await newKey(kind),
        backoffMin: 200,
        backoffMax: 1000,
    });
    const names = ['a', 'b'].map((name) => `${name}.${kind}.example`);

    const one = await issue(client, 'one.pem', names, await newKey('ec'));
    say('account', client.getAccountUrl().startsWith('https://'));

    await client.updateAccountKey(await newKey(kind === 'rsa' ? 'ec' : 'rsa'));
    say('key change');

    const two = await issue(client, 'two.pem', names, await newKey('rsa'));
    await client.revokeCertificate(two, { reason: 4 });
    say('revoked');
    await client.revokeCertificate(two).catch((e) => say(e.message));

    const order = await client.createOrder({
        identifiers: [{ type: 'dns', value: 'gone.example' }],
    });
    const [authz] = await client.getAuthorizations(order);
    const challenge = authz.challenges.find((c) => c.type === 'http-01');
    await client.completeChallenge(challenge);
    await client.waitForValidStatus(challenge)
        .catch((e) => say(/gone\.example/.test(e.message)));

    await client.updateAccount({ status: 'deactivated' });
    say('deactivated');
}

main().catch((e) => { console.log(e); process.exit(1); });
EOF

interop_flow($t, $_, command => [
        'NODE_EXTRA_CA_CERTS=' . interop_root($t), "NODE_PATH=$modules", 'node',
        "$dir/flow.js" ],
    second => 'revoked (4)',
    audit => 'issue done, download done',
    says => <<'EOF') foreach qw/ ec rsa /;
issued one.pem
account true
key change
issued two.pem
revoked
the certificate has been revoked already
true
deactivated
EOF

is(acme_ca_sql_value($t, "SELECT group_concat(status) FROM acme_accounts"),
    'deactivated,deactivated', 'accounts');

undef $t;

###############################################################################
