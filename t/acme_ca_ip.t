#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Addresses as identifiers (RFC 8738), IPv4 and, where the machine has it,
# IPv6: spelling, policy, http-01, tls-alpn-01, requests and certificates.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Socket::IP;
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

eval { require IO::Socket::SSL; IO::Socket::SSL->can_alpn() or die; };
plan(skip_all => 'no IO::Socket::SSL with ALPN') if $@;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3');
my $dir = $t->testdir();
my ($p, $tls) = (port(8081), port(8082));
my $v6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1);

acme_ca_conf($t, challenges => 'http-01 tls-alpn-01 dns-01 dns-account-01',
    allow => 'address 127.0.0.0/8 ::1/128',
    authority => 'tls_alpn_01_ports %%PORT_8082%%; validation_timeout 20s;
        validation_attempts 1; deny address 127.0.0.9;
        deny ip 127.0.0.8 10.0.0.0/8 fd00::/8;
        profile plain { }
        profile first { common_name first; }
        profile csr { common_name csr; }');

tls_alpn_start($t, 8082, "127.0.0.2:$tls", $v6 ? "[::1]:$tls" : ());

if ($v6) {
    my $listener = IO::Socket::IP->new(LocalHost => '::1', LocalPort => $p,
        Listen => 16, ReuseAddr => 1, V6Only => 1) or die "Can't listen: $!\n";
    $t->run_daemon(\&http_01_daemon, "$dir/tokens", $listener);
}

$t->plan(88)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# how an address is written

foreach my $bad ('127.0.0.01', '127.1', '2130706433', '127.0.0.1/32',
                 '127.0.0.1.', ' 127.0.0.1', '[::1]', '::0001',
                 '0:0:0:0:0:0:0:1',
                 '2001:DB8::1', '2001:db8::0:1', 'fe80::1%lo',
                 '::ffff:127.0.0.1', 'a.example', '')
{
    is($acme->new_order([ { type => 'ip', value => $bad } ])->outcome(),
        '400 malformed', "not an address: \"$bad\"");
}

foreach my $bad ('127.0.0.1', '::1', '*.127.0.0.1') {
    is($acme->new_order([ { type => 'dns', value => $bad } ])->outcome(),
        '400 malformed', "not a name: $bad");
}

foreach my $bad ('127.0.0.8', '10.1.2.3', 'fd00::1') {
    is($acme->new_order([ $bad ])->outcome(), '400 rejectedIdentifier',
        "policy: $bad");
}

is($acme->new_order([ '127.0.0.1', '127.0.0.1', '::1' ])->json()
    ->{identifiers}[1]{value}, '::1', 'one of each');

# both families, both challenges

check('127.0.0.1', '127.0.0.1', '1.0.0.127.in-addr.arpa', '127.0.0.1');

SKIP: {
    skip 'no IPv6', 26 unless $v6;

    check('::1', '[::1]', join('.', 1, (0) x 31) . '.ip6.arpa',
        '0:0:0:0:0:0:0:1');
}

# what fails

my ($error) = alpn('127.0.0.2', dns => [ '127.0.0.2' ]);
like($error->{type}, qr/:incorrectResponse$/, 'a name for an address');
like($error->{detail}, qr/no iPAddress/, 'says so');

($error) = alpn('127.0.0.2', ip => [ '127.0.0.1' ]);
like($error->{detail}, qr/another address/, 'another address');

($error) = alpn('127.0.0.2', ip => [ '127.0.0.2', '127.0.0.1' ]);
like($error->{detail}, qr/more than one entry/, 'two addresses');

($error) = alpn('127.0.0.9');
like($error->{type}, qr/:connection$/, 'an address that is never asked');
like($error->{detail}, qr/may not connect/, 'says so');

# a name and an address together

my $both = $acme->issue([ 'a.example', '127.0.0.1' ]);
like(cert_text($both->{chain}),
    qr/DNS:a\.example, IP Address:127\.0\.0\.1\n/, 'a name and an address');

# requests that say something else

my $ready = $acme->ready_order([ '127.0.0.1' ]);

foreach my $case ([ 'as a name', dns => [ '127.0.0.1' ] ],
                  [ 'another', ip => [ '127.0.0.2' ] ],
                  [ 'one more', ip => [ '127.0.0.1', '127.0.0.2' ] ],
                  [ 'none', cn => '127.0.0.2' ],
                  [ 'with a mask',
                    general => [ der(0x87, "\x7f\0\0\1\xff\xff\xff\xff") ] ],
                  [ 'IPv4-mapped', general => [ der(0x87, ("\0" x 10)
                                        . "\xff\xff\x7f\0\0\1") ] ])
{
    my ($name, %opts) = @$case;
    my $csr = acme_csr(key => acme_key('ES256'), %opts);
    is($acme->finalize($ready, $csr)->outcome(), '400 badCSR', "CSR: $name");
}

# names were never resolved

unlike($t->read_file('dns.log'), qr/127\.0\.0|arpa|::/, 'no DNS');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# 26 tests

sub check {
    my ($address, $host, $reverse, $text) = @_;

    # no dns challenge can prove it

    my $order = $acme->new_order([ $address ]);
    my $authz = $acme->post($order->json()->{authorizations}[0]);

    is_deeply($authz->json()->{identifier},
        { type => 'ip', value => $address }, "$address: identifier");
    is_deeply([ sort map { $_->{type} } @{$authz->json()->{challenges}} ],
        [ qw/ http-01 tls-alpn-01 / ], "$address: challenges");

    # tls-alpn-01

    my ($error, $location) = alpn($address);
    is($error, undef, "$address: tls-alpn-01") or diag $error->{detail};
    is($acme->poll($location)->json()->{status}, 'ready', "$address: ready");

    my ($hello) = (tls_alpn_log($t))[-1];
    is($hello->{name}, $reverse, "$address: server name");
    is_deeply($hello->{protocols}, [ 'acme-tls/1' ], "$address: protocol");

    # http-01, by another account, as that one needs no validation any more

    my $other = $acme->another();
    my $got = $other->issue([ $address ]);
    my ($asked) = (http_01_log($t))[-1];
    is($asked->{host}, "$host:$p", "$address: Host");

    # certificates: the address, and no common name unless asked for

    my $pem = $got->{chain};
    like(cert_text($pem), qr/Alternative\ Name:\ critical\s+
        IP\ Address:\Q$text\E\n/x, "$address: certificate");
    is(cert_field($pem, 'subject'), '', "$address: no subject");
    is(chain_verify($pem, "$dir/ca/root.pem"), 'OK', "$address: chain");
    is(acme_ca_sql_value($t, 'SELECT sans FROM acme_certificates
        ORDER BY id DESC LIMIT 1'), "ip:$address", "$address: registry");

    foreach my $case ([ 'plain', undef, '' ], [ 'first', undef, '' ],
                      [ 'csr', undef, '' ], [ 'csr', $address,
                      "CN = $address" ], [ 'plain', $address, '' ])
    {
        my ($profile, $cn, $subject) = @$case;
        my $name = "$address: $profile, " . (defined $cn ? 'CN' : 'no CN');
        my $csr = acme_csr(key => acme_key('ES256'), ip => [ $address ],
                           cn => $cn);
        my $one = $other->issue([ $address ], csr => $csr,
                                more => { profile => $profile });
        is(cert_field($one->{chain}, 'subject'), $subject, $name);
        like(cert_text($one->{chain}), qr/Address:\Q$text\E\n/, "$name: SAN");
    }

    is($other->revoke($pem)->{status}, 200, "$address: revoked");
    is($other->revoke($pem)->outcome(), '400 alreadyRevoked',
        "$address: once");

    # a common name alone, as some clients write it

    my $alone = $other->issue([ $address ],
        csr => acme_csr(key => acme_key('ES256'), cn => $address));
    like(cert_text($alone->{chain}), qr/Address:\Q$text\E\n/,
        "$address: only a CN");

    # what is valid needs no other proof

    my $again = $acme->new_order([ $address ]);
    is($again->json()->{status}, 'ready', "$address: authorization reused");
    is($acme->post($again->json()->{authorizations}[0])->json()->{status},
        'valid', "$address: as it is valid");
}


# (error of the challenge, order)

sub alpn {
    my ($address, %how) = @_;

    my $order = $acme->new_order([ $address ]);
    my $authz = $order->json()->{authorizations}[0];
    my $challenge = $acme->challenge($acme->post($authz), 'tls-alpn-01');

    my $name = $address =~ /:/
        ? join('.', 1, (0) x 31) . '.ip6.arpa'
        : join('.', reverse split /\./, $address) . '.in-addr.arpa';

    put_alpn("$dir/alpn", $name, ip => [ $address ],
        answer => $acme->key_authorization($challenge->{token}),
        $how{dns} ? (ip => []) : (), %how);
    $acme->post($challenge->{url}, {});

    my ($done) = grep { $_->{type} eq 'tls-alpn-01' }
        @{$acme->poll($authz)->json()->{challenges}};

    return ($done->{error}, $order->location());
}

###############################################################################
