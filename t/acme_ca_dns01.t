#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Validation of dns-01 (RFC 8555, 8.4): what passes, what fails and with which
# error, name servers of zones, wildcards from order to certificate.

###############################################################################

use warnings;
use strict;

use Digest::SHA qw/ sha256 /;
use MIME::Base64 qw/ encode_base64url /;
use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');
my $secret = 'SECRET-of-an-inner-server';

acme_ca_conf($t, challenges => 'dns-01 http-01',
    resolver => '127.0.0.1:%%PORT_8053_UDP%%;'
        . ' resolver 127.0.0.1:%%PORT_8054_UDP%% zone=corp.example;'
        . ' resolver 127.0.0.1:%%PORT_8053_UDP%% zone=out.corp.example',
    authority => 'validation_timeout 8s;
        validation_attempts 2; deny dns .denied.example;');

# the second name server, of a zone

port(8054, udp => 1);
dns_zone($t->testdir() . '/corp', '*' => { A => '127.0.0.1' });
$t->run_daemon(\&dns_daemon, $t->testdir() . '/corp', 8054);
$t->waitforsocket('127.0.0.1:' . port(8054));

$t->plan(95)->run();

my $c = '_acme-challenge.';

# name, type of the error ('': valid), the zone for it; VALUE is the right one

my @cases = (
    [ 'ok', '', "${c}ok.example" => { TXT => 'VALUE' } ],
    [ 'several', '', "${c}several.example" => {
        TXT => [ 'x', $secret, '', 'VALUE', 'y' ] } ],
    [ 'strings', '', "${c}strings.example" => {
        TXT => [ [ '', 'VAL1', 'VAL2' ] ] } ],
    [ 'tcp', '', "${c}tcp.example" => { TXT => 'VALUE', truncate => 1 } ],
    [ 'slow', '', "${c}slow.example" => { TXT => 'VALUE', delay => 0.3 } ],
    [ 'alias', '', "${c}alias.example" => { CNAME => 'v.alias.other' },
      'v.alias.other' => { TXT => 'VALUE' } ],
    [ 'chain', '', "${c}chain.example" => { CNAME => 'one.other' },
      'one.other' => { CNAME => 'Two.other' },
      'two.other' => { TXT => [ 'x', 'VALUE' ] } ],
    [ 'unfollowed', '', "${c}unfollowed.example" => {
        CNAME => 'u1.other', nofollow => 1 },
      'u1.other' => { CNAME => 'u2.other', nofollow => 1 },
      'u2.other' => { TXT => 'VALUE' } ],
    [ 'noedns', '', "${c}noedns.example" => { TXT => 'VALUE', noedns => 1 } ],
    [ 'noedns2', '', "${c}noedns2.example" => { TXT => 'VALUE', noedns => 1 } ],
    [ 'badtxt', 'dns', "${c}badtxt.example" => { TYPE16 => 'ff41' } ],
    [ 'wrong', 'incorrectResponse', "${c}wrong.example" => {
        TXT => $secret } ],
    [ 'wrongs', 'incorrectResponse', "${c}wrongs.example" => {
        TXT => [ $secret, 'VALUE ', ' VALUE', 'VALUE=', '"VALUE"',
                 $secret x 20 ] } ],
    [ 'keyauth', 'incorrectResponse', "${c}keyauth.example" => {
        TXT => 'KEYAUTH' } ],
    [ 'nothing', 'dns', "${c}nothing.example" => { A => '127.0.0.1' } ],
    [ 'nxdomain', 'dns', "${c}nxdomain.example" => { rcode => 'NXDOMAIN' } ],
    [ 'servfail', 'dns', "${c}servfail.example" => { rcode => 'SERVFAIL' } ],
    [ 'refused', 'dns', "${c}refused.example" => { rcode => 'REFUSED' } ],
    [ 'silent', 'dns', "${c}silent.example" => { silent => 1 } ],
    [ 'loop', 'dns', "${c}loop.example" => { CNAME => 'l.other' },
      'l.other' => { CNAME => "${c}loop.example", nofollow => 1 } ],
    [ 'dangling', 'dns', "${c}dangling.example" => { CNAME => 'no.other' },
      'no.other' => { rcode => 'NXDOMAIN' } ],
    [ 'long', 'dns', (map { ($_ ? "h$_.other" : "${c}long.example") => {
        CNAME => 'h' . ($_ + 1) . '.other', nofollow => 1 } } 0 .. 9),
      'h10.other' => { TXT => 'VALUE' } ],
    [ 'late', '', "${c}late.example" => {
        first => { TXT => 'x' }, TXT => 'VALUE' } ],
);

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# all of them at the same time

my (@running, %zone);

foreach my $case (@cases) {
    my ($name, $type, %records) = @$case;
    my $order = $acme->new_order([ "$name.example" ]);
    my $authz = $order->json()->{authorizations}[0];
    my $challenge = $acme->challenge($acme->post($authz), 'dns-01');

    %zone = (%zone, fill(\%records, $challenge->{token}));
    push @running, { name => $name, type => $type, authz => $authz,
                     order => $order->location(), challenge => $challenge };
}

# the names of the zone have a name server of their own, and those below
# another name in it the first one again

my ($inner) = grep { $_->{name} eq 'corp' } begin('corp.example');
my ($deep) = grep { $_->{name} eq 'corp' } begin('a.b.corp.example');
my ($outer) = grep { $_->{name} eq 'corp' } begin('a.out.corp.example');

dns_zone($t->testdir() . '/corp', '*' => { A => '127.0.0.1' },
    fill({ "${c}corp.example" => { TXT => 'VALUE' } }, $inner->{token}),
    fill({ "${c}a.b.corp.example" => { CNAME => 'far.other' } },
         $deep->{token}),
    'far.other' => { rcode => 'REFUSED' });

# an alias leads out of the zone: its name server does not know the rest

$zone{'far.other'} = { fill({ x => { TXT => 'VALUE' } }, $deep->{token}) }->{x};
%zone = (%zone, fill({ "${c}a.out.corp.example" => { TXT => 'VALUE' } },
                     $outer->{token}));

acme_ca_dns($t, %zone);

$acme->post($_->{challenge}{url}, {}) foreach @running, $inner, $deep, $outer;

foreach my $run (@running) {
    my $name = $run->{name};
    my $json = $acme->poll($run->{authz})->json();
    my ($challenge) = grep { $_->{type} eq 'dns-01' } @{$json->{challenges}};
    my $state = $acme->post($run->{order})->json();
    my $error = $challenge->{error};

    if ($run->{type} eq '') {
        is_deeply([ $json->{status}, $challenge->{status}, $state->{status},
                    $error ], [ qw/ valid valid ready /, undef ], $name)
            or diag json_encode($challenge);
        next;
    }

    is_deeply([ $json->{status}, $challenge->{status}, $state->{status} ],
        [ qw/ invalid invalid invalid / ], $name);
    is($error->{type} || '', "urn:ietf:params:acme:error:$run->{type}",
        "$name: type") or diag $error->{detail};
    ok(length($error->{detail} || '') > 10
       && json_encode($json) !~ /SECRET|[A-Za-z0-9_-]{43} /, "$name: detail")
        or diag $error->{detail};
    like($error->{detail}, qr/_acme-challenge\.|\.other/, "$name: says where");
    $run->{detail} = $error->{detail};
}

my %detail = map { $_->{name} => $_->{detail} } @running;

like($detail{wrong}, qr/of 1 TXT record at /, 'how many: one');
like($detail{wrongs}, qr/of 6 TXT records at /, 'how many: six');
like($detail{nxdomain}, qr/NXDOMAIN/, 'no such name');
like($detail{nothing}, qr/no such record/, 'no such record');
like($detail{servfail}, qr/failed or refused/, 'a server that fails');
like($detail{refused}, qr/failed or refused/, 'a server that refuses');
like($detail{silent}, qr/timed out|time was up/, 'no answer');

# who was asked what

is(scalar(grep { /^tcp TXT \Q$c\Etcp\.example$/ } log_lines()), 1, 'by TCP');
is(scalar(grep { /(?<!TXT) \Q$c\E/ } log_lines()), 0, 'for TXT only');
is(scalar(grep { /TXT \Q$c\Eok\.example$/ } log_lines()), 1, 'asked once');
is(scalar(grep { /TXT \Q$c\Ewrong\.example$/ } log_lines()), 2,
    'a wrong value is asked for again');

# zones

foreach my $case ([ $inner, 'its zone' ], [ $deep, 'alias out of a zone' ],
                  [ $outer, 'zone in a zone' ])
{
    is($acme->poll($case->[0]{authz})->json()->{status}, 'valid', $case->[1]);
}

is(scalar(grep { /corp\.example/ && !/out\.corp/ } log_lines()), 0,
    'names of a zone are asked in the zone');
ok(scalar(grep { / TXT \Q$c\Ea\.out\.corp\.example/ } log_lines()),
    'the longest zone wins');

# addresses as well

my $http = begin('web.corp.example', 'http-01');
$acme->provision($http->{token});
$acme->post($http->{url}, {});
is($acme->poll($http->{authz})->json()->{status}, 'valid',
    'http-01 of a name in a zone');
ok(scalar(grep { / A web\.corp\.example$/ } log_lines('corp')),
    'its address is that of the zone');

# wildcards

my $order = $acme->new_order([ '*.wild.example', 'wild.example' ]);
is($order->{status}, 201, 'order of a wildcard');
is_deeply([ sort map { $_->{value} } @{$order->json()->{identifiers}} ],
    [ '*.wild.example', 'wild.example' ], 'its identifiers');

my @values;

foreach my $url (@{$order->json()->{authorizations}}) {
    my $authz = $acme->post($url);
    my $json = $authz->json();

    is($json->{identifier}{value}, 'wild.example', 'identifier without "*."');
    is_deeply([ map { $_->{type} } @{$json->{challenges}} ],
        $json->{wildcard} ? [ 'dns-01' ] : [ 'http-01', 'dns-01' ],
        'challenges ' . ($json->{wildcard} ? 'of a wildcard' : 'of a name'));

    my $challenge = $acme->challenge($authz, 'dns-01');
    push @values, [ $url, $challenge->{url}, value($challenge->{token}) ];
}

acme_ca_dns($t, "${c}wild.example" => { TXT => [ map { $_->[2] } @values ] });
$acme->post($_->[1], {}) foreach @values;
is($acme->poll($_->[0])->json()->{status}, 'valid', 'valid') foreach @values;

my $key = acme_key('ES256');
my $final = $acme->finalize($order, acme_csr(key => $key,
                            dns => [ 'wild.example', '*.wild.example' ]));
is($final->json()->{status}, 'valid', 'finalized');
my $chain = $acme->post($final->json()->{certificate})->{body};
like(cert_text($chain), qr/DNS:\*\.wild\.example, DNS:wild\.example$/m,
    'certificate');
is(chain_verify($chain, $t->testdir() . '/ca/root.pem'), 'OK', 'chain');

# what is proven for one is not proven for the other

my $again = $acme->new_order([ '*.wild.example' ])->json();
is($again->{status}, 'ready', 'the wildcard is proven already');

my $other = $acme->new_order([ '*.ok.example' ])->json();
is($other->{status}, 'pending', 'by a name its wildcard is not');

like($acme->new_order([ '*.denied.example' ])->type() || '',
    qr/rejectedIdentifier$/, 'a wildcard that is denied');
like($acme->new_order([ '*.*.a.example' ])->type() || '', qr/malformed$/,
    'a wildcard of a wildcard');
like($acme->new_order([ 'a.*.example' ])->type() || '', qr/malformed$/,
    'a wildcard in the middle');

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_challenges"
                         . " WHERE status = 'processing'"), 0, 'all ended');
is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub begin {
    my ($name, $type) = @_;

    my $order = $acme->new_order([ $name ]);
    my $authz = $order->json()->{authorizations}[0];
    my $challenge = $acme->challenge($acme->post($authz), $type || 'dns-01');

    return { name => 'corp', authz => $authz, order => $order->location(),
             challenge => $challenge, token => $challenge->{token},
             url => $challenge->{url} };
}


sub value {
    my ($token) = @_;

    return encode_base64url(sha256($acme->key_authorization($token)));
}


# the right value in place of its name

sub fill {
    my ($records, $token) = @_;

    my $value = value($token);
    my $text = json_encode($records);
    my ($one, $two) = (substr($value, 0, 20), substr($value, 20));
    my $answer = $acme->key_authorization($token);

    $text =~ s/VALUE/$value/g;
    $text =~ s/VAL1/$one/g;
    $text =~ s/VAL2/$two/g;
    $text =~ s/KEYAUTH/$answer/g;

    return %{json_decode($text)};
}


sub log_lines {
    my ($name) = @_;

    $name = 'dns' unless defined $name;

    return split /\n/, eval { $t->read_file("$name.log") } || '';
}

###############################################################################
