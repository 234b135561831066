#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What is no honest JWS is refused before anything is done: each attack that has
# a name, and keys that are too weak.

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

acme_ca_conf($t)->plan(225)->run();

my $acme = acme_client($t);
$acme->new_account();
my $victim = $acme->another();
$victim->new_account();

my $kid = $acme->{kid};
my $url = $acme->url('newOrder');
my $new = $acme->url('newAccount');
my $order = { identifiers => [ { type => 'dns', value => 'a.example' } ] };
my $jwk = $acme->{key}->jwk();
my $rsa = acme_key('RS256');
my $any = qr/^400 (?:malformed|badPublicKey|badSignatureAlgorithm)$/;

###############################################################################

# what is changed in a good request, and what comes of it

my @protected = (
    [ 'alg none', { alg => 'none' }, '400 badSignatureAlgorithm' ],
    [ 'alg None', { alg => 'None' }, '400 badSignatureAlgorithm' ],
    [ 'alg HS256', { alg => 'HS256' }, '400 badSignatureAlgorithm' ],
    [ 'alg HS512', { alg => 'HS512' }, '400 badSignatureAlgorithm' ],
    [ 'alg ES256K', { alg => 'ES256K' }, '400 badSignatureAlgorithm' ],
    [ 'alg of another curve', { alg => 'ES384' }, $any ],
    [ 'alg of another kind', { alg => 'RS256' }, $any ],
    [ 'alg EdDSA', { alg => 'EdDSA' }, $any ],
    [ 'alg number', { alg => 7 }, '400 malformed' ],
    [ 'alg list', { alg => [ 'ES256' ] }, '400 malformed' ],
    [ 'no alg', { alg => undef }, '400 malformed' ],
    [ 'jwk and kid', { jwk => $jwk }, '400 malformed' ],
    [ 'jwk for kid', { kid => undef, jwk => $jwk }, '400 malformed' ],
    [ 'neither', { kid => undef }, '400 malformed' ],
    [ 'crit', { crit => [ 'x' ], x => 1 }, '400 malformed' ],
    [ 'crit empty', { crit => [] }, '400 malformed' ],
    [ 'b64 false', { b64 => JSON::PP::false }, '400 malformed' ],
    [ 'b64 true', { b64 => JSON::PP::true }, '400 malformed' ],
    [ 'b64 crit', { b64 => JSON::PP::false, crit => [ 'b64' ] },
      '400 malformed' ],
    [ 'no url', { url => undef }, '400 malformed' ],
    [ 'url number', { url => 1 }, '400 malformed' ],
    [ 'url list', { url => [ $url ] }, '400 malformed' ],
    [ 'url with slash', { url => "$url/" }, '403 unauthorized' ],
    [ 'url with query', { url => "$url?x" }, '403 unauthorized' ],
    [ 'url of another', { url => $new }, '403 unauthorized' ],
    [ 'url relative', { url => '/acme/new-order' }, '403 unauthorized' ],
    [ 'nonce number', { nonce => 1 }, '400 malformed' ],
    [ 'nonce null', { nonce => JSON::PP::null() }, '400 badNonce' ],
    [ 'nonce letters', { nonce => 'a b+/=' },
      qr/^400 (?:malformed|badNonce)$/ ],
    [ 'nonce long', { nonce => 'A' x 5000 },
      qr/^400 (?:malformed|badNonce)$/ ],
    [ 'kid elsewhere', { kid => 'https://example.org/acct/1' },
      '400 accountDoesNotExist' ],
    [ 'kid unknown', { kid => $kid . 'A' }, '400 accountDoesNotExist' ],
    [ 'kid short', { kid => substr($kid, 0, -1) },
      '400 accountDoesNotExist' ],
    [ 'kid of another', { kid => $victim->{kid} }, '403 unauthorized' ],
    [ 'kid number', { kid => 1 }, '400 malformed' ],
    [ 'kid with query', { kid => "$kid?x" }, '400 accountDoesNotExist' ],
    [ 'kid of an order', { kid => $url }, '400 accountDoesNotExist' ],
);

