#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Event hooks: what is told of issuances, refusals, revocations and checkpoints,
# signed; the example of a receiver; configuration.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Digest::SHA qw/ sha256_hex /;
use IO::Socket::INET;
use MIME::Base64 qw/ decode_base64 /;
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Receiver;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3')->has_daemon('python3');
my $dir = $t->testdir();

my $hooks = {
    '/all'     => '',
    '/revoked' => 'revoked unrevoked',
    '/example' => 'issued revoked timeout=5s retry=1s',
};

receiver_start($t, 8090);
configure($hooks);
$t->plan(54)->run();

my $key = key("$dir/ca/event.key");
start_example();
acme_ca_tool($t);

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# issued

my $got = $acme->issue([ 'a.example', 'b.example' ]);
my ($event) = all(1, 'issued');
my $data = $event->{data};
my $certificate = $data->{certificate};

like($key, qr/^[0-9a-f]{64}$/, 'a key was made');
is((stat "$dir/ca/event.key")[2] & 07777, 0600, 'that nobody reads');
is($event->{type}, 'issued', 'issued');
like($event->{id}, qr/^default-\d+-\d+$/, 'its id');
like($event->{at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'when');
is($data->{action} . ' ' . $data->{outcome} . ' ' . $data->{actor},
    'issue done account', 'what was done');
is($certificate->{serial}, lc cert_field($got->{chain}, 'serial'), 'serial');
is_deeply($certificate->{names}, [ 'dns:a.example', 'dns:b.example' ],
    'names');
is($certificate->{profile}, 'default', 'profile');
like($certificate->{not_after}, qr/^\d{4}-.*Z$/, 'its end');
like($certificate->{issuer}, qr/CA/, 'its issuer');
is($certificate->{fingerprint}, sha256_hex(cert_der($got->{chain})),
    'fingerprint');
like($data->{request_id}, qr/^[0-9a-f]{32}$/, 'the request');

my ($request) = receiver_taken($t, '/all');
my $body = json_decode($request->{body});

is($request->{fields}{'content-type'}, 'application/json', 'a document');
is($request->{fields}{'acme-ca-authority'}, 'default', 'the authority');
is("$body->{authority} $body->{hook}", 'default /all', 'and in it');
is(receiver_signed($request, $key), '', 'signed');
isnt(receiver_signed($request, 'another'), '', 'with that key');

# revoked, by the client and by the operator, and taken back

$acme->revoke($got->{chain}, reason => 1);
my $held = $acme->issue([ 'c.example' ]);
my $serial = lc cert_field($held->{chain}, 'serial');

tool('revoke', '--serial', $serial, '--reason', 'certificateHold');
tool('unrevoke', '--serial', $serial);
tool('certificate', 'revoke', $serial, '--reason', '4');

my @revoked = receiver_wait($t, '/revoked', 4);

is(join(' ', map { $_->{type} } @revoked),
    'revoked revoked unrevoked revoked', 'revocations, in their order');
is($revoked[0]{data}{certificate}{revocation_reason}, 1, 'with a reason');
is($revoked[0]{data}{certificate}{serial}, $certificate->{serial},
    'of that certificate');
is($revoked[3]{data}{certificate}{serial}, $serial, 'and the operator\'s');
is($revoked[3]{data}{actor}, 'operator', 'who is told');
is($revoked[0]{id}, (all(1, 'revoked'))[0]{id}, 'one id for all hooks');

# refused: an order, a validation that was the last one; not a nonce

is($acme->new_order([ 'a.denied.example' ])->outcome(),
    '400 rejectedIdentifier', 'denied');
$acme->account(undef, nonce => 'A' x 22);

my $bad = $acme->new_order([ 'bad.example' ]);
my $challenge = $acme->challenge($acme->post(
    $bad->json()->{authorizations}[0]));
$acme->post($challenge->{url}, {});
acme_ca_dns($t, 'none.example' => {});
my $none = $acme->new_order([ 'none.example' ]);
$acme->post($acme->challenge($acme->post(
    $none->json()->{authorizations}[0]))->{url}, {});

my @refused = all(3, 'refused');

is(join(' ', map { $_->{data}{action} } @refused),
    'new-order validate validate', 'refusals');
like($refused[0]{data}{reason}, qr/^rejectedIdentifier: .*denied/, 'why');

# of the two that run at the same time either ends first
my ($first, $second) = sort { $a cmp $b }
    map { join ' ', @{$_->{data}{names}} } @refused[1, 2];
is($first, 'dns:bad.example', 'for whom');
is($second, 'dns:none.example', 'when there was no attempt left');

# checkpoints

my ($checkpoint) = map { $_->{data}{checkpoint} } all(1, 'checkpoint');
is($checkpoint->{signature}, acme_ca_sql_value($t,
    "SELECT lower(hex(signature)) FROM acme_audit_checkpoints WHERE id =
     $checkpoint->{row}"), 'a checkpoint');

# an issuer

tool('issuer', 'compromised', acme_ca_sql_value($t,
    "SELECT id FROM issuers WHERE state = 'active'"));
is((all(1, 'issuer'))[0]{data}{action}, 'issuer-compromised', 'an issuer');

is(receiver_twice($t, $_), '', "$_: each once") foreach qw( /all /revoked );

# all of it as the schema says, which knows the types that there are

is(join("\n", receiver_faults($t)), '', 'as the schema says');
is(join(' ', keys_of(map { $_->{type} } receiver_events($t, '/all'))),
    'checkpoint issued issuer refused revoked unrevoked', 'these types');

my @types = keys_of(map { @{$_->{if}{properties}{type}{enum}} }
    @{receiver_schema()->{'$defs'}{event}{allOf}});

is(join(' ', keys_of(text('src/protocol/acme_ca_event.c')
    =~ /^    ngx_string\("(\w+)"\),$/mg)), join(' ', @types), 'all there are');
is(join(' ', keys_of((text('docs/events.md') =~ /\| type \|(.*?)\n\n/s)[0]
    =~ /^\| `(\w+)` \|/mg)), join(' ', @types), 'and as they are described');

# the example of a receiver has what it is to have, once

ok(acme_ca_wait(sub { example() == 5 }), 'the example took them');
is(join(' ', example()), join(' ', map { $_->{id} }
    grep { $_->{type} =~ /^(issued|revoked)$/ } receiver_events($t, '/all')),
    'all, in their order, once');
is(forge(), 'HTTP/1.0 403 Forbidden', 'and refuses what is not from us');

# what nginx -t says

foreach my $bad (
    [ 'event_hook event;', qr/URI of a location/ ],
    [ 'event_hook /e?a=1;', qr/URI of a location/ ],
    [ 'event_hook /e issue;', qr/invalid parameter "issue"/ ],
    [ 'event_hook /e batch=0;', qr/invalid parameter "batch=0"/ ],
    [ 'event_hook /e batch=1001;', qr/invalid parameter "batch=1001"/ ],
    [ 'event_hook /e timeout=x;', qr/invalid parameter "timeout=x"/ ],
    [ 'event_hook /e retry=0;', qr/invalid parameter "retry=0"/ ],
    [ 'event_hook /e; event_hook /e;', qr/is duplicate/ ],
    [ 'event_key /tmp/x;', qr/"event_key" needs "event_hook"/ ],
    [ 'event_hook /e; event_key a; event_key b;', qr/is duplicate/ ],
    [ "event_hook /e; event_key $dir/short;", qr/a line that is no key/ ],
    [ "event_hook /e; event_key $dir/open;", qr/mode 0600/ ],
)
{
    like(config_test($bad->[0]), $bad->[1], "wrong: $bad->[0]");
}

like(config_test("event_hook /e refused batch=1 timeout=1ms retry=1h;"
    . " event_key $dir/none;"), qr/test is successful/, 'right');
ok(!-e "$dir/none", 'a test makes no key');

undef $t;

###############################################################################

sub configure {
    my $authority = join '', map { "        event_hook $_ $hooks->{$_};\n" }
        sort keys %$hooks;

    write_key('short', 'too short', 0600);
    write_key('open', 'x' x 32, 0644);

    acme_ca_conf($t, authority => "deny dns .denied.example;\n"
            . "        validation_attempts 2; audit_checkpoint 2s;\n"
            . $authority,
        server => 'location ~ ^/(all|revoked)$ { internal;'
            . ' proxy_pass http://127.0.0.1:%%PORT_8090%%; }'
            . ' location = /example { internal;'
            . ' proxy_pass http://127.0.0.1:%%PORT_8091%%; }');
}


# a program that ends with the test

sub start_example {
    $t->run_daemon(sub {
        exec 'python3', "$FindBin::Bin/../contrib/event/acme-ca-receiver",
            '--listen', '127.0.0.1:' . port(8091), '--key',
            "$dir/ca/event.key", '--to', "$dir/events.jsonl";
    });
    $t->waitforsocket('127.0.0.1:' . port(8091));
}


# what it says to somebody else

sub forge {
    my $socket = IO::Socket::INET->new('127.0.0.1:' . port(8091)) or return;

    print {$socket} "POST / HTTP/1.0\r\nContent-Length: 2\r\n"
        . 'Acme-Ca-Signature: t=' . time() . ',v1=' . 'a' x 64 . "\r\n\r\n{}";

    my $line = <$socket>;
    $line =~ s/\r\n//;

    return $line;
}


# ids of what it has

sub example {
    my $text = eval { $t->read_file('events.jsonl') };

    return map { json_decode($_)->{id} } split /\n/, $text || '';
}


sub write_key {
    my ($name, $text, $mode) = @_;

    open my $f, '>', "$dir/$name" or die "$name: $!\n";
    print {$f} "$text\n";
    close $f;
    chmod $mode, "$dir/$name";
}


sub config_test {
    my ($lines) = @_;

    my $conf = $t->read_file('nginx.conf');
    $conf =~ s/event_hook .*;//g;
    $conf =~ s/(acme_ca_authority default \{)/$1 $lines/;

    my ($ok, $text) = acme_ca_config_test($t, $conf);

    return $text;
}


sub key {
    my ($file) = @_;

    open my $f, '<', $file or die "$file: $!\n";
    my $line = <$f>;
    chomp $line;

    return $line;
}


# so many of a type at "/all", all that there are

sub all {
    my ($n, $type) = @_;
    return receiver_wait($t, '/all', $n, sub { $_[0]{type} eq $type });
}


# words, each once

sub keys_of {
    my %words = map { $_ => 1 } @_;

    return sort keys %words;
}


sub text {
    my ($file) = @_;

    open my $f, '<', "$FindBin::Bin/../$file" or die "$file: $!\n";
    local $/;

    return scalar <$f>;
}


sub cert_der {
    my ($pem) = @_;
    my ($text) = $pem =~ /BEGIN CERTIFICATE-----\n(.*?)-----END/s;

    return decode_base64($text);
}

###############################################################################
