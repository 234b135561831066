#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Every command of acme-ca: its exit status when it did it (0), could not (1),
# was misunderstood (2), found no such thing (3); that with --json it says JSON
# and nothing else; and the same through the admin location, where there is one.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl')->has_daemon('curl');
my $dir = $t->testdir();

acme_ca_conf($t, authority => 'external_account_binding optional;',
    server => <<'END')->plan(7)->run();
    location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }
END

acme_ca_tool($t);

my $url = 'http://127.0.0.1:' . port(8080) . '/admin';
my $acme = acme_client($t);
$acme->new_account();

my ($one, $two) = map { lc cert_field($acme->issue([ "$_.example" ])->{chain},
    'serial') } 'a', 'b';
my ($uuid) = json('certificate', 'show', $one)->{uuid};
my $kid = json('eab', 'create', '--label', 'x')->{kid};

run(qw/ openssl req -x509 -newkey ec -pkeyopt
    ec_paramgen_curve:P-256 -nodes -days 5 -keyout /, "$dir/o.key", '-out',
    "$dir/o.pem", '-subj', '/CN=Other');

###############################################################################

# for both ways: status, words

my @both = (
    [ 0, 'account', 'list' ], [ 0, 'account', 'show', 1 ],
    [ 3, 'account', 'show', 99 ], [ 2, 'account', 'show' ],
    [ 2, 'account', 'list', '--no-such-option', 1 ], [ 2, 'account', 'none' ],
    [ 0, 'audit', 'list' ], [ 0, 'audit', 'tail', '--limit', 1 ],
    [ 2, 'audit', 'list', '--since', 'x' ], [ 0, 'audit', 'verify' ],
    [ 3, 'audit', 'seal', '--before', '30d', '--to', "$dir/none" ],
    [ 2, 'audit', 'seal' ],
    [ 2, 'audit', 'list', '--outcome', 'x' ],
    [ 2, 'account', 'list', '--status', 'x' ],
    [ 0, 'account', 'list', '--status', 'valid' ],
    [ 2, 'order', 'list', '--status', 'x' ],
    [ 0, 'order', 'list', '--status', 'ready' ],
    [ 2, 'jobs', 'list', '--kind', 'x' ], [ 0, 'jobs', 'list', '--kind', 'done' ],
    [ 2, 'certificate', 'list', '--status', 'x' ],
    [ 2, 'certificate', 'list', '--status', 'valid revoked' ],
    [ 0, 'certificate', 'list', '--status', 'held' ],
    [ 2, 'certificate', 'list', '--radar', 'x' ],
    [ 2, 'certificate', 'set', '99', '--category', 'x' ],
    [ 2, 'certificate' ], [ 2 ],
    [ 0, 'certificate', 'list' ], [ 0, 'certificate', 'by-name', 'a.example' ],
    [ 0, 'certificate', 'expiring' ], [ 0, 'certificate', 'expire' ],
    [ 0, 'certificate', 'show', $one ], [ 0, 'certificate', 'show', $uuid ],
    [ 3, 'certificate', 'show', '99' ], [ 0, 'certificate', 'inspect', $one ],
    [ 0, 'certificate', 'chain', $one ], [ 0, 'certificate', 'verify', $one ],
    [ 3, 'certificate', 'verify', '99' ],
    [ 1, 'certificate', 'import', "$dir/no/file" ],
    [ 0, 'certificate', 'set', $one, '--remarks', 'x' ],
    [ 2, 'certificate', 'set', $one ],
    [ 2, 'certificate', 'revoke', $one, '--reason', 'x' ],
    [ 3, 'certificate', 'revoke', '99' ],
    [ 1, 'certificate', 'delete', $uuid ], [ 3, 'certificate', 'delete', '99' ],
    [ 0, 'eab', 'list' ], [ 0, 'eab', 'show', $kid ], [ 2, 'eab', 'create' ],
    [ 3, 'eab', 'show', 'none' ], [ 3, 'eab', 'revoke', 'none' ],
    [ 0, 'events', 'list' ], [ 3, 'events', 'retry', '99' ],
    [ 0, 'issuer', 'list' ], [ 1, 'issuer', 'retire', 1 ],
    [ 3, 'issuer', 'retire', 'none' ], [ 3, 'issuer', 'compromised', 'none' ],
    [ 0, 'issuer', 'rotate' ],
    [ 0, 'jobs', 'list' ], [ 0, 'jobs', 'queues' ], [ 0, 'jobs', 'attempts' ],
    [ 3, 'jobs', 'retry', 1 ], [ 3, 'jobs', 'retry', 6 ],
    [ 3, 'jobs', 'cancel', 1 ], [ 2, 'jobs', 'cancel', 'x' ],
    [ 0, 'order', 'list' ], [ 0, 'radar' ], [ 0, 'renewal', 'list' ],
    [ 0, 'renewal', 'move', '--name', 'a.example', '--within', '1h' ],
    [ 2, 'renewal', 'move' ], [ 3, 'renewal', 'drop', 99 ],
    [ 0, 'revoke', '--name', 'a.example', '--dry-run' ],
    [ 3, 'revoke', '--name', 'none.example' ], [ 2, 'revoke' ],
    [ 3, 'unrevoke', '--name', 'a.example' ], [ 0, 'statistics' ],
    [ 2, 'nothing' ],
);

