#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Accounts in use: key rollover with each of its checks (RFC 8555, 7.3.5), the
# list of orders page by page (7.1.2.1), and what ends with an account (7.3.6).

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t, workers => 4, authority => 'validation_timeout 1m;')
    ->plan(105)->run();

my $acme = acme_client($t);
my $url = $acme->url('keyChange');
my $other = $acme->another();
my $gone = $acme->another();

$_->new_account() for $acme, $other, $gone;
$gone->account({ status => 'deactivated' });

my $old = $acme->{key};
my $new = acme_key('ES256');

###############################################################################

# step 1: the outer JWS is an account's

is($acme->key_change($new, key => $new)->outcome(), '403 unauthorized',
    'outer by the new key');
is($acme->key_change($new, jwk => 1)->outcome(), '400 malformed',
    'outer by a jwk');
is($gone->key_change($new)->outcome(), '401 unauthorized',
    'a deactivated account');
is($acme->key_change($new, nonce => undef)->outcome(), '400 badNonce',
    'outer without nonce');
is($acme->key_change($new, url => $acme->url('newOrder'))->outcome(),
    '403 unauthorized', 'outer url');
is($acme->post($url)->outcome(), '400 malformed', 'POST-as-GET');

# steps 2 to 4, 6: the inner JWS

my $nonce = sub { return (protected => { nonce => $_[0] }) };

foreach my $case (
    [ '400 malformed', 'jwk and kid', protected => { kid => $acme->{kid} } ],
    [ '400 malformed', 'kid', jwk => 0, kid => $acme->{kid} ],
    [ '400 malformed', 'no key', protected => { jwk => undef } ],
    [ '400 malformed', 'jwk is text', protected => { jwk => 'x' } ],
    [ '400 badPublicKey', 'jwk is a symmetric key',
        protected => { jwk => { kty => 'oct', k => 'AA' } } ],
    [ '400 malformed', 'private key',
        protected => { jwk => $new->jwk(private => 1) } ],
    [ '400 malformed', 'a good nonce', $nonce->($acme->fresh_nonce()) ],
    [ '400 malformed', 'an empty nonce', $nonce->('') ],
    [ '400 malformed', 'url', url => $acme->url('newOrder') ],
    [ '400 malformed', 'url with a query', url => "$url?" ],
    [ '400 malformed', 'no url', protected => { url => undef } ],
    [ '400 malformed', 'unprotected header', members => { header => {} } ],
    [ '400 malformed', 'no payload', members => { payload => undef } ],
    [ '400 malformed', 'no signature', members => { signature => undef } ],
    [ '400 malformed', 'header is no JSON', members => {
        protected => b64u('{') } ],
    [ '400 badSignatureAlgorithm', 'none', protected => { alg => 'none' } ],
    [ '400 badSignatureAlgorithm', 'HS256', protected => { alg => 'HS256' } ],
    [ '400 badSignatureAlgorithm', 'alg of another key',
        protected => { alg => 'RS256' }, alg => 'ES256' ],
    [ '403 unauthorized', 'signature', signature => sub {
        $_[0] ^ ("\0" x 63 . "\1") } ],
    [ '400 malformed', 'short signature', signature => "\0" x 63 ],
    [ '403 unauthorized', 'signature of the old key', key => $old,
        protected => { jwk => $new->jwk() } ],
    [ '403 unauthorized', 'another payload', members => { payload => b64u(
        json_encode({ account => $acme->{kid}, oldKey => $old->jwk(),
                      x => 1 })) } ],
) {
    my ($outcome, $name, @inner) = @$case;

    inner_is($outcome, $name, inner => { @inner });
}

# steps 5, 7, 8: what it says

foreach my $case (
    [ 'no account', account => undef ],
    [ 'another account', account => $other->{kid} ],
    [ 'no account of ours', account => 'https://ca.example/account/1' ],
    [ 'account with a slash', account => "$acme->{kid}/" ],
    [ 'account is a list', account => [ $acme->{kid} ] ],
    [ 'no old key', oldKey => undef ],
    [ 'old key is text', oldKey => 'x' ],
    [ 'old key is empty', oldKey => {} ],
    [ 'old key of another', oldKey => $other->{key}->jwk() ],
    [ 'new key as the old', oldKey => $new->jwk() ],
    [ 'old private key', oldKey => $old->jwk(private => 1) ],
) {
    my ($name, @payload) = @$case;

    inner_is(qr/^400 (?:malformed|badPublicKey)$/, $name,
        inner_payload => { @payload });
}

foreach my $text ('', '[]', '"x"', 'null', '{', '{}') {
    my $inner = $acme->jws($url, $text, key => $new, jwk => 1,
                           nonce => undef);

    is($acme->post($url, $inner)->outcome(), '400 malformed',
        "inner payload '$text'");
}

