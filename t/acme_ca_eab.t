#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# External account binding (RFC 8555, 7.3.4): what is refused and how, how
# credentials end, what the accounts that they bound may have.

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

acme_ca_conf($t, workers => 4, authority => 'external_account_binding required;
        profile default { lifetime 90d; }
        profile short { lifetime 7d; }
        profile long { lifetime 180d; }',
    http => <<'END')->plan(120)->run();
acme_ca_authority optional {
        path %%TESTDIR%%/optional;
        base_url http://127.0.0.1:8082/optional;
        external_account_binding optional;
    }

    acme_ca_authority off {
        path %%TESTDIR%%/off;
        base_url http://127.0.0.1:8082/off;
    }

    server {
        listen 127.0.0.1:8082;
        location /optional/ { acme_ca optional; }
        location /off/ { acme_ca off; }
    }
END

my $acme = acme_client($t);
my $url = $acme->url('newAccount');
my $db = acme_ca_database($t);
my $key = 'k' x 32;
my $jwk = json_encode($acme->{key}->jwk());
my $other_jwk = json_encode($acme->another()->{key}->jwk());

credential(kid => 'plain', label => 'Plain');
credential(kid => 'once', label => 'Once', max_accounts => 1);
credential(kid => 'old', label => 'Old', expires_at => time() - 1);
credential(kid => 'gone', label => 'Gone', revoked_at => time());
credential(kid => 'narrow', label => 'Team "A"', profiles => 'short long',
    names => 'exact.example .sub.example 127.0.0.0/30');
credential(kid => 'wide', label => 'Wide', names => '*', profiles => 'default');

###############################################################################

# the directory

is(meta('externalAccountRequired'), 1, 'required is told');
ok(!exists client('optional')->directory()->{meta}{externalAccountRequired},
    'optional is not told');

# none

is(new_account()->outcome(), '403 externalAccountRequired', 'none');
is(audit('reason', 'refused'),
    'externalAccountRequired: an external account binding is required',
    'none: audited');
is($acme->find_account()->outcome(), '400 accountDoesNotExist',
    'looking for an account needs none');

# what is no binding

my $good = sub { return $acme->binding('plain', $key, @_) };

foreach my $case (
    [ 'null', undef ],
    [ 'text', 'x' ],
    [ 'array', [] ],
    [ 'empty', {} ],
    [ 'unprotected header', $good->(members => { header => { a => 1 } }) ],
    [ 'more members', $good->(members => { x => 1 }) ],
    [ 'general serialization', $good->(members => { signatures => [],
        signature => undef }) ],
    [ 'no payload', $good->(members => { payload => undef }) ],
    [ 'no signature', $good->(members => { signature => undef }) ],
    [ 'no protected', $good->(members => { protected => undef }) ],
    [ 'padding', $good->(members => { signature => 'AA==' }) ],
    [ 'header is no object', $good->(members => { protected => b64u('[]') }) ],
    [ 'header is no JSON', $good->(members => { protected => b64u('{') }) ],
    [ 'alg none', $good->(protected => { alg => 'none' }, mac => '') ],
    [ 'alg none with a MAC', $good->(protected => { alg => 'none' }) ],
    [ 'alg ES256 with a MAC', $good->(protected => { alg => 'ES256' }) ],
    [ 'alg RS256 with a MAC', $good->(protected => { alg => 'RS256' }) ],
    [ 'alg hs256', $good->(protected => { alg => 'hs256' }) ],
    [ 'alg HS1', $good->(protected => { alg => 'HS1' }) ],
    [ 'no alg', $good->(protected => { alg => undef }) ],
    [ 'alg is a number', $good->(protected => { alg => 256 }) ],
    [ 'no kid', $good->(protected => { kid => undef }) ],
    [ 'empty kid', $good->(protected => { kid => '' }) ],
    [ 'kid is a number', $good->(protected => { kid => 7 }) ],
    [ 'jwk', $good->(protected => { jwk => $acme->{key}->jwk() }) ],
    [ 'jwk in place of kid', $good->(protected => { kid => undef,
        jwk => $acme->{key}->jwk() }) ],
    [ 'nonce', $good->(protected => { nonce => $acme->fresh_nonce() }) ],
    [ 'empty nonce', $good->(protected => { nonce => '' }) ],
    [ 'no url', $good->(protected => { url => undef }) ],
    [ 'another url', $good->(protected => { url => $acme->url('newOrder') }) ],
    [ 'url with a query', $good->(protected => { url => "$url?" }) ],
    [ 'crit', $good->(protected => { crit => [ 'b64' ],
        b64 => JSON::PP::false }) ],
    [ 'jku', $good->(protected => { jku => 'http://127.0.0.1/' }) ],
    [ 'x5c', $good->(protected => { x5c => [ 'AA' ] }) ],
    [ 'short MAC', $good->(mac => sub { substr $_[0], 0, 16 }) ],
    [ 'MAC but a byte', $good->(mac => sub { substr $_[0], 0, 31 }) ],
    [ 'longer MAC', $good->(mac => sub { "$_[0]\0" }) ],
    [ 'empty MAC', $good->(mac => '') ],
    [ 'no payload text', $good->(payload => '') ],
    [ 'payload is no key', $good->(payload => '{}') ],
    [ 'payload is a text', $good->(payload => '"x"') ],
    [ 'payload is no JSON', $good->(payload => 'x') ],
    [ 'payload has a private key', $good->(payload =>
        json_encode($acme->{key}->jwk(private => 1))) ],
) {
    my ($name, $binding) = @$case;

    like(new_account($binding)->outcome(), qr/^400 (?:malformed|badPublicKey)$/,
        "malformed: $name");
}