my @signature = (
    [ 'flipped', sub { $_[0] ^ ("\1" . "\0" x 63) } ],
    [ 'last bit', sub { $_[0] ^ ("\0" x 63 . "\1") } ],
    [ 'short', sub { substr $_[0], 0, 63 } ],
    [ 'long', sub { "$_[0]\0" } ],
    [ 'halves exchanged', sub { substr($_[0], 32) . substr($_[0], 0, 32) } ],
    [ 'empty', '' ],
    [ 'zeroes', "\0" x 64 ],
    [ 'ones', "\xff" x 64 ],
    [ 'DER', sub { $acme->{key}{pk}->sign_message($_[1], 'SHA256') } ],
    [ 'of another key', sub { acme_key('ES256')->sign($_[1]) } ],
);

my @members = (
    [ 'unprotected header', { header => { kid => 'x' } } ],
    [ 'empty unprotected header', { header => {} } ],
    [ 'signatures', { signatures => [] } ],
    [ 'no payload', { payload => undef } ],
    [ 'no signature', { signature => undef } ],
    [ 'no protected', { protected => undef } ],
    [ 'payload number', { payload => 1 } ],
    [ 'payload padded', { payload => 'e30=' } ],
    [ 'payload of one letter', { payload => 'e' } ],
    [ 'payload not canonical', { payload => 'e31' } ],
    [ 'payload in the other base64', { payload => '+/+/' } ],
    [ 'protected object', { protected => {} } ],
);

my @bodies = (
    [ 'nothing', '' ], [ 'array', '[]' ], [ 'string', '"x"' ],
    [ 'null', 'null' ], [ 'NUL', "{\"protected\":\"\0\"}" ],
    [ 'deep', '[' x 20000 ], [ 'cut', '{"protected":"' ],
    [ 'compact', compact() ], [ 'rest', json_encode(jws()) . 'x' ],
    [ 'two', json_encode(jws()) x 2 ],
    [ 'BOM', "\xef\xbb\xbf" . json_encode(jws()) ],
    [ 'protected twice', twice('protected', 'e30') ],
    [ 'payload twice', twice('payload', 'e30') ],
    [ 'signature twice', twice('signature', 'AAAA') ],
);

my @payloads = (
    [ 'string', '"x"' ], [ 'array', '[]' ], [ 'deep', '[' x 3000 ],
    [ 'POST-as-GET', undef ],
    [ 'no UTF-8', '{"identifiers":[{"type":"dns","value":"a' . "\xff"
                  . '.example"}]}' ],
    [ 'member twice', '{"identifiers":[{"type":"dns","value":"a.example"}],'
                  . '"identifiers":[{"type":"dns","value":"b.example"}]}' ],
);

refused($_->[2], $_->[0], $acme->post($url, $order, protected => $_->[1]))
    foreach @protected;
refused(qr/^(?:400 malformed|403 unauthorized)$/, "signature: $_->[0]",
        $acme->post($url, $order, signature => $_->[1])) foreach @signature;
refused('400 malformed', $_->[0],
        $acme->post($url, $order, members => $_->[1])) foreach @members;
refused('400 malformed', "body: $_->[0]",
        $acme->post($url, undef, body => $_->[1])) foreach @bodies;
refused('400 malformed', "payload: $_->[0]", $acme->post($url, $_->[1]))
    foreach @payloads;

refused('400 malformed', 'alg twice', $acme->post($url, $order,
    protected => qq({"alg":"none","alg":"ES256","kid":"$kid","url":"$url",)
                 . '"nonce":"' . $acme->nonce() . '"}'));
refused('400 malformed', 'kid for a new account', $acme->post($new, {}));
refused('400 malformed', 'private members', $acme->post($new, {},
    protected => { kid => undef, jwk => $acme->{key}->jwk(private => 1) }));
refused('400 badNonce', 'no nonce', $acme->post($url, $order,
    nonce => undef));
refused('415 malformed', 'no type', $acme->post($url, $order,
    content_type => undef));
refused('415 malformed', 'JSON', $acme->post($url, $order,
    content_type => 'application/json'));

is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_orders'), 0,
    'nothing was done');
