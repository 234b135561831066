#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# certbot with its own server: account, two names, renewal, revocation, a
# wildcard by dns-01, and what it says when a name cannot be validated.

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
    ->has_daemon('certbot');
my $dir = $t->testdir();

interop_conf($t, challenges => 'http-01 dns-01',
    authority => 'external_account_binding optional;')->plan(51)->run();

my $server = acme_ca_url(tls => 1) . '/directory';
my $live = "$dir/certbot/live/one/fullchain.pem";

###############################################################################

# account

certbot_ok('register', 'register', '-m', 'admin@example.com', '--no-eff-email');
is(account('contact'), '["mailto:admin@example.com"]', 'contact');

certbot_ok('update_account', 'update_account', '-m', 'root@example.com');
is(account('contact'), '["mailto:root@example.com"]', 'contact updated');

# two names, by its own server

certbot_ok('certonly', certonly('one', 'a.example', 'b.example'));

my $first = interop_slurp($live);
is(interop_names($first), 'a.example b.example', 'names');
is(chain_verify($first, interop_root($t)), 'OK', 'chain');
is(interop_stored($t, $first), 'valid serial order valid downloaded', 'stored');
is(interop_audit($t, $first), 'issue done, download done', 'audited');
is(interop_validated($t, 'done'), 2, 'both names validated');
like(certbot_ok('certificates', 'certificates'), qr/Certificate Name: one\n/,
    'listed');

# renewal: what it remembers of the first time must be enough

certbot_ok('renew', 'renew', '--force-renewal', '--no-random-sleep-on-renew');

my $second = interop_slurp($live);
isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
    'another serial');
is(interop_names($second), 'a.example b.example', 'names of the renewed one');
is(chain_verify($second, interop_root($t)), 'OK', 'its chain');
is(interop_stored($t, $second), 'valid serial order valid downloaded',
    'stored as well');
is(interop_audit($t, $second), 'issue done, download done', 'audited as well');

# EC or RSA

certbot_ok('rsa', certonly('rsa', 'c.example'), '--key-type', 'rsa');
like(cert_text(interop_slurp("$dir/certbot/live/rsa/fullchain.pem")),
    qr/Public Key Algorithm: rsaEncryption/, 'RSA key');

certbot_ok('ecdsa', certonly('ecdsa', 'd.example'), '--key-type', 'ecdsa',
    '--elliptic-curve', 'secp384r1');
like(cert_text(interop_slurp("$dir/certbot/live/ecdsa/fullchain.pem")),
    qr/ASN1 OID: secp384r1/, 'EC key');

# a wildcard and its base by hooks: two values at one name

my $hook = interop_dns_hook($t);

certbot_ok('wildcard', 'certonly', '--cert-name', 'wild', '--manual',
    '--preferred-challenges', 'dns', '--manual-auth-hook', "$hook add",
    '--manual-cleanup-hook', "$hook remove", '-d', '*.wild.example',
    '-d', 'wild.example');

my $wild = interop_slurp("$dir/certbot/live/wild/fullchain.pem");
is(interop_names($wild), '*.wild.example wild.example', 'its names');
is(chain_verify($wild, interop_root($t)), 'OK', 'its chain');
is(interop_stored($t, $wild), 'valid serial order valid downloaded',
    'wildcard stored');
unlike(interop_slurp("$dir/dns"), qr/_acme-challenge/, 'hook cleaned up');

# a name that nobody knows

my ($status, $text) = certbot(certonly('gone', 'e.example', 'gone.example'));
isnt($status, 0, 'a name that resolves to nothing');
like($text, qr/(?:Domain|Identifier): gone\.example/, 'which name');
like($text, qr/Type:\s+dns/, 'which type of error');
like($text, qr/Detail: [^\n]*gone\.example/, 'which detail');
is(interop_validated($t, 'failed'), 1, 'failure audited');
like(acme_ca_sql_value($t, "SELECT error FROM acme_orders
    WHERE status = 'invalid'"), qr/gone\.example/, 'order keeps the error');

# revocation: by the account's key, and by the certificate's own

certbot_ok('revoke', 'revoke', '--cert-name', 'one', '--reason', 'superseded',
    '--no-delete-after-revoke');
is(interop_stored($t, $second), 'revoked (4) serial order valid downloaded',
    'revoked');
is(interop_audit($t, $second), 'issue done, download done, revoke done',
    'revocation audited');
is(interop_stored($t, $first), 'valid serial order valid downloaded',
    'the first one is not');

certbot_ok('revoke by key', 'revoke', '--cert-path',
    "$dir/certbot/live/rsa/cert.pem", '--key-path',
    "$dir/certbot/live/rsa/privkey.pem", '--no-delete-after-revoke');
is(interop_stored($t, interop_slurp("$dir/certbot/live/rsa/cert.pem")),
    'revoked (0) serial order valid downloaded', 'revoked as well');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'revoke' AND outcome = 'done'"), 2, 'both audited');

# end of the account

certbot_ok('unregister', 'unregister');
is(account('status'), 'deactivated', 'account deactivated');

# a CA that wants accounts to be bound to an external one

my ($kid, $key) = interop_eab($t, '--label', 'Team', '--name', '.eab.example');

($status, $text) = certbot('register', '--register-unsafely-without-email');
isnt($status, 0, 'no external account');
like($text, qr/requires external account binding/, 'which it says');

($status, $text) = certbot('register', '--register-unsafely-without-email',
    '--eab-kid', $kid, '--eab-hmac-key', 'x' . substr $key, 1);
isnt($status, 0, 'a wrong key');
like($text, qr/binding's MAC is wrong/, 'which it says');

certbot_ok('bound', certonly('bound', 'a.eab.example'),
    '--register-unsafely-without-email', '--eab-kid', $kid,
    '--eab-hmac-key', $key);
is(interop_names(interop_slurp("$dir/certbot/live/bound/fullchain.pem")),
    'a.eab.example', 'names');
is(acme_ca_sql_value($t, "SELECT e.label FROM acme_accounts AS a
    JOIN acme_eab_credentials AS e ON e.id = a.eab_id"), 'Team',
    'the account is bound');

($status, $text) = certbot(certonly('other', 'a.example'));
isnt($status, 0, 'a name that is not for it');
like(interop_slurp("$dir/certbot/letsencrypt.log"),
    qr/external account \\"Team\\" does not allow/, 'its log says why');

undef $t;

###############################################################################

sub certbot {
    my ($command, @args) = @_;

    return interop_client($t, 'certbot', $command, common(), @args);
}


sub certbot_ok {
    my ($name, $command, @args) = @_;

    return interop_ok($t, $name, 'certbot', $command, common(), @args);
}


sub common {
    return ('--non-interactive', '--agree-tos', '--server', $server,
        '--config', '/dev/null', map { ("--$_-dir", "$dir/certbot") }
                                     qw/ config work logs /);
}


sub certonly {
    my ($name, @names) = @_;

    return ('certonly', '--cert-name', $name, '--standalone',
        '--http-01-address', '127.0.0.1', '--http-01-port', port(8083),
        map { ('-d', $_) } @names);
}


sub account {
    my ($column) = @_;

    return acme_ca_sql_value($t, "SELECT $column FROM acme_accounts");
}

###############################################################################
