#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Several authorities in one nginx, each with everything of its own; and the
# ways to reach one: several servers, HTTP/2, IPv6, behind another proxy.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Socket::IP;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Time::Piece;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()
    ->has(qw/ http http_ssl http_v2 proxy realip cryptx /);
my $dir = $t->testdir();

$t->has_daemon($_) foreach qw/ sqlite3 openssl curl /;

plan(skip_all => 'no HTTP/2 in curl')
    unless `curl --version` =~ /\bHTTP2\b/;

# the number of a port of ours may be taken there, but hardly ever is
my $ipv6 = IO::Socket::IP->new(LocalHost => '::1', Listen => 1,
                               LocalPort => port(8086)) ? 1 : 0;
my $listen = $ipv6 ? 'listen [::1]:%%PORT_8086%%;' : '';

my $common = <<'EOC';
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
        http_01_ports %%PORT_8081%%;
        allow address 127.0.0.0/8;
EOC

acme_ca_conf($t, tls => 1, name => 'a', base_url => '',
    path => '%%TESTDIR%%/a', authority => <<'EOA', http => <<"EOH",
        allow dns .a.example;
        profile default { lifetime 10d; }
EOA
    server_names_hash_bucket_size 128;

    acme_ca_authority b {
        path %%TESTDIR%%/b;
        allow dns .b.example;
        profile default { lifetime 20d; }
$common
    }

    acme_ca_authority h2 {
        path %%TESTDIR%%/h2;
        base_url https://127.0.0.1:8444/acme;
$common
    }

    acme_ca_authority six {
        path %%TESTDIR%%/six;
        base_url http://[::1]:%%PORT_8086%%/acme;
        allow address ::1;
$common
    }

    acme_ca_authority proxied {
        path %%TESTDIR%%/proxied;
        base_url http://127.0.0.1:8087/outside;
$common
    }

    server {
        listen 127.0.0.1:8444 ssl http2;
        ssl_certificate \$acme_ca_certificate;
        ssl_certificate_key \$acme_ca_certificate_key;

        location /acme/ {
            acme_ca h2;
        }
    }

    server {
        listen 127.0.0.1:8082;
        $listen

        location /acme/ {
            acme_ca six;
        }
    }

    server {
        listen 127.0.0.1:8087;

        location /outside/ {
            proxy_pass http://127.0.0.1:8088/inside/;
            proxy_set_header X-Forwarded-For 192.0.2.7;
        }
    }

    server {
        listen 127.0.0.1:8088;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;

        location /inside/ {
            acme_ca proxied;
        }
    }

    server {
        listen 127.0.0.1:8089;

        location /acme/ {
            proxy_pass http://127.0.0.1:8080;
            proxy_set_header Host \$http_host;
        }

        location /a/ {
            acme_ca a;
        }
    }
EOH
    location => '} location /b/ { acme_ca b;')->plan(47)->run();

my %base = (a => 'http://127.0.0.1:' . port(8080) . '/acme',
            b => 'http://127.0.0.1:' . port(8080) . '/b');
my %acme = map { $_ => client("$base{$_}/directory") } keys %base;

###############################################################################

# each certifies its own names, from its own keys

my %got = map { $_ => $acme{$_}->issue([ "www.$_.example" ]) } keys %acme;

