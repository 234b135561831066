#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Faults that other certificate authorities had: each is a test here, named
# after what went wrong there.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use POSIX ();
use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');

acme_ca_conf($t, workers => 2, challenges => 'http-01 dns-01',
    authority => 'validation_attempts 1; validation_timeout 1m; authorization_reuse off;
        profile default { common_name csr; lifetime 30d; }')
    ->plan(82)->run();

my $acme = acme_client($t);
$acme->new_account();

my $key = acme_key('ES256');
my @dns = (dns => [ 'a.example' ]);
my $base = acme_ca_url();

###############################################################################

# what a CSR smuggles into a certificate

my $order = $acme->ready_order([ 'a.example' ]);

my @refused = (
    [ 'common name', cn => 'evil.example' ],
    [ 'common name in upper case', cn => 'EVIL.example' ],
    [ 'common name with a comma', cn => 'a.example,evil.example' ],
    [ 'common name with a line end', cn => "a.example\nevil.example" ],
    [ 'common name with a NUL', cn => "a.example\0evil.example" ],
    [ 'common name as BMPString', subject_der => subject([ 0x1e,
        join '', map { "\0$_" } split //, 'evil.example' ]) ],
    [ 'two common names', subject_der => subject([ 0x0c, 'a.example' ],
                                                [ 0x0c, 'evil.example' ]) ],
    [ 'mail', email => [ 'root@a.example' ] ],
    [ 'URI', uri => [ 'spiffe://evil/' ] ],
    [ 'address', ip => [ '127.0.0.1' ] ],
    [ 'CA', extensions => [ [ '2.5.29.19', 1,
        der_sequence(der(0x01, "\xff")) ] ] ],
);

foreach my $case (@refused) {
    my ($name, @csr) = @$case;
    is($acme->finalize($order, acme_csr(key => $key, @dns, @csr))->outcome(),
        '400 badCSR', "CSR: $name");
}

# what is left aside, or refused: never copied

my @aside = (
    [ 'subject', cn => 'a.example', subject => [ [ O => 'Evil' ],
        [ OU => 'Evil' ] ] ],
    [ 'mail in the subject', subject => [
        [ '1.2.840.113549.1.9.1' => 'root@evil.example' ] ] ],
    [ 'extended key usage', extensions => [ [ '2.5.29.37', 1, der_sequence(
        der_oid('1.3.6.1.5.5.7.3.3'), der_oid('1.3.6.1.5.5.7.3.9')) ] ] ],
    [ 'key usage', extensions => [ [ '2.5.29.15', 1,
        der(0x03, "\1\x06") ] ] ],
    [ 'unknown extension', extensions => [ [ '1.2.3.4.5', 0,
        der_octets('evil') ] ] ],
);

foreach my $case (@aside) {
    my ($name, @csr) = @$case;

    $order = $acme->ready_order([ 'a.example' ]);
    my $reply = $acme->finalize($order, acme_csr(key => $key, @dns, @csr));

    is($reply->outcome(), $name =~ /subject/ ? '200' : '400 badCSR',
        "CSR: $name");

    my $url = $reply->json()->{certificate};
    my $text = $url ? cert_text($acme->post($url)->{body}) : '';

    unlike($text, qr/evil|Code Signing|OCSP Signing|Certificate Sign|CRL Sign
                     |1\.2\.3\.4\.5/xi, "CSR: $name is not copied");
}

###############################################################################

# identifiers

is($acme->new_order([ { type => 'dns', value => $_ } ])->outcome(),
    '400 malformed', "address as a name: $_")
    foreach qw/ 10.0.0.5 2130706433 0x7f.1 0x7f000001 127.1 ::1 [::1] /;

foreach my $name ('a.example.', '.a.example', 'a..example', '*.*.example',
                  'a.*.example', '*', '*.', 'a*.example', '')
{
    like($acme->new_order([ { type => 'dns', value => $name } ])->outcome(),
        qr/^400 (?:malformed|rejectedIdentifier)$/, "name: \"$name\"");
}

is_deeply([ map { $_->{value} } @{$acme->new_order([ 'Dup.example',
    'dup.EXAMPLE', 'dup.example' ])->json()->{identifiers}} ],
    [ 'dup.example' ], 'case and duplicates');

my $wild = $acme->new_order([ '*.wild.example' ])->json();
my $authz = $acme->post($wild->{authorizations}[0])->json();
is($wild->{identifiers}[0]{value}, '*.wild.example', 'wildcard in the order');
is($authz->{identifier}{value}, 'wild.example', 'not in the authorization');
ok($authz->{wildcard}, 'which says that it is one');
is($acme->post($acme->new_order([ '*.www.w.example' ])
    ->json()->{authorizations}[0])->json()->{identifier}{value},
    'www.w.example', 'no more than "*." is taken off');

###############################################################################

# validation tells nothing of what it saw, and is done once

my ($url) = @{$acme->new_order([ 'echo.example' ])->json()->{authorizations}};
$acme->respond($url, body => 'SECRET-inside');
unlike($acme->poll($url)->{body}, qr/SECRET/, 'validation: no echo');

$order = $acme->ready_order([ 'once.example' ]);
($url) = @{$order->json()->{authorizations}};
my $challenge = $acme->challenge($acme->post($url));
my $before = http_01_log($t, qr/\Q$challenge->{token}\E/);

is($before, 1, 'validation: asked once');
my $again = $acme->post($challenge->{url}, {});
is($again->json()->{status}, 'valid', 'settled challenge is shown');
is_deeply([ $again->links('up') ], [ $url ], 'Link "up"');
is(scalar(my @seen = http_01_log($t, qr/\Q$challenge->{token}\E/)), 1,
    'and not asked again');

# a verdict that comes after the deactivation

($url) = @{$acme->new_order([ 'late.example' ])->json()->{authorizations}};
$before = http_01_log($t, 'well-known');
$acme->respond($url, hold => $t->testdir() . '/ended');
acme_ca_wait(sub { http_01_log($t, 'well-known') > $before });
is($acme->post($url, { status => 'deactivated' })->json()->{status},
    'deactivated', 'deactivated while under way');
$t->write_file('ended', '');
ok(acme_ca_wait(sub { acme_ca_sql_value($t, "SELECT count(*)
    FROM acme_audit_logs WHERE action = 'validate'
        AND reason LIKE '%finished before%'") }), 'the verdict came');
is($acme->post($url)->json()->{status}, 'deactivated', 'and stays so');

# an account that ends between ready and finalize

my $leaver = $acme->another();
$order = $leaver->ready_order([ 'leaver.example' ]);
$leaver->account({ status => 'deactivated' });
is($leaver->finalize($order, acme_csr(key => $key,
    dns => [ 'leaver.example' ]))->outcome(), '401 unauthorized',
    'account deactivated before finalize');
is(count("acme_certificates WHERE sans LIKE '%leaver%'"), 0, 'nothing issued');

# an authorization that ends between ready and finalize

$order = $acme->ready_order([ 'withdrawn.example' ]);
$acme->post($order->json()->{authorizations}[0], { status => 'deactivated' });
is($acme->finalize($order, acme_csr(key => $key,
    dns => [ 'withdrawn.example' ]))->outcome(), '403 orderNotReady',
    'authorization deactivated before finalize');

###############################################################################

# races: each is run by several clients at the same time

$order = $acme->ready_order([ 'race.example' ]);
my @outcomes = at_once(6, sub {
    my $reply = $_[0]->finalize($order, acme_csr(key => acme_key('ES256'),
                                                 dns => [ 'race.example' ]));
    return $reply->outcome() . ' ' . ($reply->json()->{certificate} || '');
});
is(scalar(grep { !/^200 \S+$/ } @outcomes), 0, 'finalize: all are answered')
    or diag join "\n", @outcomes;
is(scalar(keys %{{ map { $_ => 1 } @outcomes }}), 1, 'by one certificate');
is(count("acme_certificates WHERE sans LIKE '%race%'"), 1, 'which is the only');

my $fresh = acme_key('ES256');
@outcomes = at_once(6, sub {
    my $reply = acme_client($t, key => $fresh)->new_account();
    return $reply->{status} . ' ' . $reply->location();
});
is(scalar(grep { /^201 / } @outcomes), 1, 'newAccount: one is new')
    or diag join "\n", @outcomes;
is(scalar(grep { /^200 / } @outcomes), 5, 'the others find it');
is(scalar(keys %{{ map { s/^\d+ //r => 1 } @outcomes }}), 1, 'the same');

my @two = map { my $c = $acme->another(); $c->new_account(); $c } 1, 2;
my $wanted = acme_key('ES256');
@outcomes = at_once(2, sub {
    my $reply = $two[$_[1]]->key_change($wanted);
    return $reply->{status} . ' ' . ($reply->location() || '');
});
is(join(' ', sort map { (split)[0] } @outcomes), '200 409',
    'keyChange: one wins') or diag join "\n", @outcomes;
like((grep { /^409/ } @outcomes)[0] || '',
    qr/^409 (?:\Q$two[0]{kid}\E|\Q$two[1]{kid}\E)$/,
    'the other hears of whose it is');

my $chain = $acme->issue([ 'revoked.example' ])->{chain};
@outcomes = at_once(4, sub {
    $_[0]->revoke($chain, reason => 1 + 3 * ($_[1] % 2))->outcome()
});
is(join(', ', sort @outcomes), '200' . ', 400 alreadyRevoked' x 3,
    'revokeCert: once');

my $nonce = $acme->fresh_nonce();
@outcomes = at_once(6, sub {
    $_[0]->account(undef, nonce => $nonce)->outcome()
});
is(join(', ', sort @outcomes), '200' . ', 400 badNonce' x 5, 'nonce: once');

###############################################################################

# who signs

is($acme->post($acme->url('newOrder'), { identifiers => [
    { type => 'dns', value => 'a.example' } ] }, jwk => 1)->outcome(),
    '400 malformed', 'newOrder by jwk');
is($acme->post($acme->url('newAccount'), {})->outcome(), '400 malformed',
    'newAccount by kid');

my $alien = $acme->another();
$alien->new_account();
$order = $acme->new_order([ 'mine.example' ]);
($url) = @{$order->json()->{authorizations}};

foreach my $theirs ($order->location(), $url,
                    $acme->challenge($acme->post($url))->{url},
                    "$acme->{kid}/orders")
{
    my $absent = $theirs;
    $absent =~ s{([\w-])([\w-])(?=(?:/orders)?$)}{$2 eq 'A' ? "$1B" : "$1A"}e;

    is(shape($alien->post($theirs)), shape($alien->post($absent)),
        'of another account is as absent');
}

foreach my $alg (qw/ none None HS256 HS384 /) {
    is($acme->account(undef, protected => { alg => $alg })->outcome(),
        '400 badSignatureAlgorithm', "alg $alg");
}

# RFC 7518, 3.4: 64 bytes, also where a half begins with a zero

my $fresh_nonce = $acme->fresh_nonce();
my ($jws, $bytes);

for (1 .. 10000) {
    $jws = $acme->jws($acme->{kid}, undef, nonce => $fresh_nonce);
    $bytes = b64u_decode($jws->{signature});
    last if $bytes =~ s/\A\0//;
}

$jws->{signature} = b64u($bytes);
is(length $bytes, 63, 'a signature that begins with a zero');
like($acme->post($acme->{kid}, undef, body => json_encode($jws))->outcome(),
    qr/^(?:400 malformed|403 unauthorized)$/, 'ES256 without that zero');

is($acme->new_account()->outcome(), '200', 'an account that exists');

###############################################################################

# addresses and hosts that a client claims

$acme->post($acme->url('newOrder'), { identifiers => [
    { type => 'dns', value => 'forwarded.example' } ] }, headers => [
    [ 'X-Forwarded-For', '198.51.100.7' ], [ 'X-Real-IP', '198.51.100.8' ],
    [ 'Forwarded', 'for=198.51.100.9' ] ]);
is(acme_ca_sql_value($t, "SELECT group_concat(DISTINCT client_address)
    FROM acme_audit_logs WHERE action = 'new-order'"), '127.0.0.1',
    'X-Forwarded-For');
unlike($acme->request('GET', "$base/directory",
    headers => [ [ 'X-Forwarded-Host', 'evil.example' ],
                 [ 'X-Forwarded-Proto', 'evil' ] ])->{body}, qr/evil/,
    'X-Forwarded-Host');

# a leaf that outlives its issuer, an old chain

my $leaf = $acme->issue([ 'long.example' ])->{chain};
is(chain_verify($leaf, $t->testdir() . '/ca/root.pem'), 'OK', 'its chain');
my @ends = map { acme_ca_sql_value($t, "SELECT max(not_after) FROM $_") }
               qw/ acme_certificates issuers /;
cmp_ok($ends[0], '<=', $ends[1], 'a leaf ends before its issuer');

###############################################################################

# nothing of all this was a fault

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit|error)\]/), '', 'log');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE reason LIKE 'serverInternal%'"), 0, 'no serverInternal');

###############################################################################

sub subject {
    return der_sequence(map { der_set(der_sequence(der_oid('2.5.4.3'),
                                                   der(@$_))) } @_);
}


sub count {
    my ($what) = @_;
    return acme_ca_sql_value($t, "SELECT count(*) FROM $what");
}


# what a stranger sees of a reply

sub shape {
    my ($reply) = @_;
    my $json = $reply->json();

    return join ' ', $reply->{status}, map { "$_=$json->{$_}" }
        grep { $_ ne 'requestId' } sort keys %$json;
}


# the results of a function that processes of their own run, each with a
# connection of its own: (client, number)

sub at_once {
    my ($n, $code) = @_;
    my (@pipes, @results);

    pipe my $gate, my $open or die "Can't make a pipe: $!\n";

    foreach my $number (0 .. $n - 1) {
        my $pid = open my $out, '-|';
        die "Can't fork: $!\n" unless defined $pid;

        if ($pid == 0) {
            close $open;
            my $client = acme_client($t, key => $acme->{key});
            $client->{kid} = $acme->{kid};
            sysread $gate, my $nothing, 1;
            my $result = eval { $code->($client, $number) };
            syswrite STDOUT, defined $result ? $result : "died: $@";
            POSIX::_exit(0);
        }

        push @pipes, $out;
    }

    close $gate;
    close $open;

    foreach my $out (@pipes) {
        local $/;
        push @results, scalar <$out>;
        close $out;
    }

    return @results;
}

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################