my @here = (
    [ 0, 'backup', "$dir/backup" ], [ 1, 'backup', "$dir/backup" ],
    [ 1, 'restore', "$dir/none" ], [ 1, 'restore', "$dir/backup" ],
    [ 1, 'import', "$dir/none" ], [ 0, 'export' ], [ 0, 'audit', 'export' ],
    [ 0, 'doctor' ], [ 0, 'issuer', 'csr' ], [ 2, 'issuer', 'csr', '--type', 'x' ],
    [ 1, 'issuer', 'import', "$dir/o.pem" ], [ 2, 'issuer', 'add', "$dir/o.pem" ],
    [ 0, 'renewal', 'drop', 1 ], [ 0, 'certificate', 'import', "$dir/o.pem" ],
    [ 1, 'certificate', 'import', "$dir/o.pem" ],
    [ 0, 'certificate', 'revoke', $two, '--reason', '6' ],
    [ 1, 'certificate', 'verify', $two ], [ 0, 'unrevoke', '--name', 'b.example' ],
    [ 0, 'eab', 'create', '--label', 'y' ], [ 0, 'eab', 'revoke', $kid ],
    [ 0, 'certificate', 'delete', $uuid, '--force' ],
    [ 0, 'account', 'deactivate', 1 ],
    [ 2, 'explain', 'a.example' ], [ 2, 'preflight', 'a.example' ],
);

my @there = (
    [ 0, 'audit', 'export' ], [ 0, 'explain', 'a.example' ],
    [ 0, 'preflight', 'a.example', '--challenge', 'http-01' ], [ 0, 'doctor' ],
    [ 0, 'renewal', 'drop', 2 ], [ 0, 'eab', 'create', '--label', 'z' ],
    [ 0, 'certificate', 'revoke', $two, '--reason', 'superseded' ],
    [ 1, 'certificate', 'verify', $two ],
    map { [ 2, @$_, 'x' ] } [ 'backup' ], [ 'restore' ], [ 'import' ],
        [ 'issuer', 'import' ],
);

# counted by then

ok(acme_ca_wait(sub { (run_tool('--admin', $url, 'statistics'))[1] == 0 }, 30),
    'counted');

is(wrong([ '--admin', $url ], @both), '', 'through nginx, as on the database');
is(wrong([ '--path', "$dir/ca" ], @both, @here), '', 'on the database');
is(wrong([ '--admin', $url ], @there), '', 'through nginx');

# what is not understood is told, with what would be

like((run_tool('certificate'))[0], qr/after "certificate" comes one of: list, by-name, /,
    'half a command');
like((run_tool('order', 'list', '--status', 'x'))[0],
    qr/--status: "x" is none of: pending ready processing valid invalid$/m,
    'a value');

# no command was left out

my %tried = map { join(' ', grep { defined } @$_[1, 2]) => 1 } @both, @here,
    @there;
is(join(', ', grep { my $name = $_; !grep { /^\Q$name\E(?: |$)/ } keys %tried }
    map { my ($word, $second) = split; $second eq '-' ? $word : "$word $second" }
    split /\n/, (run_tool('commands'))[0]), '', 'all of them');

undef $t;

###############################################################################

# those that ended otherwise, or said something else than JSON

sub wrong {
    my ($how, @cases) = @_;
    my @wrong;

    foreach my $case (@cases) {
        my ($wanted, @words) = @$case;
        my ($text, $status) = run_quiet('--json', @$how, @words);

        push @wrong, "@words: $status, not $wanted: $text"
            if $status != $wanted;
        push @wrong, "@words: no JSON: $text"
            if $status == 0 && grep { !eval { json_decode($_); 1 } }
                $text =~ /^\{.*\}\n\{/s ? split /\n/, $text : $text;
    }

    return join "\n", @wrong;
}


# without what it says to people

sub run_quiet {
    open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2> /dev/null < /dev/null', 'sh',
        acme_ca_tool_path(), @_ or die "sh: $!";
    local $/;
    my $text = <$pipe>;
    close $pipe;

    return (defined $text ? $text : '', $? >> 8);
}

###############################################################################
