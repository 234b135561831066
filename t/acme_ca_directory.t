#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The directory, its meta object, the headers of every reply, and what HTTP
# refuses before ACME is asked: all of it as problem documents.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Socket::INET;
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /);

acme_ca_conf($t, authority => <<'END', http => <<'END2')->plan(62)->run();
terms_of_service https://ca.example/terms;
        website https://ca.example/;
        caa_identities ca.example other.example;
        profile default { description "servers"; }
        profile short { description "a week"; lifetime 7d; }
END
acme_ca_authority free {
        path %%TESTDIR%%/free;
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
    }

    server {
        listen 127.0.0.1:8082;
        location /here/ { acme_ca free; }
    }
END2

my $acme = acme_client($t);
my $base = acme_ca_url();

###############################################################################

# the directory

my $reply = $acme->get("$base/directory");
my $json = $reply->json();

is($reply->{status}, 200, 'directory');
is($reply->header('Content-Type'), 'application/json', 'type of directory');
is_deeply({ map { $_ => $json->{$_} } grep { $_ ne 'meta' } keys %$json }, {
    newNonce   => "$base/new-nonce",
    newAccount => "$base/new-account",
    newOrder   => "$base/new-order",
    revokeCert => "$base/revoke-cert",
    keyChange  => "$base/key-change",
    renewalInfo => "$base/renewal-info" }, 'URLs');
is_deeply($json->{meta}, {
    termsOfService => 'https://ca.example/terms',
    website        => 'https://ca.example/',
    caaIdentities  => [ 'ca.example', 'other.example' ],
    profiles       => { default => 'servers', short => 'a week' } }, 'meta');
is($acme->get("$base/")->{body}, $reply->{body}, 'directory at the location');
is($acme->head("$base/directory")->{status}, 200, 'HEAD');
is($acme->get("$base/directory?x=1")->{status}, 200, 'query is ignored');
is($acme->new_account()->{status}, 201, 'account');
is($acme->post("$base/directory")->{body}, $reply->{body}, 'POST-as-GET');

# without base_url: what the request calls us

my $free = '127.0.0.1:' . port(8082);
my $meta = $acme->get("http://$free/here/directory")->json();
is($meta->{newOrder}, "http://$free/here/new-order", 'URL of the request');
is_deeply($meta->{meta} || {}, {}, 'no meta by default');
is($acme->get("http://$free/here/directory",
              headers => [ [ 'Host', 'ca.example:81' ] ])->json()->{newNonce},
    'http://ca.example:81/here/new-nonce', 'URL by Host');
is($acme->get("$base/directory",
              headers => [ [ 'Host', 'ca.example' ] ])->json()->{newNonce},
    "$base/new-nonce", 'base_url goes before Host');

# HTTP/1.0 has no Host

like(raw(8080, "GET /acme/directory HTTP/1.0\r\n\r\n"),
    qr!^HTTP/1\.1 200 .*"newNonce":"\Q$base\E/new-nonce"!s,
    'HTTP/1.0 without Host, base_url');
unlike(raw(8082, "GET /here/directory HTTP/1.0\r\n\r\n"),
    qr!"newNonce":"https?:///!s, 'HTTP/1.0 without Host');

###############################################################################

# refusals

foreach my $path (qw( nope new-nonce/ directory/x order order/x account/
                      certificate/AAAAAAAAAAAAAAAAAAAAAAAA ))
{
    problem("404 malformed", "GET $path", $acme->get("$base/$path"));
}

my %allow = ('new-account' => 'POST', 'new-order' => 'POST',
    'revoke-cert' => 'POST', 'key-change' => 'POST',
    directory => 'GET, HEAD, POST', 'new-nonce' => 'GET, HEAD, POST');

foreach my $path (sort keys %allow) {
    my $method = $allow{$path} =~ /GET/ ? 'DELETE' : 'GET';
    $reply = $acme->request($method, "$base/$path");
    problem("405 malformed", "$method $path", $reply);
    is($reply->header('Allow'), $allow{$path}, "Allow of $path");
}

my @type = ([ 'Content-Type', 'application/jose+json' ]);
my @chunked = (@type, [ 'Transfer-Encoding', 'chunked' ]);

problem('413 malformed', 'large body', $acme->request('POST',
    "$base/new-order", headers => \@type, body => 'x' x 200000));
problem('413 malformed', 'large chunk', $acme->request('POST',
    "$base/new-order", headers => \@chunked,
    body => sprintf("%x\r\n%s\r\n0\r\n\r\n", 200000, 'x' x 200000)));
like(raw(8080, head('Transfer-Encoding: chunked'),
    sprintf("%x\r\n", 200000), ('x' x 20000) x 10), qr/^HTTP\S+ 413 /,
    'large chunk in pieces');
like(raw(8080, head('Content-Length: 200000'), ('x' x 20000) x 10),
    qr/^HTTP\S+ 413 /, 'large body in pieces');
problem('400 malformed', 'bad chunk', $acme->request('POST',
    "$base/new-order", headers => \@chunked, body => "zz\r\nxx"));
problem('400 malformed', 'neither length nor chunks', $acme->request('POST',
    "$base/new-order", headers => \@type));
problem('400 malformed', 'empty body', $acme->request('POST',
    "$base/new-order", headers => \@type, body => ''));
problem('415 malformed', 'JSON', $acme->request('POST', "$base/new-order",
    headers => [ [ 'Content-Type', 'application/json' ] ], body => '{}'));

my $good = json_encode($acme->jws("$base/new-order", { identifiers => [
    { type => 'dns', value => 'a.example' } ] }));
is($acme->request('POST', "$base/new-order", headers => \@chunked,
    body => sprintf("a\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", substr($good, 0, 10),
        length($good) - 10, substr($good, 10)))->outcome(), 201, 'chunks');

###############################################################################

sub problem {
    my ($want, $name, $reply) = @_;
    my $json = $reply->json();

    is($reply->outcome(), $want, $name);
    is_deeply([ $json->{status}, $reply->header('Cache-Control'),
                $reply->links('index') ],
        [ $reply->{status}, 'no-store',
          $name =~ / directory$/ ? () : "$base/directory" ],
        "$name: status, no-store, index") or diag $reply->{head};
}


sub head {
    my ($length) = @_;

    return "POST /acme/new-order HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        . "Content-Type: application/jose+json\r\nConnection: close\r\n"
        . "$length\r\n\r\n";
}


# what the server says to pieces that come one after the other

sub raw {
    my ($port, @pieces) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp', PeerAddr => '127.0.0.1',
                                  PeerPort => port($port), Timeout => 60)
        or return "no connection: $!";
    $s->autoflush(1);
    local $SIG{PIPE} = 'IGNORE';

    foreach my $piece (@pieces) {
        print {$s} $piece or last;
        select undef, undef, undef, 0.02 if @pieces > 1;
    }

    local $SIG{ALRM} = sub { die "timeout\n" };
    my $reply = '';
    eval {
        alarm(60);
        1 while sysread($s, $reply, 8192, length $reply);
        alarm(0);
    };
    alarm(0);

    return $reply;
}

###############################################################################
