#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Variables of what a request was about, in access_log and map.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http map cryptx /)
    ->has_daemon('sqlite3');

acme_ca_conf($t, authority => 'deny dns no.example; pre_authorization on;
        external_account_binding optional;', http => <<'EOF',
    map $acme_ca_problem $kind {
        default      good;
        "~."         refused;
    }

    log_format acme '$request_method $uri|$acme_ca_account|$acme_ca_order'
                    '|$acme_ca_eab|$acme_ca_identifiers|$acme_ca_problem'
                    '|$kind';
EOF
    server => 'location /plain { return 204; }',
    location => 'add_header X-Problem $acme_ca_problem always;')->plan(21);

my $conf = $t->read_file('nginx.conf');
$conf =~ s!(server_name localhost[^\n]*)!$1
        access_log @{[ $t->testdir() ]}/acme.log acme;!;
$t->write_file('nginx.conf', $conf);
$t->run();

my $acme = acme_client($t);

###############################################################################

$acme->directory();
is(line(), 'GET /acme/directory|-|-|-|-|-|good', 'directory');
$acme->get('http://127.0.0.1:' . port(8080) . '/plain');
is(line(), 'GET /plain|-|-|-|-|-|good', 'another location');

my $reply = $acme->get(acme_ca_url() . '/nowhere');
is(line(), 'GET /acme/nowhere|-|-|-|-|malformed|refused', 'no such path');
is($reply->header('X-Problem'), 'malformed', 'in a header field as well');

$acme->new_account();
my ($account) = $acme->{kid} =~ m!([^/]+)$!;
is(line(), "POST /acme/new-account|$account|-|-|-|-|good", 'new account');
$acme->new_account();
is(line(), "POST /acme/new-account|$account|-|-|-|-|good", 'found again');

$reply = $acme->new_order([ 'a.example', 'b.example' ]);
my ($order) = $reply->location() =~ m!([^/]+)$!;
is(line(), "POST /acme/new-order|$account|$order|-|a.example,b.example|-|good",
    'new order');
$acme->post($reply->location());
is(line(), "POST /acme/order/$order|$account|$order|-|a.example,b.example"
    . '|-|good', 'order');

my $url = $reply->json()->{authorizations}[1];
my ($authz) = $url =~ m!([^/]+)$!;
my $authorization = $acme->post($url);
my $name = $authorization->json()->{identifier}{value};
is(line(), "POST /acme/authz/$authz|$account|-|-|$name|-|good",
    'authorization');
$acme->post($acme->challenge($authorization)->{url});
like(line(), qr/\|$account\|-\|-\|$name\|-\|good$/, 'challenge');

$acme->new_order([ 'ok.example', 'no.example' ]);
is(line(), "POST /acme/new-order|$account|-|-|ok.example,no.example"
    . '|rejectedIdentifier|refused', 'refused: the names asked for');
$acme->new_order([ 'no.example', 'x y' ]);
is(line(), "POST /acme/new-order|$account|-|-|no.example,x y|compound|refused",
    'compound');
$acme->new_order([ "a\"\n\\" ]);
like(line(), qr/\|a\\x22\\x0A\\x5C\|\w+\|refused$/, 'escaped');
$acme->post($acme->url('newOrder'), { identifiers => $_ })
    and like(line(), qr/\|$account\|-\|-\|-\|(?:malformed|compound)\|refused$/,
             'no identifiers') foreach 1, [ 1, {}, { value => [] } ];

# who did not sign is nobody

$acme->new_order([ 'a.example' ], key => acme_key('ES256'));
is(line(), 'POST /acme/new-order|-|-|-|-|unauthorized|refused', 'forged');
$acme->post($reply->location(), undef, nonce => 'A' x 22);
is(line(), "POST /acme/order/$order|$account|-|-|-|badNonce|refused",
    'bad nonce');

# a large body is refused by nginx

$acme->post($acme->url('newOrder'), 'x' x 100000);
like(line(), qr/\|-\|-\|-\|-\|malformed\|refused$/, 'too large');

# finalize, download, revoke

my $got = $acme->issue([ 'c.example' ]);
($order) = $got->{url} =~ m!([^/]+)$!;
acme_ca_wait(sub { grep { m!/certificate/! } lines() });
line();
my @lines = grep { /\|\Q$order\E\|/ } lines();
is((grep { m!/finalize\|$account\|$order\|-\|c\.example\|-\|good! } @lines), 1,
    'finalize');
is((grep { m!/certificate/[^|]+\|$account\|$order\|-\|-\|-\|good! } @lines), 1,
    'download');

# an external account

acme_ca_sql($t, 'INSERT INTO acme_eab_credentials (kid, hmac_key, label,'
    . ' names, profiles, accounts, created_at)'
    . " VALUES ('kid-1', zeroblob(32), 'x', '', '', 0, 1);"
    . ' UPDATE acme_accounts SET eab_id = (SELECT id FROM'
    . ' acme_eab_credentials)');
$acme->account();
like(line(), qr/\|$account\|-\|kid-1\|-\|-\|good$/, 'external account');

undef $t;

###############################################################################

# The lines so far but those of new nonces.  nginx writes one after its answer
# left.

sub lines {
    return grep { !/^HEAD / } map { chomp; $_ } split /^/, $t->read_file('acme.log');
}


# the next one

sub line {
    our $seen;

    acme_ca_wait(sub { lines() > ($seen || 0) });

    $seen = () = lines();

    return (lines())[-1];
}

###############################################################################
