#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Issuers that end: nginx starts and goes on without one that may sign, serves
# what it did serve, tells clients to come later, and has another one made as
# soon as it can.  How long those live that are made here.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

my $life = 10;
my $short = short();
my $server = 'location /crl/ { acme_ca_crl; }
    location /ocsp/ { acme_ca_ocsp; }
    location /trust/ { acme_ca_trust; }';

configure($short);
$t->plan(40);

# what does not go together

foreach my $case (
    [ 'issuer_lifetime 0;', qr/needs more than zero seconds/ ],
    [ 'root_lifetime never;', qr/invalid value|time/ ],
    [ 'issuer_lifetime 1y; issuer_lifetime 1y;', qr/is duplicate/ ],
    [ 'issuer_lifetime 40d; issuer_overlap 21d;',
      qr/issuer_overlap is longer .* of issuer_lifetime, 1728000 seconds/ ],
) {
    my ($good, $said) = acme_ca_config_test($t,
        $t->read_file('nginx.conf') =~ s/\Q$short\E/$case->[0]/r);

    is($good, 0, "$case->[0] is refused");
    like($said, $case->[1], 'why');
}

ok((acme_ca_config_test($t, $t->read_file('nginx.conf')
    =~ s/\Q$short\E/issuer_lifetime 40d; issuer_overlap 20d;/r))[0],
    'just enough');

###############################################################################

# how long they live

# a slow machine needs one that lives longer: what it is for has to be done before
# its end

my ($acme, $got, $gone, $order, $verified, $end);

while (1) {
    $t->run();
    $acme = acme_client($t);
    $end = acme_ca_sql_value($t, "SELECT not_after FROM issuers
                                  WHERE state = 'active'");
    eval {
        $got = $acme->issue([ 'first.example' ]);
        $verified = chain_verify($got->{chain}, "$dir/ca/root.pem");
        $gone = $acme->issue([ 'gone.example' ]);
        $order = $acme->ready_order([ 'late.example' ]);
    };

    last if time() < $end || $life > 100;

    $t->stop();
    rename "$dir/ca", "$dir/ca.$life" or die "rename: $!\n";
    $life *= 2;
    $short = short();
    configure($short);
}

is($verified, 'OK', 'verified');
is(life('ca/root.pem'), 1001 * 86400, 'life of the root, and a day before');
is(life('ca/issuer.pem'), $life * 1.1,
    'life of the intermediate, and a tenth before');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_certificates
    WHERE not_after > $end AND category <> 'ca'"), 0, 'nothing outlives it');

# while nginx runs

ok(acme_ca_wait(sub { time() > $end }, 240), 'it has ended');

is(finalize()->outcome(), '503 serverInternal', 'no certificate');
is($acme->post($order->location())->json()->{status}, 'ready', 'still ready');
is($acme->new_account()->{status}, 200, 'accounts');

# a start without it, and without the key of the root

rename "$dir/ca/root.key", "$dir/root.key" or die "rename: $!\n";
$t->stop();

my ($good, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf'));
is($good, 1, 'nginx -t');
like($said, qr/\[warn\].*has expired: no certificates are signed/, 'warns');

($good, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf')
    =~ s!\Q$short\E!issuer $dir/ca/issuer.pem $dir/ca/issuer.key;!r);
is($good, 1, 'nginx -t with an issuer of the configuration');
like($said, qr/\[warn\].*has expired: no certificates are signed/, 'warns');

$t->run();

my $log = $t->read_file('error.log');
like($log, qr/\[crit\].*has no issuer that may sign/, 'the log has it');
like($log, qr/time for the next issuer: put "root.key"/, 'and what to do');

my $reply = finalize();
is($reply->outcome(), '503 serverInternal', 'no certificate');
like($reply->json()->{detail}, qr/no issuer/, 'why');
ok($reply->header('Retry-After'), 'Retry-After');
like($t->read_file('error.log'), qr/\[error\].*cannot be finalized: no issuer/,
    'the log of it');

is($acme->new_order([ 'another.example' ])->{status}, 201, 'orders');
is($acme->revoke($gone->{chain})->outcome(), '200', 'revocations');
is($acme->post($got->{certificate_url})->{body}, $got->{chain}, 'downloads');

my ($list) = map { m!/([0-9a-f]{40}\.crl)$! } glob "$dir/ca/crl/*.crl";
like(http_get("/crl/$list"), qr/200 OK/, 'lists');
like(http_get('/trust/root.pem'), qr/200 OK.*BEGIN CERTIFICATE/s, 'root');
is(acme_ca_faults($t), '', 'registry');

# with it there is another

rename "$dir/root.key", "$dir/ca/root.key" or die "rename: $!\n";
configure("issuer_lifetime 9999d; $short" =~ s/issuer_lifetime \d+s;//r);
acme_ca_reload($t);

is(finalize()->outcome(), '200', 'another issuer signs');
is(acme_ca_sql_value($t, "SELECT group_concat(state) FROM
    (SELECT state FROM issuers WHERE state IS NOT NULL ORDER BY id)"),
    'retired,active', 'states');

my ($file) = map { s!^\Q$dir/!!r } glob "$dir/ca/issuers/*.pem";
cmp_ok(life($file), '<=', 1001 * 86400, 'it does not live longer than the root');
cmp_ok(life($file), '>', 1000 * 86400, 'but as long');
is(chain_verify($acme->issue([ 'new.example' ])->{chain}, "$dir/ca/root.pem"),
    'OK', 'verified');

###############################################################################

# a key that is not there is missed, not retired

unlink glob "$dir/ca/issue*/*.key $dir/ca/issuer.*";
($good, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf'));
is($good, 0, 'an issuer without its key is refused');
like($said, qr/cannot open "\S+\.key"/, 'why');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub short {
    return "root_lifetime 1000d; issuer_lifetime ${life}s; issuer_overlap 1s;"
        . ' crl_interval 1s;';
}


sub configure {
    my ($authority) = @_;

    acme_ca_conf($t, authority => $authority, server => $server,
        daemons => !-e "$dir/dns");
}


sub finalize {
    return $acme->finalize($order, acme_csr(key => acme_key('ES256'),
        dns => [ 'late.example' ]));
}


# seconds

sub life {
    my ($file) = @_;

    my %at = run('openssl', 'x509', '-in',
        "$dir/$file", '-noout', '-dates', '-dateopt', 'iso_8601')
        =~ /^not(\w+)=(.+)Z$/mg;

    return acme_ca_sql_value($t, "SELECT strftime('%s', '$at{After}')
                                  - strftime('%s', '$at{Before}')");
}

###############################################################################
