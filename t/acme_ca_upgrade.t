#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# A database that an older version made is brought up to date at start: its
# accounts, orders and validations go on, its certificates are as they were.  If
# that fails, or is killed half-way, all of it is as it was.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use MIME::Base64 qw/ encode_base64url /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Jose;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

my @released = (1, 2);

acme_ca_conf($t)->plan(18 * @released);

my $db = acme_ca_database($t);
my $now = time();

for my $version (@released) {
    my $acme = acme_client($t);
    my $token = encode_base64url("an old token of $version, 16");

    mkdir $t->testdir() . '/ca', 0700 or die "ca: $!";

    sqlite(schema($version), <<"END");
INSERT INTO acme_ca_meta VALUES (1, randomblob(16), $now);
INSERT INTO acme_accounts
    (id, status, thumbprint, jwk, contact, created_at, updated_at)
VALUES (41, 'valid', x'@{[ thumb($acme) ]}', '@{[ jwk_text($acme) ]}', '[]',
        $now, $now),
       (42, 'valid', randomblob(32), '{}', '[]', $now, $now);
INSERT INTO acme_orders
    (id, account_id, status, profile_asked, created_at, expires_at, updated_at)
VALUES (51, 41, 'pending', 0, $now, $now + 9999, $now);
INSERT INTO acme_authorizations
    (id, account_id, identifier_type, identifier, wildcard, status, created_at,
     expires_at, updated_at)
VALUES (61, 41, 'dns', 'old.example', 0, 'pending', $now, $now + 9999, $now);
INSERT INTO acme_order_identifiers VALUES (51, 0, 'dns', 'old.example', 0, 61);
INSERT INTO acme_challenges (authz_id, type, status, token)
VALUES (61, 0, 'pending', '$token');
INSERT INTO acme_audit_logs (at, actor, action, outcome)
VALUES ($now, 'account', 'new-order', 'done'),
       ($now, 'account', 'respond', 'refused');
INSERT INTO issuers
    (id, name, der, chain_pem, not_before, not_after, created_at)
VALUES (31, 'Old', x'01', '', $now, $now + 9999, $now),
       (32, 'Older', x'02', '', $now, $now + 9999, $now);
INSERT INTO acme_certificates
    (id, order_id, account_id, issuer_id, status, serial, fingerprint, sans,
     key_type, not_before, not_after, created_at, revoked_at,
     revocation_reason, first_download_at, der)
VALUES (21, 50, 42, 31, 'valid', x'21', randomblob(32), 'dns:a.example',
        'EC P-256', $now, $now + 9999, $now, NULL, NULL, $now, randomblob(9999)),
       (29, NULL, NULL, 32, 'revoked', x'29', randomblob(32), '', 'EC P-256',
        $now, $now + 9999, $now, $now, 1, NULL, randomblob(300));
INSERT INTO acme_orders
    (id, account_id, status, profile_asked, certificate_id, created_at,
     expires_at, updated_at)
VALUES (50, 42, 'valid', 0, 21, $now, $now + 9999, $now);
END

    sqlite('UPDATE acme_certificates SET replaced_by = 29 WHERE id = 21;')
        if $version > 1;

    is(user_version(), $version, "version $version");

    my $dump = dump_all();
    my @certificates = certificates();

    # the next version, until the power fails, in a small cache: the file has it

    isnt(killed($version), 0, 'killed half-way');
    ok(-s "$db-wal", 'when much was written');
    is(dump_all(), $dump, 'and it is as it was');

    # a row without its parent

    sqlite("INSERT INTO acme_orders (id, account_id, status, profile_asked,
        certificate_id, created_at, expires_at, updated_at) VALUES
        (49, 42, 'valid', 0, 22, $now, $now, $now);");
    my $orphan = dump_all();
    like(start_fails(), qr/1 rows without a parent.*the database is as it was/s,
        'an orphan stops it');
    is(dump_all() eq $orphan ? 1 : 0, 1, 'and nothing else has changed');
    sqlite('DELETE FROM acme_orders WHERE id = 49;');

    my ($good, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf'));
    ok($good, 'configuration test') or diag($said);
    is(user_version(), $version, 'which changes nothing');
    unlink $t->testdir() . '/nginx.pid';

    $t->run();

    cmp_ok(user_version(), '>', $version, 'brought up to date');
    is_deeply([ grep { $_->{id} < 30 } certificates() ], \@certificates,
        'its certificates are as they were');
    is(acme_ca_sql_value($t, "SELECT count(*) FROM sqlite_schema
        WHERE sql LIKE '%_anew%'"), 0, 'and their table has its name');
    is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_audit_logs
        WHERE id <= 2 AND length(hash) = 32'), 2, 'audit rows are chained');
    is($acme->find_account()->{status}, 200, 'account is known');

    my $list = $acme->post($acme->account()->json()->{orders})->json();
    is(scalar @{$list->{orders}}, 1, 'order is there');

    my ($order) = @{$list->{orders}};
    my ($url) = @{$acme->post($order)->json()->{authorizations}};
    is_deeply([ map { "$_->{type} $_->{token}" }
            @{$acme->post($url)->json()->{challenges}} ],
        [ "http-01 $token" ], 'its challenges are as they were');

    $acme->respond($url);
    is($acme->poll($url)->json()->{status}, 'valid', 'its validation goes on');
    is($acme->poll($order)->json()->{status}, 'ready', 'order is ready');

    my $new = $acme->new_order([ 'new.example' ])->json();
    $acme->respond($new->{authorizations}[0]);
    is($acme->poll($new->{authorizations}[0])->json()->{status}, 'valid',
        'a new one');

    $t->stop();
    rename $t->testdir() . '/ca', $t->testdir() . "/ca.$version";
}

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub schema {
    my ($version) = @_;

    my @files = sort glob("$FindBin::Bin/../sql/[0-9]*.sql");

    return join '', map { read_all($_) } @files[0 .. $version - 1];
}


sub read_all {
    open my $f, '<', $_[0] or die "$_[0]: $!";
    local $/;

    return scalar <$f>;
}


# how sqlite3 ends that is killed before the commit

sub killed {
    my ($version) = @_;
    my ($next) = grep { /\b@{[ sprintf '%03d', $version + 1 ]}_/ }
        glob("$FindBin::Bin/../sql/*.sql");

    $t->write_file('killed.sql', "PRAGMA journal_mode = WAL;\n"
        . "PRAGMA cache_size = 1;\nBEGIN IMMEDIATE;\n" . read_all($next)
        . "\n.shell kill -9 \$PPID\nCOMMIT;\n");

    run('sh', '-c',
        'exec sqlite3 "$0" < "$1"', $db, $t->testdir() . '/killed.sql');

    return $?;
}


# what nginx says

sub start_fails {
    return run('timeout', 30,
        $Test::Nginx::NGINX, '-p', $t->testdir() . '/', '-c', 'nginx.conf',
        '-e', 'fails.log');
}


sub dump_all {
    return run('sqlite3', $db, '.dump',
        'PRAGMA user_version');
}


# without what later versions add

sub certificates {
    return acme_ca_sql($t, 'SELECT id, order_id, account_id, issuer_id, status,
        hex(serial) AS serial, hex(fingerprint) AS fingerprint, common_name,
        sans, key_type, profile, not_before, not_after, created_at, revoked_at,
        revocation_reason, first_download_at, last_download_at,
        hex(der) AS der FROM acme_certificates ORDER BY id');
}


sub user_version {
    return acme_ca_sql_value($t,
        'SELECT user_version FROM pragma_user_version');
}


sub sqlite {
    open my $f, '|-', 'sqlite3', '-bail', $db or die "sqlite3: $!";
    print {$f} @_;
    close $f or die "sqlite3 failed";
    chmod 0600, $db;
}


sub thumb {
    return unpack 'H*', b64u_decode($_[0]->{key}->thumbprint());
}


sub jwk_text {
    return json_encode($_[0]->{key}->jwk());
}

###############################################################################
