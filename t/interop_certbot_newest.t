#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What a newer certbot than Debian's can besides: profiles, addresses, and
# renewal at the time that the CA names (RFC 9773), which the operator moves.

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
my $certbot = interop_installed('python/bin/certbot');

interop_conf($t, authority => 'renewal_info_retry_after 1s;
        external_account_binding optional;
        profile default { lifetime 90d; }
        profile short { lifetime 6d; }')->plan(40)->run();

my $server = acme_ca_url(tls => 1) . '/directory';

###############################################################################

# names with a profile

certbot_ok('short', certonly('names'), '-d', 'a.example', '-d', 'b.example',
    '--register-unsafely-without-email', '--required-profile', 'short');

my $first = chain('names');
interop_issued($t, 'short', $first, 'a.example b.example');
is(profile($first), 'short', 'its profile');

my ($status, $text) = certbot(certonly('other'), '-d', 'c.example',
    '--required-profile', 'long');
isnt($status, 0, 'a profile that is not there');
like($text, qr/profile/i, 'which it says');

# a preferred profile is passed over where there is none of that name
certbot_ok('preferred', certonly('other'), '-d', 'c.example',
    '--preferred-profile', 'long');
is(profile(chain('other')), 'default', 'the default instead');

# addresses, with a name beside one

certbot_ok('address', certonly('address'), '--ip-address', '127.0.0.1');
interop_issued($t, 'address', chain('address'), '127.0.0.1');
certbot_ok('both', certonly('both'), '--ip-address', '127.0.0.1', '-d',
    'd.example');
interop_issued($t, 'both', chain('both'), 'd.example 127.0.0.1');

# renewal: nothing is due, until the operator wishes it for some

like(certbot_ok('renew', 'renew', '--no-random-sleep-on-renew'),
    qr/not (?:yet )?due for renewal/, 'nothing is due');
is(count(), 4, 'nothing is renewed');

interop_move($t, '--name', '.example', '--profile', 'short');

$text = certbot_ok('moved', 'renew', '--no-random-sleep-on-renew');
like($text, qr!live/names/fullchain\.pem \(success\)!, 'renewed');
is(count(), 5, 'and no other');

my $second = chain('names');
interop_issued($t, 'renewed', $second, 'a.example b.example');
isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
    'another serial');
is(profile($second), 'short', 'of the same profile');

# a revoked certificate is to be renewed at once

certbot_ok('revoke', 'revoke', '--cert-name', 'other', '--reason',
    'keycompromise', '--no-delete-after-revoke');
is(interop_stored($t, chain('other')),
    'revoked (1) serial order valid downloaded', 'revoked');
like(certbot_ok('renew it', 'renew', '--no-random-sleep-on-renew',
                '--cert-name', 'other'),
    qr!live/other/fullchain\.pem \(success\)!, 'renewed as well');

# an external account, and the end of both

certbot_ok('unregister', 'unregister');

my ($kid, $key) = interop_eab($t, '--label', 'Team');
certbot_ok('bound', 'register', '--register-unsafely-without-email',
    '--eab-kid', $kid, '--eab-hmac-key', $key);
certbot_ok('unregister again', 'unregister');
is(acme_ca_sql_value($t, "SELECT group_concat(status || ' ' || (eab_id > 0))
    FROM acme_accounts WHERE status = 'deactivated' AND eab_id IS NOT NULL"),
    'deactivated 1', 'the account that was bound');

undef $t;

###############################################################################

sub certbot {
    my ($command, @args) = @_;

    return interop_client($t, $certbot, $command, common(), @args);
}


sub certbot_ok {
    my ($name, $command, @args) = @_;

    return interop_ok($t, $name, $certbot, $command, common(), @args);
}


sub common {
    return ('--non-interactive', '--agree-tos', '--server', $server,
        '--config', '/dev/null', map { ("--$_-dir", "$dir/certbot") }
                                     qw/ config work logs /);
}


sub certonly {
    my ($name) = @_;

    return ('certonly', '--cert-name', $name, '--standalone',
        '--http-01-address', '127.0.0.1', '--http-01-port', port(8083));
}


sub chain {
    my ($name) = @_;

    return interop_slurp("$dir/certbot/live/$name/fullchain.pem");
}


sub profile {
    my ($pem) = @_;

    return acme_ca_sql_value($t, "SELECT profile FROM acme_certificates
        WHERE hex(serial) LIKE '%' || ltrim('"
        . cert_field($pem, 'serial') . "', '0')");
}


sub count {
    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates
        WHERE order_id IS NOT NULL');
}

###############################################################################
