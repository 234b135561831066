#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# python3-acme, the library of certbot: EC and RSA account keys, update of the
# account, two names, the alternate chains, a second certificate, revocation by
# account and by certificate key, a challenge that fails, the account's end.

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


my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /);
my $dir = $t->testdir();

# a python3 of somebody's own may come first in PATH
my ($python) = grep {
    system("$_ -c 'import acme.client, josepy, OpenSSL' 2>/dev/null") == 0
} qw! python3 /usr/bin/python3 !;

plan(skip_all => 'no python3-acme') unless $python;

interop_conf($t, webroot => 1)->plan(25)->run();

###############################################################################

$t->write_file('flow.py', <<'EOF');
import datetime
import sys

import OpenSSL
import josepy
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec, rsa

directory, webroot, out, kind = sys.argv[1:]

if kind == 'rsa':
    key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    alg = josepy.RS256
else:
    key = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    alg = josepy.ES256

net = client.ClientNetwork(key, alg=alg, user_agent='python3-acme')
acme = client.ClientV2(messages.Directory.from_json(
    net.get(directory).json()), net)


def say(*words):
    print(*words, flush=True)


def order(names, body=None):
    pem = crypto_util.make_csr(
        OpenSSL.crypto.dump_privatekey(OpenSSL.crypto.FILETYPE_PEM, pkey),
        names)
    got = acme.new_order(pem)
    for authz in got.authorizations:
        for challenge in authz.body.challenges:
            if not isinstance(challenge.chall, challenges.HTTP01):
                continue
            response, validation = challenge.response_and_validation(key)
            with open(webroot + challenge.chall.path, 'w') as file:
                file.write(body or validation)
            acme.answer_challenge(challenge, response)
    return got


def issue(file, names):
    deadline = datetime.datetime.now() + datetime.timedelta(seconds=60)
    got = acme.poll_authorizations(order(names), deadline)
    got = acme.finalize_order(got, deadline, fetch_alternative_chains=True)
    with open(out + '/' + file, 'w') as f:
        f.write(got.fullchain_pem)
    say('issued', got.body.status, len(got.alternative_fullchains_pem))
    return OpenSSL.crypto.load_certificate(OpenSSL.crypto.FILETYPE_PEM,
                                           got.fullchain_pem)


pkey = OpenSSL.crypto.PKey()
pkey.generate_key(OpenSSL.crypto.TYPE_RSA, 2048)

account = acme.new_account(messages.NewRegistration.from_data(
    email='a@example.com', terms_of_service_agreed=True))
say('account', account.body.status, ' '.join(account.body.contact))

# with the key, not with the account's URL
net.account = None
try:
    acme.new_account(messages.NewRegistration.from_data(
        terms_of_service_agreed=True))
except errors.ConflictError as e:
    say('conflict', e.location == account.uri)

net.account = acme.query_registration(account)
account = acme.update_registration(net.account, account.body.update(
    contact=('mailto:b@example.com',)))
say('updated', ' '.join(account.body.contact))

one = issue('one.pem', ['a.%s.example' % kind, 'b.%s.example' % kind])
two = issue('two.pem', ['a.%s.example' % kind, 'b.%s.example' % kind])

acme.revoke(josepy.ComparableX509(one), 4)
say('revoked')

try:
    acme.revoke(josepy.ComparableX509(one), 4)
except messages.Error as e:
    say('again', e.code)

# by the certificate's own key
own = client.ClientNetwork(josepy.JWKRSA(key=pkey.to_cryptography_key()),
                           user_agent='python3-acme')
client.ClientV2(acme.directory, own).revoke(josepy.ComparableX509(two), 1)
say('revoked by its key')

try:
    acme.poll_and_finalize(order(['bad.%s.example' % kind], 'wrong'))
except errors.ValidationError as e:
    say('failed', e.failed_authzrs[0].body.challenges[0].error.code)

# an order whose name is not known to DNS
try:
    acme.poll_and_finalize(order(['gone.example']))
except errors.ValidationError as e:
    say('failed', e.failed_authzrs[0].body.challenges[0].error.code)

authz = acme.new_order(crypto_util.make_csr(
    OpenSSL.crypto.dump_privatekey(OpenSSL.crypto.FILETYPE_PEM, pkey),
    ['c.%s.example' % kind])).authorizations[0]
say('authorization', acme.deactivate_authorization(authz).body.status.name)

say('account', acme.deactivate_registration(account).body.status)
EOF

interop_flow($t, $_, command => [ $python, "$dir/flow.py" ],
    first => 'revoked (4)', second => 'revoked (1)',
    audit => 'issue done, download done, revoke done, '
        . 'revoke refused',
    says => <<'EOF') foreach qw/ ec rsa /;
account valid mailto:a@example.com
conflict True
updated mailto:b@example.com
issued Status(valid) 0
issued Status(valid) 0
revoked
again alreadyRevoked
revoked by its key
failed incorrectResponse
failed dns
authorization deactivated
account deactivated
EOF

is(acme_ca_sql_value($t, "SELECT group_concat(status) FROM acme_accounts"),
    'deactivated,deactivated', 'accounts');

undef $t;

###############################################################################