is($acme->post($url, $order)->outcome(), 201, 'the same without a change');

###############################################################################

# keys

my $rsa_jwk = $rsa->jwk();
my @keys = (
    [ 'point off the curve', { %$jwk, x => $jwk->{y} } ],
    [ 'point zero', { %$jwk, x => 'A' x 43, y => 'A' x 43 } ],
    [ 'short x', { %$jwk, x => substr($jwk->{x}, 0, 40) } ],
    [ 'long x', { %$jwk, x => b64u("\0" . b64u_decode($jwk->{x})) } ],
    [ 'no y', { kty => 'EC', crv => 'P-256', x => $jwk->{x} } ],
    [ 'P-192', { %$jwk, crv => 'P-192' } ],
    [ 'P-384', { %$jwk, crv => 'P-384' } ],
    [ 'oct', { kty => 'oct', k => 'AAAA' } ],
    [ 'no kty', { %$jwk, kty => undef } ],
    [ 'empty', {} ],
    [ 'text', 'x' ],
    [ 'e = 1', { %$rsa_jwk, e => 'AQ' }, $rsa ],
    [ 'even e', { %$rsa_jwk, e => 'AQAA' }, $rsa ],
    [ 'long e', { %$rsa_jwk, e => b64u("\1" x 100) }, $rsa ],
    [ 'n with a zero', { %$rsa_jwk, n => b64u("\0"
                         . b64u_decode($rsa_jwk->{n})) }, $rsa ],
    [ 'even n', { %$rsa_jwk, n => b64u(substr(b64u_decode($rsa_jwk->{n}),
                                              0, 255) . "\2") }, $rsa ],
    [ 'huge n', { %$rsa_jwk, n => b64u("\xff" x 4096) }, $rsa ],
);

refused($any, "key: $_->[0]", $acme->another(key => $_->[2] || 'ES256')
    ->post($new, {}, protected => { kid => undef, jwk => $_->[1] }))
    foreach @keys;

refused('400 badPublicKey', 'RSA 1024', $acme->another(
    key => acme_key('RS256', bits => 1024))->new_account());

my $reply = $acme->another(key => acme_key('RS256', bits => 1024))
    ->new_account();
like($reply->json()->{detail}, qr/1024|2048/, 'says what is wrong with a key');

$reply = $acme->another()->post($new, {}, protected => { alg => 'HS256' });
is(ref $reply->json()->{algorithms}, 'ARRAY', 'algorithms that are taken');
is(scalar(grep { $_ eq 'ES256' } @{$reply->json()->{algorithms} || []}), 1,
    'ES256 is one');

foreach my $alg (qw/ ES256 ES384 ES512 RS256 EdDSA /) {
    my $client = $acme->another(key => $alg);
    is($client->new_account()->outcome(), 201, "account $alg");
    is($client->new_order([ 'x.example' ])->outcome(), 201, "order $alg");
}

foreach my $alg (qw/ RS384 RS512 PS256 /) {
    my $client = $acme->another(key => $rsa);
    local $rsa->{alg} = $alg;
    like($client->new_account()->outcome(), qr/^20[01]$/, "account $alg");
}

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

###############################################################################

sub jws {
    return $acme->jws($url, $order);
}


sub compact {
    return join '.', @{jws()}{qw/ protected payload signature /};
}


sub twice {
    my ($name, $value) = @_;

    my $text = json_encode(jws());
    $text =~ s/^\{/{"$name":"$value",/;

    return $text;
}


sub refused {
    my ($want, $name, $reply) = @_;
    my $json = $reply->json();

    ref $want ? like($reply->outcome(), $want, $name)
              : is($reply->outcome(), $want, $name);

    ok(defined $reply->header('Replay-Nonce')
       && $reply->header('Cache-Control') eq 'no-store'
       && ref $json eq 'HASH' && $json->{status} == $reply->{status},
       "$name: whole refusal") or diag "$reply->{head}\n$reply->{body}";
}

###############################################################################