is($acme->post($url, { account => $acme->{kid}, oldKey => $old->jwk() })
    ->outcome(), '400 malformed', 'no inner JWS');

# the new key has to be one that an account may have

is($acme->key_change(acme_key('RS256', bits => 1024))->outcome(),
    '400 badPublicKey', 'weak key');
is($acme->key_change(acme_key('ES256', curve => 'secp256k1'))->outcome(),
    '400 badPublicKey', 'another curve');

# step 9: conflicts

foreach my $case ([ 'of another account', $other ],
    [ 'of a deactivated account', $gone ], [ 'that it has', $acme ])
{
    my ($name, $client) = @$case;
    my $reply = $acme->key_change($client->{key});

    is($reply->outcome(), '409 malformed', "key $name");
    is($reply->location(), $client->{kid}, "key $name: whose account");
}

is($acme->account()->outcome(), '200', 'after all the old key is good');
is(audit('done'), 0, 'nothing was changed');

###############################################################################

# done: orders, authorizations, certificates are the account's still

my $got = $acme->issue([ 'a.example' ]);
my $order = $acme->new_order([ 'b.example' ]);
my $authz = $order->json()->{authorizations}[0];
my $inner = $acme->jws($url, { account => $acme->{kid},
                               oldKey => $old->jwk() },
                       key => $new, jwk => 1, nonce => undef);
my $outer = json_encode($acme->jws($url, $inner));

is($acme->send_jws($url, $outer)->outcome(), '200', 'changed');
is(audit('done'), 1, 'audited');

# replays

is($acme->send_jws($url, $outer)->outcome(), '403 unauthorized',
    'the same request: no longer the key');
is($acme->post($url, $inner, key => $new)->outcome(), '400 malformed',
    'the inner JWS: no longer the old key');
is($other->post($url, $inner)->outcome(), '400 malformed',
    'the inner JWS by another account');

is(join(' ', map { $acme->another(key => $old, kid => $acme->{kid})
    ->account()->outcome() } 1 .. 16), join(' ', ('403 unauthorized') x 16),
    'the old key is no good in any worker');
is($acme->another(key => $old)->find_account()->outcome(),
    '400 accountDoesNotExist', 'nor is it known');

$acme->{key} = $new;

is($acme->post($got->{url})->json()->{status}, 'valid', 'order of before');
is($acme->post($got->{certificate_url})->outcome(), '200', 'certificate');
$acme->respond($authz);
is($acme->poll($authz)->json()->{status}, 'valid',
    'authorization of before, by the new key');

# to another kind of key and back: the first change cannot be replayed

my $third = acme_key('EdDSA');

is($acme->key_change($third)->outcome(), '200', 'another kind');
is($acme->key_change($old)->outcome(), '200', 'back to the first');
is($acme->send_jws($url, $outer)->outcome(), '400 badNonce',
    'the first request again');
is($acme->find_account()->location(), $acme->{kid}, 'the account is found');
is($acme->revoke($got->{chain})->outcome(), '200', 'certificate revoked');

# the old key is free: somebody else may have it

my $second = $acme->another(key => $third);
is($second->new_account()->outcome(), '201', 'a free key');
isnt($second->{kid}, $acme->{kid}, 'another account');

# many accounts want one key at the same time: one gets it

my $wanted = acme_key('ES256');
my @pids;

foreach my $n (1 .. 8) {
    my $client = $acme->another();
    $client->new_account();

    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        my $outcome = eval { $client->key_change($wanted)->outcome() } || $@;
        open my $f, '>', $t->testdir() . "/race$n";
        print {$f} $outcome;
        close $f;
        POSIX::_exit(0);
    }

    push @pids, $pid;
}

waitpid $_, 0 for @pids;

my @outcomes = sort map { $t->read_file("race$_") } 1 .. 8;
is($outcomes[0], '200', 'one got it');
is(join(' ', @outcomes[1 .. 7]), join(' ', ('409 malformed') x 7),
    'the others did not');

###############################################################################

# orders, a page at a time

my $busy = $acme->another();
$busy->new_account();

is_deeply($busy->post("$busy->{kid}/orders")->json()->{orders}, [], 'none yet');

my @made = map { $busy->new_order([ "n$_.example" ])->location() } 1 .. 50;
my $page = $busy->post("$busy->{kid}/orders");
is_deeply($page->json()->{orders}, [ reverse @made ], 'one full page');
is(scalar $page->links('next'), 0, 'no other page');

push @made, map { $busy->new_order([ "n$_.example" ])->location() } 51 .. 123;

