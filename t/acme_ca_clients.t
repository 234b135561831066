#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# What ACME clients were seen to demand of a server, beyond what RFC 8555 says:
# each of these has a client that fails otherwise.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use JSON::PP ();
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t, location => 'default_type text/plain;',
    authority => 'terms_of_service https://ca.example/terms;
        pre_authorization off;',
    server => 'location /plain/ { acme_ca plain; }', http => <<'EOF');
    acme_ca_authority plain {
        path      %%TESTDIR%%/plain;
        base_url  http://127.0.0.1:8080/plain;
    }
EOF

$t->plan(116)->run();

my $acme = acme_client($t);
my ($true, $false) = (JSON::PP::true(), JSON::PP::false());
my $json = 'application/json';
my $problem = 'application/problem+json';
my @replies;

# types that older ones have never heard of are told to nobody who does not use
# what they are of
my %known = map { $_ => 1 } qw/ accountDoesNotExist alreadyRevoked badCSR
    badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa
    compound connection dns externalAccountRequired incorrectResponse
    invalidContact malformed orderNotReady rateLimited rejectedIdentifier
    serverInternal tls unauthorized unsupportedContact unsupportedIdentifier
    userActionRequired /;

###############################################################################

# the directory: meta in any case, revokeCert and keyChange, no empty members

my $directory = $acme->get($acme->{directory});

is(ref $directory->json()->{meta}, 'HASH', 'meta');
is($directory->json()->{meta}{termsOfService}, 'https://ca.example/terms',
    'terms');