foreach my $one (qw/ a b /) {
    my $other = $one eq 'a' ? 'b' : 'a';
    my $chain = $got{$one}{chain};

    is(chain_verify($chain, "$dir/$one/root.pem"), 'OK', "$one: its root");
    isnt(chain_verify($chain, "$dir/$other/root.pem"), 'OK',
        "$one: not the other's");
    is($acme{$one}->new_order([ "www.$other.example" ])->outcome(),
        '400 rejectedIdentifier', "$one: not the other's names");
    is(days($chain), $one eq 'a' ? 10 : 20, "$one: its profile");
    like($got{$one}{url}, qr/^\Q$base{$one}\E\/order\//, "$one: its URLs");
    is(rows($one, 'acme_accounts'), 1, "$one: one account");
    is(rows($one, 'acme_orders'), 1, "$one: one order");
    is(rows($one, 'acme_certificates WHERE account_id IS NOT NULL'), 1,
        "$one: one certificate");
}

# what the one gave is nothing to the other

is($acme{b}->account(undef, nonce => $acme{a}->fresh_nonce())->outcome(),
    '400 badNonce', 'nonce of another');
is($acme{b}->find_account(key => $acme{a}{key})->outcome(),
    '400 accountDoesNotExist', 'key of another');
is($acme{b}->post($acme{b}->url('newOrder'), {}, kid => $acme{a}{kid},
                  key => $acme{a}{key})->outcome(),
    '400 accountDoesNotExist', 'account URL of another');
is($acme{b}->post($acme{b}->url('newOrder'), {}, key => $acme{a}{key},
                  kid => moved($acme{a}{kid}))->outcome(),
    '400 accountDoesNotExist', 'account id of another');
is($acme{b}->post(moved($got{a}{url}))->outcome(), '404 malformed',
    'order of another');
is($acme{b}->post(moved($got{a}{certificate_url}))->outcome(),
    '404 malformed', 'certificate of another');
like($acme{b}->revoke($got{a}{chain}, key => $got{a}{key})->outcome(),
    qr/^4\d\d /, 'revocation of what another issued');
is(rows('a', "acme_certificates WHERE status = 'revoked'"), 0,
    'it is not revoked');
is($acme{b}->post($acme{b}->url('newOrder'), {},
                  url => $acme{a}->url('newOrder'))->outcome(),
    '403 unauthorized', 'a request that was made for another');
is($acme{a}->revoke($got{a}{chain})->{status}, 200, 'revocation');

# an authority in two servers: its URLs are those that the client called

my $second = client('http://127.0.0.1:' . port(8089) . '/a/directory',
                    key => $acme{a}{key});

is($second->find_account()->outcome(), 200, 'the account by another server');
like($second->{kid}, qr!^http://127.0.0.1:\d+/a/account/!, 'its URL there');
is(chain_verify($second->issue([ 'second.a.example' ])->{chain},
                "$dir/a/root.pem"), 'OK', 'issued there');
is($second->account(undef, nonce => $acme{a}->fresh_nonce())->{status}, 200,
    'a nonce is good in both');

# behind a proxy that hands on the Host header, or with a base_url

my $host = client('http://127.0.0.1:' . port(8089) . '/acme/directory');

is(chain_verify($host->issue([ 'host.a.example' ])->{chain},
                "$dir/a/root.pem"), 'OK', 'proxy with Host');
like($host->{kid}, qr/^\Qhttp:\/\/127.0.0.1:\E${\port(8089)}\/acme\//,
    'URLs of the proxy');

my $outside = client('http://127.0.0.1:' . port(8087) . '/outside/directory');

is(chain_verify($outside->issue([ 'out.example' ])->{chain},
                "$dir/proxied/root.pem"), 'OK', 'proxy with base_url');
like($outside->{kid}, qr!/outside/account/!, 'URLs of base_url');
is_deeply([ map { values %$_ } acme_ca_sql($t, "SELECT DISTINCT client_address
        FROM acme_audit_logs WHERE client_address IS NOT NULL",
        "$dir/proxied/ca.db") ], [ '192.0.2.7' ],
    'address of the client behind the proxy');

# HTTP/2

my $h2 = Test::Curl->new(
    directory => 'https://127.0.0.1:' . port(8444) . '/acme/directory',
    tokens => "$dir/tokens", curl => [ '--http2', '--cacert',
                                       "$dir/h2/root.pem" ]);

my $reply = $h2->get($h2->{directory});
is($reply->{version}, 'HTTP/2', 'HTTP/2');
is($reply->{status}, 200, 'directory by HTTP/2');
is(chain_verify($h2->issue([ 'h2.example' ])->{chain}, "$dir/h2/root.pem"),
    'OK', 'issued by HTTP/2');
is(scalar($h2->post($h2->url('newOrder'), {})->links('index')), 1, 'Link');
is($h2->post($h2->url('newOrder'), {}, nonce => 'A' x 22)->outcome(),
    '400 badNonce', 'problem by HTTP/2');
is($h2->request('PUT', $h2->url('newOrder'), body => 'x')->outcome(),
    '405 malformed', 'method by HTTP/2');
is($h2->post($h2->url('newOrder'), undef, body => 'x' x 200000)->outcome(),
    '413 malformed', 'too large a body by HTTP/2');

SKIP: {
    skip 'no IPv6', 4 unless $ipv6;

    my $six = Test::Curl->new(
        directory => 'http://[::1]:' . port(8086) . '/acme/directory',
        tokens => "$dir/tokens", curl => [ '--globoff' ]);

    my $issued = $six->issue([ 'six.example' ]);
    is(chain_verify($issued->{chain}, "$dir/six/root.pem"), 'OK',
        'issued by IPv6');
    like($issued->{url}, qr!^http://\[::1\]:\d+/acme/order/!, 'its URLs');
    is_deeply([ map { values %$_ } acme_ca_sql($t, "SELECT DISTINCT
            client_address FROM acme_audit_logs WHERE client_address IS NOT NULL",
            "$dir/six/ca.db") ], [ '::1' ], 'address of the client');
    is($six->revoke($issued->{chain})->{status}, 200, 'revoked by IPv6');
}

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub client {
    my ($url, @more) = @_;

    return Test::Nginx::AcmeCa::Client->new(directory => $url,
        tokens => "$dir/tokens", @more);
}


# a URL of a as one of b

sub moved {
    my ($url) = @_;
    return $url =~ s/^\Q$base{a}\E/$base{b}/r;
}


sub rows {
    my ($name, $what) = @_;

    return acme_ca_sql_value($t, "SELECT count(*) FROM $what",
                             "$dir/$name/ca.db");
}


# lifetime of a certificate

sub days {
    my ($pem) = @_;

    my ($from, $to) = map { Time::Piece->strptime(cert_field($pem, $_),
                                                  '%b %d %H:%M:%S %Y GMT') }
                          qw/ startdate enddate /;

    return int(($to - $from)->days());
}

###############################################################################

package Test::Curl;

# the client, by way of curl, which speaks HTTP/2 and IPv6

use warnings;
use strict;

use base qw/ Test::Nginx::AcmeCa::Client /;

use File::Temp ();

sub new {
    my ($class, %opts) = @_;

    my $self = $class->SUPER::new(%opts);
    $self->{curl} = $opts{curl};

    return $self;
}


sub request {
    my ($self, $method, $url, %opts) = @_;

    my $file = File::Temp->new();
    binmode $file;
    print {$file} defined $opts{body} ? $opts{body} : '';
    $file->flush();

    my $text = Test::Nginx::AcmeCa::run('curl', @{$self->{curl}},
        '--silent', '--show-error', '--include', '--max-time', 60,
        $method eq 'HEAD' ? '--head' : ('--request', $method),
        (map { ('--header', "$_->[0]: $_->[1]") } @{$opts{headers} || []}),
        defined $opts{body} ? ('--data-binary', '@' . $file->filename()) : (),
        $url);

    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($line, @lines) = split /\r\n/, $head;
    my ($version, $status) = split / /, $line;

    my $reply = bless {
        version => $version, status => $status || 0, reason => $text,
        head => $head, body => defined $body ? $body : '',
        headers => [ map { [ /^([^:]+):\s*(.*?)\s*$/ ] } @lines ],
    }, 'Test::Nginx::AcmeCa::Reply';

    my $nonce = $reply->header('Replay-Nonce');
    push @{$self->{nonces}}, $nonce if defined $nonce;

    return $reply;
}

###############################################################################