# what is none of this account

my $wrong = 'w' x 32;

foreach my $case (
    [ 'unknown kid', $acme->binding('nobody', $key) ],
    [ 'kid of another case', $acme->binding('PLAIN', $key) ],
    [ 'kid is an account', $acme->binding("$url/1", $key) ],
    [ 'kid with SQL', $acme->binding("' OR 1=1 --", $key) ],
    [ 'wrong key', $acme->binding('plain', $wrong) ],
    [ 'wrong key, HS512', $acme->binding('plain', $wrong, alg => 'HS512') ],
    [ 'key of nothing', $acme->binding('plain', '') ],
    [ 'key in base64url', $acme->binding('plain', b64u($key)) ],
    [ "account's key", $acme->binding('plain', $jwk) ],
    [ 'first bit', $good->(mac => sub { "\x80" . "\0" x 31 ^ $_[0] }) ],
    [ 'last bit', $good->(mac => sub { "\0" x 31 . "\1" ^ $_[0] }) ],
    [ 'MAC of zeros', $good->(mac => "\0" x 32) ],
    [ 'another header', $good->(members => { protected =>
        $acme->binding('plain', $key, protected => { typ => 'x' })
            ->{protected} }) ],
    [ 'another payload', $good->(members => { payload =>
        b64u($other_jwk) }) ],
    [ "binding of another's key", $good->(payload => $other_jwk) ],
    [ 'expired', $acme->binding('old', $key) ],
    [ 'revoked', $acme->binding('gone', $key) ],
) {
    my ($name, $binding) = @$case;

    is(new_account($binding)->outcome(), '403 unauthorized',
        "unauthorized: $name");
}

is(sql('SELECT count(*) FROM acme_accounts'), 0, 'no account was made');
is(sql('SELECT sum(accounts) FROM acme_eab_credentials'), 0,
    'no credential was used');

like(new_account($acme->binding('old', $key))->json()->{detail},
    qr/"Old" has expired/, 'says that it expired');
like(new_account($acme->binding('gone', $key))->json()->{detail},
    qr/"Gone" is revoked/, 'says that it is revoked');
is(audit('details', 'refused'), '{"eab":"Gone","kid":"gone"}',
    'refusal: credential audited');
unlike(new_account($acme->binding('gone', $wrong))->json()->{detail},
    qr/Gone|revoked/, 'but not to those without the key');

