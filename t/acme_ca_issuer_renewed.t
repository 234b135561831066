#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# An issuer whose certificate was renewed, its key and name being the same: what
# it signed before is still its own, in its CRL and for OCSP.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl')
    ->has_daemon('sqlite3');
my $dir = $t->testdir();

make_ca($t, 'root');
make_ca($t, 'old', name => 'Issuer', parent => 'root', days => 20);
make_ca($t, 'new', name => 'Issuer', parent => 'root', key => 'old');

$t->write_file('issuer.pem', $t->read_file('old.pem'));

acme_ca_conf($t, server => <<'EOF', authority => <<'EOF')->plan(19)->run();
        location /crl/ { acme_ca_crl; }
        location /ocsp/ { acme_ca_ocsp; }
EOF
        issuer %%TESTDIR%%/issuer.pem %%TESTDIR%%/old.key;
        crl_interval 1s;
EOF

my $acme = acme_client($t);
my $url = 'http://127.0.0.1:' . port(8080);

###############################################################################

my $good = $acme->issue([ 'good.example' ]);
my $bad = $acme->issue([ 'bad.example' ]);
my $later = $acme->issue([ 'later.example' ]);

$t->write_file("$_->[0].pem", $_->[1]{chain})
    foreach [ good => $good ], [ bad => $bad ], [ later => $later ];

is($acme->revoke($bad->{chain})->{status}, 200, 'revoked');
ok(acme_ca_wait(sub { listed('bad') }), 'in the CRL');
is(status('bad'), 'revoked', 'and by OCSP');

# its root signed it once more

$t->write_file('issuer.pem', $t->read_file('new.pem'));
ok(acme_ca_reload($t), 'reloaded');

ok(acme_ca_wait(sub { status('good') eq 'good' }), 'good as it was');
is(status('bad'), 'revoked', 'revoked as it was');
ok(listed('bad'), 'in the CRL as it was');

is($acme->revoke($later->{chain})->{status}, 200, 'one of before is revoked');
ok(acme_ca_wait(sub { listed('later') }), 'it is in the CRL');
ok(listed('bad'), 'beside the other');
is(status('later'), 'revoked', 'and by OCSP');

is(acme_ca_sql_value($t, 'SELECT count(*) FROM issuers'), 1, 'one CA');
is(acme_ca_sql_value($t, 'SELECT state FROM issuers'), 'active', 'it signs');

my ($chain) = $acme->post($good->{certificate_url})->{body}
    =~ /END CERTIFICATE-----\s+(.*)/s;
is(cert_field($chain, 'serial'), cert_field($t->read_file('new.pem'),
    'serial'), 'the chain has the new certificate');
is(chain_verify($acme->issue([ 'new.example' ])->{chain}, "$dir/root.pem"),
    'OK', 'what it signs now');

# both are named: the one that ends last signs

$t->write_file('nginx.conf', $t->read_file('nginx.conf')
    =~ s!^( *issuer .*)$!        issuer $dir/old.pem $dir/old.key;\n$1!mr);
ok(acme_ca_reload($t), 'both');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM issuers'), 1, 'one CA');
ok(acme_ca_wait(sub { status('good') eq 'good' }), 'good');
ok(listed('later'), 'the CRL');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub status {
    my ($name) = @_;

    my $said = run('openssl', 'ocsp', '-issuer',
        "$dir/issuer.pem", '-cert', "$dir/$name.pem", '-url', "$url/ocsp/",
        '-CAfile', "$dir/root.pem");

    return $said =~ /$name\.pem: (\w+)/ ? $1 : $said;
}


sub listed {
    my ($name) = @_;
    my $serial = cert_field($t->read_file("$name.pem"), 'serial');

    return openssl($acme->get("$url/crl/all.pem")->{body}, 'crl', '-noout',
                   '-text') =~ /Serial Number: 0*$serial\n/;
}

###############################################################################
