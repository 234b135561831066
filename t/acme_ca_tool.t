#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The operator's tool beside a running nginx: external accounts, accounts,
# orders, certificates.  What it does counts at once in every worker.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
acme_ca_tool($t);

acme_ca_conf($t, workers => 4,
    authority => 'external_account_binding required; validation_timeout 1m;',
    server => 'location /admin/ { acme_ca_admin default full;
                   auth_basic a; auth_basic_user_file %%TESTDIR%%/users; }');

my $dir = $t->testdir();
my $json;

$t->write_file('users', "o:{PLAIN}se\"c\\ret\n");
$t->write_file('user', "o:se\"c\\ret\n");

$t->plan(175);

###############################################################################

# before there is an authority

is((tool('help'))[1], 0, 'help');
like($text, qr/^Usage: acme-ca/, 'usage');
is((tool('eab', 'list'))[1], 1, 'no database');
like($text, qr/no authority in "\Q$dir\E/, 'says so');
ok(!-e "$dir/ca/ca.db", 'and makes none');

$t->run();

my $acme = acme_client($t);
my $owner = (stat "$dir/ca/ca.db")[4];

###############################################################################

# wrong usage

foreach my $case (
    [ 'unknown command', 'eab', 'make' ],
    [ 'half a command', 'eab' ],
    [ 'unknown option', 'eab', 'list', '--all', 'x' ],
    [ 'option of another', 'eab', 'list', '--label', 'x' ],
    [ 'no value', 'eab', 'create', '--label' ],
    [ 'no label', 'eab', 'create' ],
    [ 'line feed in the label', 'eab', 'create', '--label', "a\nb" ],
    [ 'long label', 'eab', 'create', '--label', 'a' x 65 ],
    [ 'label of UTF-8', 'eab', 'create', '--label', "\xc3\xa4" ],
    [ 'name: wildcard', 'eab', 'create', '--label', 'x', '--name', '*.a' ],
    [ 'name: quote', 'eab', 'create', '--label', 'x', '--name', "a'b" ],
    [ 'name: blank', 'eab', 'create', '--label', 'x', '--name', 'a b' ],
    [ 'name: dots', 'eab', 'create', '--label', 'x', '--name', 'a..b' ],
    [ 'name: octet', 'eab', 'create', '--label', 'x', '--name', '10.0.0.256' ],
    [ 'name: prefix', 'eab', 'create', '--label', 'x', '--name',
        '10.0.0.0/33' ],
    [ 'name: line feed', 'eab', 'create', '--label', 'x', '--name', "a\nb" ],
    [ 'profile', 'eab', 'create', '--label', 'x', '--profile', 'A b' ],
    [ 'no number', 'eab', 'create', '--label', 'x', '--max-accounts', '-1' ],
    [ 'none at all', 'eab', 'create', '--label', 'x', '--max-accounts', '0' ],
    [ 'no time', 'eab', 'create', '--label', 'x', '--expires', '1x' ],
    [ 'no time at all', 'eab', 'create', '--label', 'x', '--expires', '0d' ],
    [ 'limit', 'order', 'list', '--limit', '1;DROP TABLE jobs' ],
    [ 'account', 'account', 'show', "1' OR 1" ],
    [ 'serial', 'certificate', 'show', "00' OR 1=1 --" ],
    [ 'no serial', 'certificate', 'show' ],
    [ 'one too many', 'account', 'show', '1', '2' ],
) {
    my ($name, @args) = @$case;

    is((tool(@args))[1], 2, "usage: $name");
}

foreach my $case ([ 'eab', 'show', 'nobody' ], [ 'eab', 'revoke', "' OR 1" ],
    [ 'account', 'show', '1' ], [ 'account', 'deactivate', '1' ],
    [ 'certificate', 'show', 'ab:cd' ])
{
    is((tool(@$case))[1], 3, "absent: @$case");
}

is(sql("SELECT count(*) FROM acme_audit_logs WHERE actor = 'operator'"), 0,
    'nothing was done');
is_deeply(json('eab', 'list'), [], 'none yet');

###############################################################################

# an external account; texts with all that SQL and the shell could trip over

my $label = q{O'Brien "x"; DROP TABLE acme_accounts; -- $(id) `id` \n %s};

is((tool('eab', 'create', '--label', $label, '--name', 'A.example', '--name',
    '.b.example', '--name=10.0.0.0/8', '--profile', 'default',
    '--max-accounts', 1, '--expires', '30d', '--directory',
    acme_ca_url() . '/directory'))[1], 0, 'created');

my ($kid) = $text =~ /^kid\s+([0-9a-f]{32})$/m;
my ($hmac) = $text =~ /^HMAC key\s+([\w-]{43})$/m;
my $server = acme_ca_url() . '/directory';

like($text, qr/^\Qlabel     $label\E$/m, 'label');
like($text, qr/^certbot .* --eab-kid $kid --eab-hmac-key \Q$hmac\E -d a\.e/m,
    'line for certbot');
like($text, qr/^lego --server \Q$server\E --eab --kid $kid --hmac \Q$hmac\E/m,
    'line for lego');
like($text, qr/^acme\.sh .* --eab-kid $kid --eab-hmac-key \Q$hmac\E$/m,
    'line for acme.sh');

my ($row) = acme_ca_sql($t, 'SELECT label, names, profiles,
    max_accounts, created_at, expires_at, hex(hmac_key) AS key
    FROM acme_eab_credentials');

is($row->{label}, $label, 'label stored');
is($row->{names}, 'a.example .b.example 10.0.0.0/8', 'names stored');
is($row->{profiles}, 'default', 'profiles stored');
is($row->{max_accounts}, 1, 'number stored');
is($row->{expires_at} - $row->{created_at}, 30 * 86400, 'expiry stored');
is(lc $row->{key}, unpack('H*', b64u_decode($hmac)), 'key stored');
is(audit('action'), 'eab-create', 'audited');
is(audit('outcome'), 'done', 'as done');
is(json_decode(audit('details'))->{eab}, $label, 'with the label');
is(json_decode(audit('details'))->{kid}, $kid, 'with the kid');
unlike(audit('details'), qr/\Q$hmac\E|$row->{key}/i, 'without the key');

$json = json('eab', 'list');
is(scalar @$json, 1, 'listed');
is($json->[0]{kid}, $kid, 'kid');
is($json->[0]{label}, $label, 'label');
is($json->[0]{status}, 'valid', 'status');
is_deeply(json('eab', 'show', $kid), json('eab', 'show', $label),
    'by its kid, by its label');
unlike((tool('eab', 'show', $kid))[0], qr/\Q$hmac\E|$row->{key}/i,
    'the key is not shown');

# clients use it

my $reply = bind_account($acme, $kid, $hmac);
is($reply->outcome(), '201', 'bound');
is($acme->new_order([ 'c.example' ])->outcome(), '400 rejectedIdentifier',
    'a name that is not for it');
is(json('eab', 'show', $kid)->{status}, 'used up', 'used up');
is(json('eab', 'show', $kid)->{account_ids}, '1', 'its account');
is(bind_account($acme->another(), $kid, $hmac)->outcome(), '403 unauthorized',
    'not another one');

# keys never begin with "-", in JSON as well; the minimum

my @made = map { json('eab', 'create', '--label', "many") } 1 .. 3;
is((grep { $_->{hmac_key} =~ /^\w[\w-]{42}$/ } @made), 3, 'keys in JSON');
isnt($made[0]{hmac_key}, $made[1]{hmac_key}, 'each its own');
isnt($made[0]{kid}, $made[1]{kid}, 'kids as well');
is((tool('eab', 'show', 'many'))[1], 1, 'which of them?');

###############################################################################

# orders and certificates

my $got = $acme->issue([ 'a.example', 'x.b.example' ]);
my $serial = cert_serial($got->{chain});

$json = json('order', 'list', '--status', 'valid');
is(scalar @$json, 1, 'order');
is($json->[0]{names}, 'a.example x.b.example', 'its names');
foreach my $case ([ 'order', 'list', '--status', 'nonsense' ],
    [ 'account', 'list', '--status', 'valid revoked' ],
    [ 'certificate', 'list', '--status', 'nonsense' ],
    [ 'audit', 'list', '--outcome', 'nonsense' ])
{
    is((tool(@$case))[1], 2, "no such word: @$case");
}

is_deeply(json('order', 'list', '--account', 1, '--status', 'pending'), [],
    'no other order');
is_deeply(json('order', 'list', '--limit', 0), $json, 'all orders');

$json = json('certificate', 'list', '--account', 1);
is(scalar @$json, 1, 'certificate');
is($json->[0]{serial}, $serial, 'its serial');
is(scalar @{json('certificate', 'list', '--name', 'x.b.example')}, 1,
    'by name');
is(scalar @{json('certificate', 'list', '--name', 'b.example')}, 0,
    'by another name');
is(scalar @{json('certificate', 'list', '--expires', '1d')}, 0, 'not yet');
is(scalar @{json('certificate', 'list', '--expires', '1y', '--account',
    1)}, 1,
    'within a year');

my ($pem) = $got->{chain} =~ /(-----BEGIN.*?END CERTIFICATE-----\n)/s;
is(json('certificate', 'show', $serial)->{pem}, $pem, 'PEM');
is(json('certificate', 'show', uc join ':', $serial =~ /(..)/g)->{names},
    'dns:a.example dns:x.b.example', 'by a serial with colons');
like((tool('certificate', 'show', "00$serial"))[0], qr/\n\n\Q$pem\E\z/,
    'PEM as text');

# accounts

$json = json('account', 'list');
is(scalar @$json, 1, 'account');
is($json->[0]{eab}, $label, 'its external account');
is($json->[0]{certificates}, 1, 'its certificates');
is_deeply(json('account', 'list', '--eab', $label), $json, 'by label');
is_deeply(json('account', 'list', '--status', 'revoked'), [], 'by status');
is(json('account', 'show', 1)->{eab_kid}, $kid, 'by number');

my $thumbprint = $acme->{key}->thumbprint();

SKIP: {
    skip 'thumbprint looks like an option', 1 if $thumbprint =~ /^--/;
    is(json('account', 'show', $thumbprint)->{id}, 1, 'by thumbprint');
}

is(json('account', 'show', unpack 'H*', b64u_decode($thumbprint))->{id}, 1,
    'by its digits');

###############################################################################

# an account ends: its pending work as well, at once in every worker

my $order = $acme->new_order([ 'slow.b.example' ]);
my $ready = $acme->new_order([ 'a.example' ]);
is($ready->json()->{status}, 'ready', 'an order that is ready');

for (1 .. 16) {
    $acme->another(key => $acme->{key}, kid => $acme->{kid})->account();
}

my $authz = $order->json()->{authorizations}[0];
$acme->respond($authz, hold => "$dir/ended");
is(sql('SELECT count(*) FROM jobs'), 1, 'a validation runs');

is(json('account', 'deactivate', 1)->{changed}, 1, 'ended');
is(join(' ', map { $acme->another(key => $acme->{key}, kid => $acme->{kid})
    ->account()->outcome() } 1 .. 16), join(' ', ('401 unauthorized') x 16),
    'each worker knows');

is($acme->post($order->location())->outcome(), '401 unauthorized', 'order');
is($acme->finalize($ready, acme_csr(dns => [ 'a.example' ],
    key => acme_key('ES256')))->outcome(), '401 unauthorized', 'finalize');
is($acme->post($acme->challenge($order) ? '' : $authz)->outcome(),
    '401 unauthorized', 'authorization');
is($acme->post($got->{certificate_url})->outcome(), '401 unauthorized',
    'certificate');
is($acme->new_account()->outcome(), '401 unauthorized', 'account');

is(sql('SELECT count(*) FROM jobs'), 0, 'no validation');
is(sql("SELECT group_concat(DISTINCT status) FROM acme_orders
    WHERE certificate_id IS NULL"), 'invalid', 'orders ended');
is(sql("SELECT json_extract(error, '\$.detail') FROM acme_orders
    WHERE status = 'invalid' LIMIT 1"), 'the account was deactivated',
    'and say why');
is(sql("SELECT group_concat(DISTINCT status) FROM acme_authorizations"),
    'deactivated', 'authorizations ended');
is(sql('SELECT status FROM acme_certificates WHERE account_id = 1'), 'valid',
    'certificates stay');
is(audit('action'), 'revoke-account', 'audited');
is(audit('account_id'), 1, 'with the account');
is(json('account', 'deactivate', 1)->{changed}, 0, 'a second time');
is(sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'revoke-account'"), 1, 'is nothing');

$t->write_file('ended', '');
ok(acme_ca_wait(sub { sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'validate' AND reason LIKE '%finished before%'") }),
    'the verdict came too late');

###############################################################################

# an external account ends, without and with its accounts

my ($one, $two) = map { $acme->another() } 1 .. 2;

bind_account($one, $made[0]{kid}, $made[0]{hmac_key});
bind_account($two, $made[1]{kid}, $made[1]{hmac_key});

is(json('eab', 'revoke', $made[0]{kid})->{accounts}, 0, 'revoked');
is(bind_account($acme->another(), $made[0]{kid}, $made[0]{hmac_key})
    ->outcome(), '403 unauthorized', 'no new accounts');
is($one->account()->outcome(), '200', 'its account goes on');

is(json('eab', 'revoke', $made[1]{kid}, '--accounts')->{accounts}, 1,
    'revoked with its accounts');
is($two->account()->outcome(), '401 unauthorized', 'its account ended');
is($one->account()->outcome(), '200', 'no other did');
is(json('eab', 'revoke', '--accounts', $made[0]{kid})->{accounts}, 1,
    'later its accounts');
is($one->account()->outcome(), '401 unauthorized', 'which ended');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'eab-revoke'"), 2,
    'audited once each');

###############################################################################

# nginx goes on writing: the files are still its own

is(join(' ', map { (stat)[4] } glob "$dir/ca/ca.db*"),
    join(' ', map { $owner } glob "$dir/ca/ca.db*"), 'owner of the files');
is((stat "$dir/ca/ca.db")[2] & 0777, 0600, 'for nobody else');
my $last = $acme->another();
is(bind_account($last, $made[2]{kid}, $made[2]{hmac_key})->outcome(), '201',
    'nginx writes');

###############################################################################

# by the admin location

SKIP: {
    skip 'no curl', 44 unless run('curl', '-V')
        =~ /^curl/;

    my $url = 'http://127.0.0.1:' . port(8080) . '/admin/';
    my @by = ('--admin', $url, '--user-file', "$dir/user");

    is((run_tool('--admin', $url, 'eab', 'list'))[1], 1, 'admin: no user');
    like($text, qr/Unauthorized/, 'admin: says so');
        is((run_tool('--admin', 'x', 'eab', 'list'))[1], 2, 'admin: no URL');
    is((run_tool('--admin', $url . 'x/', '--user-file', "$dir/user", 'eab',
        'list'))[1], 3, 'admin: no such place');

    is_deeply(run_json(@by, 'eab', 'list'), json('eab', 'list'),
        'admin: the same list');

    my $there = run_json(@by, 'eab', 'create', '--label', $label, '--name',
        'A.example', '--name', '10.0.0.0/8', '--profile', 'default',
        '--max-accounts', 2, '--expires', '30d');
    like($there->{hmac_key}, qr/^\w[\w-]{42}$/, 'admin: created');
    is($there->{label}, $label, 'admin: label');

    my $same = json('eab', 'show', $there->{kid});
    delete $same->{account_ids};
    is_deeply(run_json(@by, 'eab', 'show', $there->{kid}), $same,
        'admin: shown the same');
    is($same->{names}, 'a.example 10.0.0.0/8', 'admin: names');
    is(bind_account($acme->another(), $there->{kid}, $there->{hmac_key})
        ->outcome(), '201', 'admin: used');
    like((run_tool(@by, 'eab', 'create', '--label', 'lines'))[0],
        qr/^certbot .* --eab-kid [0-9a-f]{32} /m, 'admin: lines for clients');
    is(run_json(@by, 'eab', 'show', 'lines')->{label}, 'lines',
        'admin: by label');
    is((run_tool(@by, 'eab', 'show', 'many'))[1], 1, 'admin: which of them?');
    is((run_tool(@by, 'eab', 'show', q{no/?&#'"}))[1], 3, 'admin: none');
    is((run_tool(@by, 'eab', 'create', '--label', 'x', '--profile',
        'none'))[1], 2, 'admin: refused');
    like($text, qr/there is no profile "none"/, 'admin: says why');
    is(run_json(@by, 'eab', 'revoke', $there->{kid}, '--accounts')->{accounts},
        1, 'admin: revoked with its accounts');
    is(run_json(@by, 'eab', 'show', $there->{kid})->{status}, 'revoked',
        'admin: revoked');

    # the registry

    is_deeply([ map { $_->{id} } @{run_json(@by, 'account', 'list')} ],
        [ map { $_->{id} } @{json('account', 'list')} ], 'admin: accounts');
    is(run_json(@by, 'account', 'show', '1')->{thumbprint_sha256},
        json('account', 'show', 1)->{thumbprint_sha256}, 'admin: account');
    is(run_json(@by, 'account', 'deactivate', '1')->{changed}, 0,
        'admin: it ended before');
    is_deeply(run_json(@by, 'order', 'list'), json('order', 'list'),
        'admin: orders');
    is_deeply(run_json(@by, 'order', 'list', '--limit', 1),
        json('order', 'list', '--limit', 1), 'admin: one order');
    is_deeply(run_json(@by, 'certificate', 'list', '--account', 1, '--expires',
        '1y'), json('certificate', 'list', '--account', 1, '--expires', '1y'),
        'admin: certificates');
    is_deeply(run_json(@by, 'certificate', 'show', $serial),
        json('certificate', 'show', $serial), 'admin: certificate');
    is((run_tool(@by, 'certificate', 'show', $serial))[0],
        (tool('certificate', 'show', $serial))[0], 'admin: as text');

    $json = run_json(@by, 'renewal', 'move', '--name', '.b.example', '--within',
        '2d', '--url', 'https://a.example/');
    is($json->{id}, json('renewal', 'list')->[0]{id}, 'admin: window');
    is_deeply(run_json(@by, 'renewal', 'list'), json('renewal', 'list'),
        'admin: windows');
    is((run_tool(@by, 'renewal', 'drop', $json->{id}))[1], 0, 'admin: dropped');
    is((run_tool(@by, 'renewal', 'drop', $json->{id}))[1], 3, 'admin: once');
    is((run_tool(@by, 'renewal', 'move'))[1], 2, 'admin: which?');

    is((run_tool(@by, 'certificate', 'chain', $serial))[0],
        $got->{chain}, 'admin: chain');
    is(run_json(@by, 'certificate', 'revoke', $serial, '--reason',
        'superseded')->{changed}, 1, 'admin: certificate revoked');
    is(json('certificate', 'show', $serial)->{revocation_reason}, 4,
        'admin: its reason');
    is(run_json(@by, 'certificate', 'revoke', $serial)->{changed}, 0,
        'admin: it was before');

    # explain

    is((tool('explain', 'a.example'))[1], 2, 'explain: by the file');
    like($text, qr/needs --admin/, 'explain: says so');
    is((run_tool(@by, 'explain'))[1], 2, 'explain: no name');

    $json = run_json(@by, 'explain', 'a.example', '*.b.example', '--eab',
        'lines', '--address', '127.0.0.1', '--client-name', 'dns:a',
        '--client-name', 'email:b c', '--client-certificate', 'CN=a "b"');
    is($json->{decision}, 'deny', 'explain: denied');
    is($json->{eab}, 'lines', 'explain: external account');
    is(join(' ', map { $_->{decision} } @{$json->{names}}), 'allow deny',
        'explain: names');
    like((run_tool(@by, 'explain', 'a.example', '--account', $thumbprint))[0],
        qr/decision = deny\n.* problem = unauthorized\n/s,
        'explain: an account that ended');
    like((run_tool(@by, 'explain', '*.b.example'))[0],
        qr/^\*\.b\.example +deny .*no challenge offered here/m,
        'explain: a table');
    is((run_tool(@by, 'explain', 'a.example', '--address', 'x'))[1], 2,
        'explain: no address');
}

###############################################################################

$t->stop();

is(scalar @{json('account', 'list')}, 5, 'without nginx');
is(join(' ', map { (stat)[4] } glob "$dir/ca/ca.db*"),
    join(' ', map { $owner } glob "$dir/ca/ca.db*"), 'owner of the files');

# nobody else

SKIP: {
    skip 'not root', 2 if $>;

    my @as = qw/ setpriv --reuid 1 --regid 1 --clear-groups -- /;
    my $said = run(@as, acme_ca_tool_path(),
        '--path', "$dir/ca", 'eab', 'list');
    is($? >> 8, 1, 'another user');
    like($said, qr/belongs to somebody else/, 'is told so');
}

# a file that is no database of ours

mkdir "$dir/other";
$t->write_file('other/ca.db', 'x');
is((run_tool('--path', "$dir/other", 'eab', 'list'))[1], 1, 'no database');

symlink "$dir/ca/ca.db", "$dir/other/link";
rename "$dir/other/link", "$dir/other/ca.db";
like((run_tool('--path', "$dir/other", 'eab', 'list'))[0], qr/is a link/,
    'no link');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub bind_account {
    my ($client, $kid, $key) = @_;

    return $client->new_account({ externalAccountBinding
        => $client->binding($kid, b64u_decode($key)) });
}


sub audit {
    my ($column) = @_;

    return sql("SELECT $column FROM acme_audit_logs WHERE actor = 'operator'
        ORDER BY id DESC LIMIT 1");
}

###############################################################################