# the signature of a request is never a MAC

is($acme->new_account({ externalAccountBinding => $good->() },
    protected => { alg => 'HS256' })->outcome(), '400 badSignatureAlgorithm',
    'a request by HMAC');

###############################################################################

# bound

my $binding = $good->();
my $reply = new_account($binding);

is($reply->outcome(), '201', 'bound');
is_deeply($reply->json()->{externalAccountBinding}, $binding,
    'the account shows it');
is_deeply($acme->account()->json()->{externalAccountBinding}, $binding,
    'later as well');
is(audit('details', 'done'), '{"eab":"Plain","kid":"plain"}', 'audited');
is(sql("SELECT accounts FROM acme_eab_credentials WHERE kid = 'plain'"), 1,
    'counted');

is(new_account()->outcome(), '200', 'again without');
is(new_account($acme->binding('nobody', $key))->outcome(), '200',
    'again with one that would not do');
is(sql("SELECT sum(accounts) FROM acme_eab_credentials"), 1, 'not counted');

foreach my $alg (qw/ HS384 HS512 /) {
    my $another = $acme->another();

    is(new_account($another->binding('plain', $key, alg => $alg), $another)
        ->outcome(), '201', $alg);
}

my $rsa = $acme->another(key => 'RS256');
is(new_account($rsa->binding('plain', $key), $rsa)->outcome(), '201',
    'RSA account');

is($acme->key_change(acme_key('ES384'))->outcome(), '200', 'key change');
is_deeply($acme->account()->json()->{externalAccountBinding}, $binding,
    'the binding is as it was');

# as many as it may

my $first = $acme->another();
my $second = $acme->another();

is(new_account($first->binding('once', $key), $first)->outcome(), '201',
    'the only one');
$reply = new_account($second->binding('once', $key), $second);
is($reply->outcome(), '403 unauthorized', 'one too many');
like($reply->json()->{detail}, qr/"Once" has bound as many/, 'says why');

# the same when many come at once, in all workers

credential(kid => 'three', label => 'Three', max_accounts => 3);

my @pids;

foreach my $n (1 .. 12) {
    my $client = $acme->another();
    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        eval { new_account($client->binding('three', $key), $client) };
        POSIX::_exit(0);
    }

    push @pids, $pid;
}

waitpid $_, 0 for @pids;