# what failed is left out, what is another's is not in

$busy->post($busy->post($made[60])->json()->{authorizations}[0],
            { status => 'deactivated' });
is($busy->post($made[60])->json()->{status}, 'invalid', 'an invalid order');

my @wanted = @made;
splice @wanted, 60, 1;

my (@pages, @seen);

for (my $next = "$busy->{kid}/orders"; $next && @pages < 10; ) {
    $page = $busy->post($next);
    last if $page->{status} != 200;

    push @pages, scalar @{$page->json()->{orders}};
    push @seen, @{$page->json()->{orders}};

    # newer orders do not shift the pages
    $busy->new_order([ 'late.example' ]) if @pages == 1;

    ($next) = $page->links('next');
}

is("@pages", '50 50 22', 'pages');
is_deeply(\@seen, [ reverse @wanted ], 'each order once, newest first');
is_deeply([ $page->links('index') ], [ $busy->{directory} ], 'index');

my ($next) = $busy->post("$busy->{kid}/orders")->links('next');
like($next, qr!^\Q$busy->{kid}\E/orders\?cursor=[\w-]+$!, 'next');
is($busy->post($next, undef, url => "$busy->{kid}/orders")->outcome(),
    '403 unauthorized', 'the query is signed');
is($busy->post($next, {})->outcome(), '400 malformed', 'no POST-as-GET');
is($acme->post($next)->outcome(), '404 malformed', "not another's");

foreach my $query ('cursor=', 'cursor=x', 'cursor=' . 'A' x 22, 'page=2',
    'cursor=' . ($busy->{kid} =~ /([\w-]+)$/)[0])
{
    is($busy->post("$busy->{kid}/orders?$query")->outcome(), '404 malformed',
        "bad cursor: $query");
}

###############################################################################

# an account that ends, with a validation under way

my $last = $acme->another();
$last->new_account();
$last->issue([ 'done.example' ]);

my $ready = $last->new_order([ 'done.example' ]);
my $pending = $last->new_order([ 'slow.example', 'never.example' ]);
my ($slow) = @{$pending->json()->{authorizations}};
my $id = sql('SELECT max(id) FROM acme_accounts');

$last->respond($slow, hold => $t->testdir() . '/ended');
is(sql('SELECT count(*) FROM jobs'), 1, 'a validation runs');

is($last->account({ status => 'deactivated' })->json()->{status},
    'deactivated', 'ended');

is(sql('SELECT count(*) FROM jobs'), 0, 'no validation');
is(sql("SELECT group_concat(DISTINCT status) FROM acme_authorizations
    WHERE account_id = $id"), 'deactivated', 'authorizations');
is(sql("SELECT group_concat(status, ' ') FROM acme_orders
    WHERE account_id = $id"), 'valid invalid invalid', 'orders');
is(sql("SELECT json_extract(error, '\$.type') || ' '
        || json_extract(error, '\$.status') FROM acme_orders
    WHERE account_id = $id AND status = 'invalid' LIMIT 1"),
    'urn:ietf:params:acme:error:unauthorized 403', 'why');
is(sql("SELECT status FROM acme_certificates WHERE account_id = $id"),
    'valid', 'certificates stay');
is(sql("SELECT count(*) FROM acme_authorizations
    WHERE account_id <> $id AND status = 'deactivated'"), 1,
    "others' authorizations");

foreach my $case ([ 'account', $last->{kid} ], [ 'authorization', $slow ],
    [ 'order', $ready->location() ], [ 'orders', "$last->{kid}/orders" ])
{
    is($last->post($case->[1])->outcome(), '401 unauthorized', $case->[0]);
}

is($last->finalize($ready, acme_csr(dns => [ 'done.example' ],
    key => acme_key('ES256')))->outcome(), '401 unauthorized', 'finalize');

$t->write_file('ended', '');
ok(acme_ca_wait(sub { sql("SELECT count(*) FROM acme_audit_logs
    WHERE action = 'validate' AND account_id = $id
          AND reason LIKE '%finished before%'") }),
    'the verdict came too late');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub inner_is {
    my ($outcome, $name, @opts) = @_;
    my $reply = $acme->key_change($new, @opts);

    $acme->{key} = $old;

    ref $outcome ? like($reply->outcome(), $outcome, "inner: $name")
                 : is($reply->outcome(), $outcome, "inner: $name");
}


sub sql {
    my ($sql) = @_;

    return acme_ca_sql_value($t, $sql);
}


sub audit {
    my ($outcome) = @_;

    return sql("SELECT count(*) FROM acme_audit_logs
        WHERE action = 'key-change' AND outcome = '$outcome'");
}

###############################################################################
