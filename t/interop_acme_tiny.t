#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# acme-tiny with a webroot: account, two names, a second certificate.  It cannot
# revoke.

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
    ->has_daemon('acme-tiny');
my $dir = $t->testdir();

interop_conf($t, webroot => 1)->plan(14)->run();

my $tokens = "$dir/webroot/.well-known/acme-challenge";

###############################################################################

interop_run('openssl', 'genrsa', '-out', "$dir/account.key", 2048);
request('one', 'a.example', 'b.example');
request('gone', 'gone.example');

# what it prints is the chain and nothing else

my $first = interop_ok($t, 'issue', command('one', '--quiet', '--contact',
                                            'mailto:admin@example.com'));
is(interop_names($first), 'a.example b.example', 'names');
is(chain_verify($first, interop_root($t)), 'OK', 'chain');
is(interop_stored($t, $first), 'valid serial order valid downloaded', 'stored');
is(interop_audit($t, $first), 'issue done, download done', 'audited');
is(acme_ca_sql_value($t, 'SELECT contact FROM acme_accounts'),
    '["mailto:admin@example.com"]', 'contact');

my $second = interop_ok($t, 'again', command('one', '--quiet'));
isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
    'another serial');
is(chain_verify($second, interop_root($t)), 'OK', 'its chain');
is(interop_stored($t, $second), 'valid serial order valid downloaded',
    'stored as well');
is(interop_audit($t, $second), 'issue done, download done', 'audited as well');

is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_accounts'), 1,
    'one account');

# a name that nobody knows

my ($status, $text) = interop_client($t, command('gone'));
isnt($status, 0, 'a name that resolves to nothing');
like($text, qr/acme:error:dns.*gone\.example/s, 'says why');

undef $t;

###############################################################################

# its own look at the challenge would need the names in this machine's DNS

sub command {
    my ($csr, @args) = @_;

    return ('acme-tiny', '--account-key', "$dir/account.key", '--csr',
        "$dir/$csr.csr", '--acme-dir', $tokens, '--disable-check',
        '--directory-url', acme_ca_url(tls => 1) . '/directory', @args);
}


sub request {
    my ($name, @names) = @_;

    interop_run('openssl', 'req', '-new', '-newkey', 'rsa:2048', '-nodes',
        '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr", '-subj', '/',
        '-addext', 'subjectAltName=' . join ',', map { "DNS:$_" } @names);
}

###############################################################################