is(sql("SELECT accounts || ' ' || (SELECT count(*) FROM acme_accounts AS a
    WHERE a.eab_id = e.id) FROM acme_eab_credentials AS e
    WHERE kid = 'three'"), '3 3', 'three of twelve');

# a refusal after the binding gives it back

$second = $acme->another();
is($second->new_account({ externalAccountBinding
    => $second->binding('plain', $key), contact => [ 'x' ] })->outcome(),
    '400 invalidContact', 'bad contact');
is(sql("SELECT accounts FROM acme_eab_credentials WHERE kid = 'plain'"), 4,
    'not counted');

###############################################################################

# names and profiles

my $narrow = $acme->another();
is(new_account($narrow->binding('narrow', $key), $narrow)->outcome(), '201',
    'narrow account');

foreach my $names ([ 'exact.example' ], [ 'a.sub.example', 'b.sub.example' ],
    [ '127.0.0.1' ])
{
    is($narrow->new_order($names)->outcome(), '201', "@$names");
}

foreach my $names ([ 'x.exact.example' ], [ 'sub.example' ], [ '127.0.0.4' ],
    [ 'xsub.example' ], [ 'exact.example', 'other.example' ])
{
    $reply = $narrow->new_order($names);
    is($reply->outcome(), '400 rejectedIdentifier', "not @$names");
}

is($reply->json()->{detail},
    'the external account "Team "A"" does not allow it', 'which rule');
is($reply->json()->{subproblems}[0]{identifier}{value}, 'other.example',
    'which name');
like(audit('reason', 'refused'), qr/Team "A"/, 'rule audited');

is($narrow->new_order([ 'exact.example' ], more => { profile => 'long' })
    ->json()->{profile}, 'long', 'a profile of its own');
$reply = $narrow->new_order([ 'exact.example' ],
    more => { profile => 'default' });
is($reply->outcome(), '403 unauthorized', 'not any profile');
like($reply->json()->{detail}, qr/"Team "A"" does not allow the profile/,
    'which rule');

my $got = $narrow->issue([ 'exact.example' ]);
is(sql("SELECT profile FROM acme_certificates ORDER BY id DESC LIMIT 1"),
    'short', 'unasked: the first of its profiles');
is(sql("SELECT json_extract(details, '\$.eab') FROM acme_audit_logs
    WHERE action = 'new-order' AND outcome = 'done' ORDER BY id DESC LIMIT 1"),
    'Team "A"', 'order: credential audited');

my $wide = $acme->another();
new_account($wide->binding('wide', $key), $wide);
is($wide->new_order([ 'any.example', '127.0.0.9' ])->outcome(), '201',
    'any name');
is($acme->new_order([ 'any.example' ], more => { profile => 'long' })
    ->outcome(), '201', 'without limits');

# a revoked credential: its accounts go on, within its limits

acme_ca_sql($t, "UPDATE acme_eab_credentials SET revoked_at = 1
    WHERE kid = 'narrow'; SELECT 1");
is($narrow->new_order([ 'exact.example' ])->outcome(), '201',
    'account of a revoked credential');
is($narrow->new_order([ 'other.example' ])->outcome(),
    '400 rejectedIdentifier', 'within its limits');

###############################################################################

# optional, off; accounts from before it was required

my $optional = client('optional');
is(new_account(undef, $optional, 1)->outcome(), '201', 'optional: none');
my $another = $optional->another();
is(new_account($another->binding('nobody', $key), $another)->outcome(),
    '403 unauthorized', 'optional: a bad one');

my $off = client('off');
$reply = new_account($off->binding('nobody', $key), $off);
is($reply->outcome(), '201', 'off: passed over');
ok(!exists $reply->json()->{externalAccountBinding}, 'off: not shown');

my $conf = $t->read_file('nginx.conf');
$conf =~ s/external_account_binding optional/external_account_binding required/;
$t->write_file('nginx.conf', $conf);
acme_ca_reload($t);

ok(client('optional')->directory()->{meta}{externalAccountRequired},
    'required now');
is($optional->new_order([ 'a.example' ])->outcome(), '201',
    'an account of before');
is($optional->new_account()->outcome(), '200', 'is found');
is($optional->another()->new_account()->outcome(),
    '403 externalAccountRequired', 'a new one is not made');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub client {
    my ($name) = @_;

    return acme_client($t, directory => 'http://127.0.0.1:' . port(8082)
                                        . "/$name/directory");
}


sub meta {
    my ($name) = @_;

    return $acme->directory()->{meta}{$name};
}


# the binding as it is; without one: nothing, as undef is JSON's null

sub new_account {
    my ($binding, $client) = @_;

    return ($client || $acme)->new_account(
        @_ && !(@_ > 2) ? { externalAccountBinding => $binding } : {});
}


sub credential {
    my (%row) = @_;

    %row = (names => '', profiles => '', accounts => 0, created_at => 1,
            %row);
    my @names = sort keys %row;
    my @values = map { (my $text = $_) =~ s/'/''/g; "'$text'" } @row{@names};

    acme_ca_sql($t, 'INSERT INTO acme_eab_credentials (hmac_key, '
        . join(', ', @names) . ") VALUES (x'" . unpack('H*', $key) . "', "
        . join(', ', @values) . '); SELECT 1');
}


sub sql {
    my ($sql) = @_;

    return acme_ca_sql_value($t, $sql);
}


# of the newest row about a new account or a new order

sub audit {
    my ($column, $outcome) = @_;

    return sql("SELECT $column FROM acme_audit_logs
        WHERE action IN ('new-account', 'new-order') AND outcome = '$outcome'
        ORDER BY id DESC LIMIT 1");
}

###############################################################################