like($directory->json()->{$_}, qr!^http://!, $_)
    foreach qw/ newNonce newAccount newOrder revokeCert keyChange /;
ok(!exists $directory->json()->{newAuthz}, 'no newAuthz');
is($directory->header('Content-Type'), $json, 'directory, type');

# meta, although there is nothing in it; no terms that nobody has to agree to

my $other = acme_client($t, at => 'plain');
my $meta = $other->directory()->{meta};

is(ref $meta, 'HASH', 'meta without terms');
ok(!exists $meta->{termsOfService}, 'no terms');
is($other->new_account({ termsOfServiceAgreed => $false })->outcome(), 201,
    'no agreement');
is($acme->another()->new_account({ termsOfServiceAgreed => $false })
    ->outcome(), '400 malformed', 'no agreement to terms');

# nonces: HEAD 200, GET 204, no body and no type, which default_type would add

my $head = $acme->head($acme->url('newNonce'));
my $get = $acme->get($acme->url('newNonce'));

is($head->{status}, 200, 'HEAD newNonce');
is($get->{status}, 204, 'GET newNonce');
is($_->header('Content-Type'), undef, 'no type') foreach $head, $get;
like($_->header('Replay-Nonce'), qr/^[A-Za-z0-9_-]{16,}$/, 'nonce')
    foreach $head, $get;

# GET and HEAD may have a type
my @typed = (headers => [ [ 'Content-Type', 'application/jose+json' ] ]);
is($acme->get($acme->{directory}, @typed)->{status}, 200, 'GET with a type');
is($acme->head($acme->url('newNonce'), @typed)->{status}, 200,
    'HEAD with a type');

# connections are closed, and User-Agent is missing
my $plain = acme_client($t, agent => undef, keep_alive => 0);
is($plain->get($plain->{directory}, headers => [ [ 'TE', 'deflate' ],
    [ 'Connection', 'TE, close' ] ])->{status}, 200, 'TE, no User-Agent');

# an account: 400 if there is none, then 201, then 200; "contact" always

my $reply = seen($acme->find_account());
is($reply->outcome(), '400 accountDoesNotExist', 'account, not there');
is($reply->header('Content-Type'), $problem, 'type of problems');

$reply = seen($acme->new_account({ status => '', orders => '',
                                   onlyReturnExisting => $false }));
is($reply->outcome(), 201, 'account, new');
is(ref $reply->json()->{contact}, 'ARRAY', 'contact, although empty');
like($reply->json()->{orders}, qr!^http://!, 'orders is a URL');
is($reply->header('Content-Type'), $json, 'type of the account');

$reply = seen($acme->find_account());
is($reply->outcome(), 200, 'account, there');
is($reply->location(), $acme->{kid}, 'its Location');
is(ref $reply->json()->{contact}, 'ARRAY', 'its contact');

# what newAccount is told besides does not count
$reply = seen($acme->new_account({ onlyReturnExisting => $true,
                                   status => 'deactivated' }));
is($reply->json()->{status}, 'valid', 'newAccount does not deactivate');

$reply = seen($acme->account({ key => $acme->{key}->jwk(), status => 'valid',
    contact => [ 'mailto:a@example.com' ], onlyReturnExisting => $true,
    termsOfServiceAgreed => $true }));
is($reply->outcome(), 200, 'update with more members');
is_deeply($reply->json()->{contact}, [ 'mailto:a@example.com' ], 'updated');
is($reply->location(), undef, 'update without Location');
is(seen($acme->account({}))->outcome(), 200, 'an empty update');
is(seen($acme->account())->outcome(), 200, 'POST-as-GET');

# a bad nonce: by these words, status 400, and a nonce that is good

$reply = seen($acme->account(undef, nonce => 'AAAAAAAAAAAAAAAAAAAAAA'));
is($reply->outcome(), '400 badNonce', 'bad nonce');
like($reply->json()->{detail}, qr/JWS has an invalid anti-replay nonce/,
    'the words of it');
is($acme->account(undef, nonce => $reply->header('Replay-Nonce'))->{status},
    200, 'its nonce is good');

# a JWS as others write it

my $jws = $acme->jws($acme->{kid}, undef, protected => { typ => 'JWT' });
is(seen($acme->post($acme->{kid}, undef,
        body => JSON::PP->new->pretty->encode($jws)))->{status}, 200,
    'typ, indented');
$jws = $acme->jws($acme->{kid}, undef);
is(seen($acme->post($acme->{kid}, undef, body => join '', '{',
        (join ',', map { "\"$_\":\"$jws->{$_}\"" }
                       qw/ signature payload protected /), "}\n"))->{status},
    200, 'another order, a newline at the end');

# an order, with members that are empty

$reply = seen($acme->new_order([ 'a.example', 'b.example' ], more => {
    status => '', expires => '0001-01-01T00:00:00Z', finalize => '',
    notBefore => '0001-01-01T00:00:00Z', notAfter => '', certificate => '',
    authorizations => undef }));
is($reply->outcome(), 201, 'order');

my $url = $reply->location();
my $order = $reply->json();

is_deeply([ sort keys %$order ], [ qw/ authorizations expires finalize
    identifiers status / ], 'an order has no empty members');
is($order->{status}, 'pending', 'pending');

my @authz = @{$order->{authorizations}};

foreach my $i (0 .. 1) {
    my $authz = seen($acme->post($authz[$i]));

    is($authz->{status}, 200, 'authorization');
    ok(@{$authz->json()->{challenges}} > 0, 'challenges');
    ok(!(grep { !$_->{token} || !$_->{url} || !$_->{status} || !$_->{type} }
              @{$authz->json()->{challenges}}), 'each with all members');

    my $challenge = $acme->challenge($authz);
    $acme->provision($challenge->{token});

    $reply = seen($acme->post($challenge->{url}));
    is_deeply([ $reply->links('up') ], [ $authz[$i] ],
        'Link up of a pending challenge');

    # in the answer its status is no more what it was; again is as well
    $reply = seen($acme->post($challenge->{url}, {}));
    is($reply->{status}, 200, 'answer');
    like($reply->json()->{status}, qr/^(?:processing|valid)$/,
        'not pending any more');
    is_deeply([ $reply->links('up') ], [ $authz[$i] ], 'Link up, answer');

    $acme->poll($authz[$i]);
    $reply = seen($acme->post($challenge->{url}, {}));
    is($reply->outcome(), 200, 'answered again');
    is($reply->json()->{status}, 'valid', 'valid it stays');
    is_deeply([ $reply->links('up') ], [ $authz[$i] ], 'Link up, valid');
}

is((http_01_log($t))[0]->{host}, 'a.example:' . port(8081),
    'Host of http-01, which has the port where it is another');

# finalize: 200, Location, all of the order; again, too

$reply = $acme->poll($url);
is($reply->json()->{status}, 'ready', 'ready by itself');

my $csr = { csr => b64u(acme_csr(key => acme_key('ES256'), version => 2,
    cn => 'a.example', dns => [ 'a.example', 'b.example' ])) };

$reply = seen($acme->post($order->{finalize}, $csr));
is($reply->outcome(), 200, 'finalize');
is($reply->location(), $url, 'Location of finalize');
is(scalar @{$reply->json()->{identifiers}}, 2, 'identifiers');
like($reply->json()->{status}, qr/^(?:processing|valid)$/, 'its status');

$reply = seen($acme->post($order->{finalize}, $csr));
is($reply->outcome(), 200, 'finalize again');
is($reply->location(), $url, 'Location again');

$order = seen($acme->poll($url, until => qr/valid/))->json();

# the chain, whatever is accepted

foreach my $accept ('application/json', 'application/json, text/plain, */*',
                    '*/*', undef)
{
    my $name = defined $accept ? $accept : 'no Accept';

    $reply = seen($acme->post($order->{certificate}, undef,
        headers => [ defined $accept ? [ 'Accept', $accept ] : () ]));
    is($reply->header('Content-Type'), 'application/pem-certificate-chain',
        "chain, $name");
}

my @chain = $reply->{body} =~ /(-----BEGIN .*?-----END [^\n]*\n)/sg;

ok(@chain >= 2, 'two certificates');
is($reply->{body}, join("\n", @chain), 'an empty line between them');
like($reply->{body}, qr/-----END CERTIFICATE-----\n\z/, 'newline at the end');
unlike($reply->{body}, qr/\r/, 'no CR');
is(cert_field($chain[0], 'issuer'), cert_field($chain[1], 'subject'),
    'leaf first');
unlike($chain[0], qr/[^\n]{65}/, 'lines of 64');

# requests as others make them: subject and extensions

my @uses = ([ '2.5.29.15', 0, "\x03\x02\x05\xa0" ],
            [ '2.5.29.37', 0, der_sequence(map { der_oid($_) }
                  qw/ 1.3.6.1.5.5.7.3.1 1.3.6.1.5.5.7.3.2 /) ]);
my %requests = (
    'no subject'                   => [],
    'the first name as subject'    => [ cn => 'a.example' ],
    'an organization as subject'   => [ subject => [ [ O => 'x' ] ] ],
    'keyUsage'                     => [ extensions => [ $uses[0] ] ],
    'keyUsage, critical'           => [ extensions =>
        [ [ $uses[0][0], 1, $uses[0][2] ] ] ],
    'extendedKeyUsage'             => [ extensions => [ @uses ] ],
    'basicConstraints and a key id' => [ extensions =>
        [ [ '2.5.29.19', 1, der_sequence() ],
          [ '2.5.29.14', 0, der_octets(der_octets('x' x 20)) ] ] ],
);
my $key = acme_key('ES256');
my $got;

foreach my $name (sort keys %requests) {
    $got = eval { $acme->issue([ 'a.example' ], csr => acme_csr(key => $key,
        dns => [ 'a.example' ], @{$requests{$name}})) };
    is($@, '', "request: $name");
}

# a name that is too long for a subject

my $long = join '.', ('x' x 40) x 2, 'example';
is(eval { $acme->issue([ $long ], csr => acme_csr(key => $key,
        dns => [ $long ], cn => $long)) } ? '' : $@, '',
    'request: a long name');

# revocation: by the certificate's key, with a reason, and without; 200, and alreadyRevoked is 400

$reply = seen($acme->revoke($chain[0]));
is($reply->{status}, 200, 'revoked');
is($reply->{body}, '', 'no body');
is($reply->header('Content-Type'), undef, 'so no type');
is(seen($acme->revoke($chain[0]))->outcome(), '400 alreadyRevoked', 'again');
is(seen($acme->revoke($got->{chain}, key => $key, reason => 1))->{status}, 200,
    'revoked by its key');

# a failed validation ends: challenge, authorization and order

$reply = seen($acme->new_order([ 'c.example' ]));
$url = $reply->location();
my ($bad) = @{$reply->json()->{authorizations}};
$acme->respond($bad, body => 'wrong');
$reply = seen($acme->poll($bad));

is($reply->json()->{status}, 'invalid', 'authorization fails');
is($acme->challenge($reply)->{status}, 'invalid', 'so does the challenge');
like($acme->challenge($reply)->{error}{type},
    qr/^urn:ietf:params:acme:error:/, 'with its error');
is($acme->poll($url)->json()->{status}, 'invalid', 'and the order');
$reply = seen($acme->post($acme->challenge($reply)->{url}));
is_deeply([ $reply->links('up') ], [ $bad ], 'Link up of a failed challenge');
is(seen($acme->new_order([ 'not a name' ]))->outcome(), '400 malformed',
    'not a name');

# deactivation of an authorization, with members that are empty

$reply = seen($acme->new_order([ 'd.example' ]));
my ($unused) = @{$reply->json()->{authorizations}};
is(seen($acme->post($unused, { status => 'deactivated',
        identifier => { type => '', value => '' },
        expires => '0001-01-01T00:00:00Z' }))->json()->{status},
    'deactivated', 'authorization deactivated');

# keys of several kinds: to RSA, with typ inside

$reply = $acme->key_change(acme_key('RS256'),
                           inner => { protected => { typ => 'JWT' } });
is($reply->outcome(), 200, 'EC to RSA');
is($acme->key_change(acme_key('ES256'))->outcome(), 200, 'and back');

# in all answers that were seen

is(join(' ', map { $_->{status} }
                 grep { !defined $_->header('Replay-Nonce') } @replies), '',
    'a nonce in each answer to a POST');
is(join(' ', grep { !/^(?:200|201|400|403)$/ } map { $_->{status} }
                                                @replies), '',
    'no status but these, above all not 202');
is(join(' ', map { $_->header('Content-Type') . " $_->{status}" } grep {
        $_->{body} ne '' && $_->header('Content-Type') ne
        ($_->{status} >= 400 ? $problem : $_->{body} =~ /^-/
         ? 'application/pem-certificate-chain' : $json) } @replies), '',
    'the exact types');
is(join("\n", map { $_->{body} } grep { $_->{body} =~ /"finalize":/
        && $_->{body} !~ /"identifiers":\s*\[\s*\{/ } @replies), '',
    'identifiers in each order');
is(join(' ', grep { !$known{$_} } map { $_->type() }
                 grep { $_->{status} >= 400 } @replies), '',
    'types of RFC 8555 only');
is(join("\n", grep { /,\s*</ || !/^<[^>]+>;rel="[a-z-]+"$/ }
                   map { $_->header_all('Link') } @replies), '',
    'one Link in a line, with quotes');
is(join(' ', map { $_->header('Content-Type') }
                 grep { ($_->header('Content-Type') || '') =~ /;/ } @replies),
    '', 'types without parameters');
is(join("\n", map { $_->{body} }
                  grep { $_->{body} =~ /:\s*(?:null|"")|\\\// } @replies), '',
    'no null, no "", no \/');
is(join(' ', grep { !/^\d+$/ } map { $_->header_all('Retry-After') }
                                   @replies), '', 'Retry-After in seconds');
is(join("\n", map { $_->{body} }
        grep { $_->{status} >= 400
               && ($_->json()->{status} || '') ne $_->{status} } @replies),
    '', 'the status in problem documents');
is(join("\n", map { $_->{head} } grep { $_->{head} !~
        /^HTTP\/1\.1 .*(?:\r?\n[A-Za-z-]+: [^ \r\n].*)*$/ } @replies), '',
    'a space after the colon of a header');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# keeps an answer for what is true of all

sub seen {
    my ($reply) = @_;

    push @replies, $reply;

    return $reply;
}

###############################################################################
