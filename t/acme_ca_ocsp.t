#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# OCSP: statuses by POST and GET, seen by openssl and gnutls, at once in all
# workers; what is malformed, too much or not ours; the signer and its renewal;
# a stock nginx that staples and one that asks.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Digest::SHA qw/ sha1 sha256 sha384 sha512 /;
use MIME::Base64 qw/ encode_base64 decode_base64 /;
use POSIX qw/ strftime /;

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Csr qw/ der der_sequence der_octets der_oid /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

# every worker is to be asked: with a socket for each it is soon found

my $server = 'listen 127.0.0.1:8447 reuseport;
        location = /pid { return 200 $pid; }
        location /ocsp/ { acme_ca_ocsp; }
        location = /metrics { acme_ca_metrics; }';

acme_ca_conf($t, authority => 'profile default { }
        profile quiet { no_rev_avail on; }
        profile other { ocsp_url http://other.example/; }',
    server => $server)->plan(106)->run();

my $acme = acme_client($t);
my $dir = $t->testdir();
my $url = 'http://127.0.0.1:' . port(8080) . '/ocsp/';

###############################################################################

# where certificates say it is

my $good = $acme->issue([ 'good.example' ]);
my $bad = $acme->issue([ 'bad.example' ]);
my ($issuer) = $good->{chain} =~ /END CERTIFICATE-----\s+(-----BEGIN.*)/s;

$t->write_file('issuer.pem', $issuer);
$t->write_file('root.pem', $t->read_file('ca/root.pem'));
$t->write_file("$_->[0].pem", $_->[1]{chain})
    foreach [ good => $good ], [ bad => $bad ];

my $text = cert_text($good->{chain});
like($text, qr!OCSP - URI:http://localhost:\d+/ocsp/\n!, 'URL of a leaf');

my $quiet = $acme->issue([ 'quiet.example' ], more => { profile => 'quiet' });
unlike(cert_text($quiet->{chain}), qr/OCSP - URI/, 'no_rev_avail');

my $other = $acme->issue([ 'other.example' ], more => { profile => 'other' });
like(cert_text($other->{chain}), qr!OCSP - URI:http://other.example/\n!,
    'ocsp_url of a profile');

# the names and the key of the issuer

my %issuer = fields($issuer);
my ($leaf, $revoked) = map { fields_of_leaf($_->{chain}) } $good, $bad;

###############################################################################

# openssl asks

like(openssl_ocsp('good'), qr/Response verify OK.*good\.pem: good/s, 'good');
like(openssl_ocsp('good', '-no_nonce'), qr/verify OK.*good\.pem: good/s,
    'without a nonce');
like(openssl_ocsp('good'), qr/nonce.*verify OK|verify OK/s, 'and with one');
unlike(openssl_ocsp('good'), qr/no nonce in response/, 'which comes back');

foreach my $hash (qw/ sha256 sha384 sha512 /) {
    $text = run('openssl', 'ocsp', '-issuer', "$dir/issuer.pem",
        "-$hash", '-cert', "$dir/good.pem", '-url', $url, '-CAfile',
        "$dir/root.pem");
    like($text, qr/verify OK.*good\.pem: good/s, "CertID by $hash");
}

$text = run('openssl', 'ocsp', '-issuer', "$dir/issuer.pem",
    '-serial', '0x1234567890', '-cert', "$dir/good.pem", '-url', $url,
    '-CAfile', "$dir/root.pem");
like($text, qr/verify OK.*0x1234567890: unknown.*good\.pem: good/s,
    'a serial that was never issued is unknown');

SKIP: {
    skip 'no ocsptool', 3 unless -x '/usr/bin/ocsptool';

    $text = gnutls_ocsp('good');
    like($text, qr/Certificate Status: good/, 'gnutls');
    like($text, qr/Verifying OCSP Response: Success/, 'verifies');

    $text = gnutls_ocsp('good', '--nonce');
    like($text, qr/Certificate Status: good/, 'with a nonce');
}

###############################################################################

# GET

my $question = question([ leaf_id($leaf) ]);
my $encoded = encode_base64($question, '');
my $reply = get($encoded);

is($reply->{status}, 200, 'GET');
is($reply->header('Content-Type'), 'application/ocsp-response', 'type');
my ($fresh) = $reply->header('Cache-Control')
    =~ /\Amax-age=(\d+), public, no-transform, must-revalidate\z/;
ok($fresh && $fresh <= 3600 && $fresh >= 3600 - (time() - $^T) - 1,
    'Cache-Control');
like($reply->header('ETag'), qr/\A"[0-9a-f]{8}-[0-9a-f]{8}"\z/, 'ETag');
like(status($reply), qr/Cert Status: good/, 'good');

my %dates = dates($reply);
is($reply->header('Last-Modified'), $dates{This}, 'Last-Modified');
is($dates{Next} - $dates{Produced}, 86400, 'ocsp_lifetime');

my @workers = workers();
is(@workers, 2, 'two workers');

my @bodies = map { $_->{body} } all(), all();
is($bodies[0], $bodies[2], 'kept');
is($bodies[1], $bodies[3], 'by each');

my $client = acme_client($t);
$reply = $client->get($url . $encoded);
is($client->get($url . $encoded, headers => [[ 'If-None-Match',
    $reply->header('ETag') ]])->{status}, 304, 'If-None-Match');
is($client->head($url . $encoded)->{body}, '', 'HEAD');
like(status($client->get($url . escape($encoded))), qr/good/, 'escaped');

# base64 has slashes, which are not to be merged

my $slashes;
for my $n (0 .. 4095) {
    $slashes = encode_base64(question([ leaf_id($leaf) ],
        nonce => "\xff\xff\xff" x 3 . pack('n', $n)), '');
    last if $slashes =~ m!//! && $slashes =~ /\+/;
}
like($slashes, qr!//!, 'a question with slashes');
like(status($client->get($url . $slashes)), qr/good/, 'as it is');
like(status($client->get($url . escape($slashes))), qr/good/, 'escaped');
is($client->get($url . $slashes)->header('Cache-Control'), 'no-store',
    'a nonce is for one');

is(code($client->get($url)), 1, 'GET of nothing');
is(code($client->get($url . 'x!y')), 1, 'of what is no base64');
is($client->request('PUT', $url, body => 'x')->{status}, 405, 'PUT');

###############################################################################

# POST of many, and of too many

$reply = ask(question([ map { leaf_id($_) } $leaf, $revoked ]));
like(status($reply), qr/good.*good/s, 'two of one request');
is($reply->header('Cache-Control'), 'no-store', 'of a POST');

is(code(ask(question([ (leaf_id($leaf)) x 32 ]))), 0, 'thirty-two');
is(code(ask(question([ (leaf_id($leaf)) x 33 ]))), 1, 'thirty-three');
is(ask('x' x 16385)->{status}, 413, 'a body too large');

# nonces: RFC 9654

foreach my $case ([ 1, 0 ], [ 32, 0 ], [ 128, 0 ], [ 129, 1 ], [ 0, 1 ]) {
    my $reply = ask(question([ leaf_id($leaf) ], nonce => 'n' x $case->[0]));
    is(code($reply), $case->[1], "nonce of $case->[0] bytes");
    like(status($reply), qr/OCSP Nonce:/, 'is in the response')
        if $case->[1] == 0;
}

# malformed

my $id = leaf_id($leaf);

foreach my $case (
    [ 'nothing', '' ],
    [ 'no DER', 'hello' ],
    [ 'cut off', substr $question, 0, -1 ],
    [ 'more than one', $question . $question ],
    [ 'no certificate', der_sequence(der_sequence(der_sequence())) ],
    [ 'version 2', der_sequence(der_sequence(der(0xa0, "\x02\x01\x01"),
        der_sequence(der_sequence($id)))) ],
    [ 'a negative serial', question([ der_sequence(
        sha1_id(), der_octets($issuer{name}{sha1}),
        der_octets($issuer{key}{sha1}), "\x02\x01\x80") ]) ],
    [ 'a serial that is not minimal', question([ der_sequence(
        sha1_id(), der_octets($issuer{name}{sha1}),
        der_octets($issuer{key}{sha1}), "\x02\x02\x00\x01") ]) ],
    [ 'something critical', der_sequence(der_sequence(
        der_sequence(der_sequence($id)), der(0xa2, der_sequence(
        der_sequence(der_oid('1.2.3.4'), "\x01\x01\xff",
        der_octets('x')))))) ],
    [ 'two nonces', der_sequence(der_sequence(
        der_sequence(der_sequence($id)), der(0xa2, der_sequence(
        (der_sequence(der_oid('1.3.6.1.5.5.7.48.1.2'),
        der_octets(der_octets('x')))) x 2)))) ])
{
    is(code(ask($case->[1])), 1, $case->[0]);
}

is(code(ask(der_sequence(der_sequence(der(0xa0, "\x02\x01\x00"),
    der(0xa1, der(0x82, 'me.example')), der_sequence(der_sequence($id))),
    der(0xa0, der_sequence('')))), ), 0, 'version, requestor, signature');

is(code(ask(der_sequence(der_sequence(der_sequence(der_sequence($id,
    der(0xa0, der_sequence(der_sequence(der_oid('1.2.3'), der_octets('x'))))
    ))))), ), 0, 'an extension that may be passed over');

is(code(ask(question([ $id =~ s/\x05\x00//r =~ s/\A\x30./"\x30" . chr(length(
    $id) - 4)/ser =~ s/\A(..)\x30\x09/$1\x30\x07/sr ]))), 0,
    'no parameters of the hash');

# not ours

is(code(ask(question([ der_sequence(sha1_id(), der_octets('n' x 20),
    der_octets('k' x 20), $leaf) ]))), 6, 'another issuer: unauthorized');
is(code(ask(question([ der_sequence(sha1_id(),
    der_octets($issuer{name}{sha1}), der_octets('k' x 20), $leaf) ]))), 6,
    'another key');
is(code(ask(question([ der_sequence(der_sequence(der_oid('1.2.3')),
    der_octets('n' x 20), der_octets('k' x 20), $leaf) ]))), 6,
    'another hash');
like(status(ask(question([ $id, der_sequence(sha1_id(), der_octets('n' x 20),
    der_octets('k' x 20), $leaf) ]))), qr/good.*unknown/s,
    'another issuer beside ours: unknown');

###############################################################################

# revocation: at once, in all workers, whoever did it

$question = question([ leaf_id($revoked) ]);
$encoded = encode_base64($question, '');

is(scalar(grep { status($_) =~ /good/ } all(), all()), 4,
    'all workers keep it');
my $day = strftime('%b', gmtime);
is($acme->revoke($bad->{chain}, reason => 4)->{status}, 200, 'revoked');
$day .= '|' . strftime('%b', gmtime);
is(scalar(grep { status($_) =~ /Status: revoked.*Reason: superseded \(0x4\)/s }
    all(), all()), 4, 'all workers know');

like(openssl_ocsp('bad'), qr/verify OK.*bad\.pem: revoked.*superseded/s,
    'openssl');

like(status(get($encoded)), qr/Revocation Time: (?:$day) /, 'when');

SKIP: {
    skip 'no ocsptool', 1 unless -x '/usr/bin/ocsptool';
    like(gnutls_ocsp('bad'), qr/Certificate Status: revoked/, 'gnutls');
}

acme_ca_sql($t, "UPDATE acme_certificates SET revocation_reason = NULL"
    . " WHERE revocation_reason = 4");
is(scalar(grep { status($_) =~ /Status: revoked/ && status($_) !~ /Reason/ }
    all()), 2, 'a change by another process');

###############################################################################

# the signer

my $signer = signer($reply = get($encoded));
$text = cert_text($signer);
like($text, qr/OCSP Signing/, 'id-kp-OCSPSigning');
like($text, qr/OCSP No Check/, 'id-pkix-ocsp-nocheck');
like($text, qr/Key Usage: critical\n\s+Digital Signature\n/, 'key usage');
unlike($text, qr/CA:TRUE/, 'no CA');

my $end = acme_ca_sql_value($t, 'SELECT c.not_after - c.not_before FROM'
    . ' acme_ocsp_signers AS s JOIN acme_certificates AS c'
    . ' ON c.id = s.certificate_id');
is($end, 30 * 86400 + 3600, 'thirty days');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs"
    . " WHERE action = 'issue-ocsp'"), 1, 'is in the audit log');

my $serial = cert_field($signer, 'serial');

# it is renewed when a third of its life is left, and in all workers

acme_ca_sql($t, "UPDATE acme_certificates SET not_after = strftime('%s')"
    . ' + 600 WHERE id = (SELECT certificate_id FROM acme_ocsp_signers)');

ok(acme_ca_wait(sub { !grep { index($_->{body}, pack 'H*', $serial) >= 0 }
    all() }), 'another one everywhere');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_ocsp_signers'), 1,
    'its key alone is kept');
like(openssl_ocsp('good'), qr/verify OK.*good\.pem: good/s, 'it signs');

# and if the clock was ahead when it was made

$serial = cert_field(signer(get($encoded)), 'serial');

acme_ca_sql($t, 'UPDATE acme_certificates SET not_before = not_before + 7776000,'
    . ' not_after = not_after + 7776000'
    . ' WHERE id = (SELECT certificate_id FROM acme_ocsp_signers)');

ok(acme_ca_wait(sub { !grep { index($_->{body}, pack 'H*', $serial) >= 0 }
    all() }), 'another one that can be used now');

# and if it was revoked, with all of its issuer

$serial = cert_field(signer(get($encoded)), 'serial');

acme_ca_sql($t, "UPDATE acme_certificates SET status = 'revoked',"
    . " revoked_at = strftime('%s') + 0"
    . ' WHERE id = (SELECT certificate_id FROM acme_ocsp_signers)');

ok(acme_ca_wait(sub { !grep { index($_->{body}, pack 'H*', $serial) >= 0 }
    all() }), 'another one that was not revoked');
is(acme_ca_sql_value($t, 'SELECT c.status FROM acme_ocsp_signers AS s JOIN'
    . ' acme_certificates AS c ON c.id = s.certificate_id'), 'valid',
    'its key alone is kept again');

$serial = cert_field(signer(get($encoded)), 'serial');

ok(acme_ca_reload($t), 'reloaded');
is(cert_field(signer(get($encoded)), 'serial'), $serial,
    'the same after a reload');

# counted

$text = get_text('/metrics');
like($text, qr/acme_ca_ocsp_responses_total\{.*result="kept"\} [1-9]/,
    'kept ones');
like($text, qr/acme_ca_ocsp_responses_total\{.*result="signed"\} [1-9]/,
    'signed ones');
like($text, qr/result="malformedRequest"\} 15\n/, 'malformed ones');
like($text, qr/result="unauthorized"\} 3\n/, 'unauthorized ones');
like($text, qr/acme_ca_ocsp_signer_remaining_seconds\{.*\} (?:2\d{6})\n/,
    'how long the signer will do');

# what all workers keep: each this one, those that have left nothing any more

my $name = acme_ca_sql_value($t,
    "SELECT name FROM issuers WHERE state = 'active'");
my %kept;

@workers = workers();
ok(acme_ca_wait(sub { all(); %kept = kept(); ($kept{kept_responses} || 0) == 2 }),
    'kept, one in each worker') or diag(%kept);
cmp_ok($kept{newest_age_seconds}, '>=', 0, 'age of the newest');
cmp_ok($kept{oldest_age_seconds}, '>=', $kept{newest_age_seconds},
    'and of the oldest');
cmp_ok($kept{oldest_age_seconds}, '<', 3600, 'they are young');
ok(acme_ca_wait(sub { %kept = kept('application/openmetrics-text');
    ($kept{kept_responses} || 0) == 2 }), 'as OpenMetrics');

###############################################################################

# a stock nginx that staples, and one that asks about its clients

my $key = acme_key('ES256');
my $tls = $acme->issue([ 'tls.example' ], key => $key);
$t->write_file('tls.pem', $tls->{chain});
$t->write_file('tls.key', $key->private_pem());
$t->write_file('bad.key', $bad->{key}->private_pem());
$t->write_file('good.key', $good->{key}->private_pem());
$t->write_file('trust.pem', $issuer . $t->read_file('root.pem'));

my $tail = <<'END';
    server {
        listen 127.0.0.1:8444 ssl;
        ssl_certificate %%TESTDIR%%/tls.pem;
        ssl_certificate_key %%TESTDIR%%/tls.key;
        ssl_trusted_certificate %%TESTDIR%%/trust.pem;
        ssl_stapling on;
        ssl_stapling_verify on;
        ssl_stapling_responder http://127.0.0.1:8080/ocsp/;
    }

    server {
        listen 127.0.0.1:8445 ssl;
        ssl_certificate %%TESTDIR%%/tls.pem;
        ssl_certificate_key %%TESTDIR%%/tls.key;
        ssl_client_certificate %%TESTDIR%%/trust.pem;
        ssl_verify_client on;
        ssl_verify_depth 3;
        ssl_ocsp leaf;
        ssl_ocsp_responder http://127.0.0.1:8080/ocsp/;
        location / { return 200 "welcome\n"; }
    }
END

acme_ca_conf($t, daemons => 0, server => $server, http => $tail,
    authority => 'profile default { extended_key_usage server client; }');
ok(acme_ca_reload($t), 'reloaded');

# the other worker may have none yet
my $staple;
ok(acme_ca_wait(sub {
    ($staple = staple()) =~ /OCSP Response Status: successful/ }), 'stapled');
like($staple, qr/Cert Status: good/, 'good');

foreach my $name (qw/ good bad /) {
    my $cert = $acme->issue([ "$name.client.example" ]);
    $t->write_file("c-$name.pem", $cert->{chain});
    $t->write_file("c-$name.key", $cert->{key}->private_pem());
    $acme->revoke($cert->{chain}) if $name eq 'bad';
}

like(client_get('good'), qr/welcome/, 'a good client');
unlike(client_get('bad'), qr/welcome/, 'a revoked one');

###############################################################################

# mistakes

foreach my $case (
    [ 'location = /o { acme_ca_ocsp; }', '', qr/not a prefix location/ ],
    [ 'location /o { acme_ca_ocsp; acme_ca; }', '',
      qr/not the only one of this module/ ],
    [ 'location /o { acme_ca_ocsp; }', 'ocsp_lifetime 59;',
      qr/must be between 60s and 7d/ ],
    [ 'location /o { acme_ca_ocsp; }', 'ocsp_lifetime 8d;',
      qr/must be between 60s and 7d/ ],
    [ 'listen 127.0.0.1:8446; server_name _; location /o { acme_ca_ocsp; }',
      '', qr/will not tell where OCSP is/ ])
{
    my ($ok, $said) = acme_ca_config_test($t, <<"END");
%%TEST_GLOBALS%%
events { }
http {
    acme_ca_authority default { path %%TESTDIR%%/ca; $case->[1] }
    server { $case->[0] }
}
END
    like($said, $case->[2], "$case->[0] $case->[1]");
}

$t->stop();

is(acme_ca_log($t, qr/\[(?:emerg|alert|crit)\]/), '',
    'nothing worse in the log');

undef $t;

###############################################################################

sub openssl_ocsp {
    my ($name, @more) = @_;

    return run('openssl', 'ocsp', '-issuer', "$dir/issuer.pem",
        '-cert', "$dir/$name.pem", '-url', $url, '-CAfile', "$dir/root.pem",
        @more);
}


sub gnutls_ocsp {
    my ($name, @more) = @_;

    return run('ocsptool', "--ask=$url", "--load-issuer=$dir/issuer.pem",
        "--load-cert=$dir/$name.pem", "--load-trust=$dir/trust-gnutls.pem",
        @more) if -e "$dir/trust-gnutls.pem";

    $t->write_file('trust-gnutls.pem', $issuer . $t->read_file('root.pem'));

    return gnutls_ocsp($name, @more);
}


# on a connection of its own: any worker's

sub get {
    my ($path) = @_;
    my $client = acme_client($t);

    $client->{keep_alive} = 0;

    return $client->get($url . $path);
}


# a client of each worker, which keeps its connection

sub workers {
    my %found;

    for (1 .. 200) {
        my $client = acme_client($t);
        my $pid = $client->get('http://127.0.0.1:' . port(8447) . '/pid')
            ->{body};
        $found{$pid} = $client unless $found{$pid};
        last if keys %found == 2;
    }

    return values %found;
}


# what each of them answers

sub all {
    return map { $_->get('http://127.0.0.1:' . port(8447) . "/ocsp/$encoded") }
               @workers;
}


# what the metrics tell of the responses of the active issuer

sub kept {
    my ($accept) = @_;
    my $reply = acme_client($t)->get('http://127.0.0.1:' . port(8080)
        . '/metrics', headers => [[ 'Accept', $accept || 'text/plain' ]]);

    return $reply->{body}
        =~ /^acme_ca_ocsp_(\w+)\{[^}]*issuer="\Q$name\E",id="\d+"\} (\d+)$/mg;
}


sub get_text {
    my ($path) = @_;

    return acme_client($t)->get('http://127.0.0.1:' . port(8080) . $path)
        ->{body};
}


sub ask {
    my ($body) = @_;

    return acme_client($t)->request('POST', $url, body => $body, headers =>
        [[ 'Content-Type', 'application/ocsp-request' ]]);
}


sub escape {
    my ($text) = @_;

    return $text =~ s!([+/=])!sprintf '%%%02X', ord $1!ger;
}


# OCSPResponseStatus; -1: none at all

sub code {
    my ($reply) = @_;

    return $reply->{status} == 200
        && $reply->{body} =~ /\A\x30(?:[\x00-\x7f]|\x81.|\x82..)\x0a\x01(.)/s
        ? ord $1 : -1;
}


# the response as openssl reads it

sub status {
    my ($reply) = @_;

    open my $f, '>', "$dir/response.der" or die "Can't write: $!\n";
    binmode $f;
    print {$f} $reply->{body};
    close $f;

    return run('openssl', 'ocsp', '-respin', "$dir/response.der",
        '-resp_text', '-noverify');
}


sub dates {
    my ($reply) = @_;
    my $text = status($reply);
    my %found;

    my %months = map { (qw/ Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
        /)[$_] => $_ } 0 .. 11;

    while ($text =~ /(This|Next|Produced)\s(?:Update|At):\s(\w+)\s+(\d+)\s
                     (\d+):(\d+):(\d+)\s(\d+)/gx)
    {
        require Time::Local;
        $found{$1} = Time::Local::timegm($6, $5, $4, $3, $months{$2}, $7);
    }

    $found{This} = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime $found{This});

    return %found;
}


sub signer {
    my ($reply) = @_;

    return status($reply) =~ /(-----BEGIN CERT.*?END CERTIFICATE-----\n)/s
        ? $1 : die "no certificate\n";
}


# an OCSPRequest

sub question {
    my ($ids, %opts) = @_;
    my $nonce = !exists $opts{nonce} ? ''
        : der(0xa2, der_sequence(der_sequence(der_oid('1.3.6.1.5.5.7.48.1.2'),
            der_octets(der_octets($opts{nonce})))));

    return der_sequence(der_sequence(
        der_sequence(map { der_sequence($_) } @$ids), $nonce));
}


sub sha1_id { return der_sequence(der_oid('1.3.14.3.2.26'), "\x05\x00") }


sub leaf_id {
    my ($serial) = @_;

    return der_sequence(sha1_id(), der_octets($issuer{name}{sha1}),
        der_octets($issuer{key}{sha1}), $serial);
}


# hashes of subject and key of a certificate

sub fields {
    my ($pem) = @_;
    my $text = openssl($pem, 'x509', '-noout', '-ocspid');

    my ($name) = $text =~ /Subject OCSP hash: (\w+)/;
    my ($key) = $text =~ /Public key OCSP hash: (\w+)/;

    return (name => { sha1 => pack 'H*', $name },
            key => { sha1 => pack 'H*', $key });
}


# its serial number, DER

sub fields_of_leaf {
    my ($pem) = @_;

    return der(0x02, pack 'H*', cert_field($pem, 'serial'));
}


sub staple {
    return run('sh', '-c', 'openssl s_client -connect 127.0.0.1:'
        . port(8444) . ' -status -servername tls.example < /dev/null');
}


sub client_get {
    my ($name) = @_;

    return run('sh', '-c', "printf 'GET / HTTP/1.0\\r\\n\\r\\n' |"
        . ' openssl s_client -quiet -connect 127.0.0.1:' . port(8445)
        . " -cert $dir/c-$name.pem -key $dir/c-$name.key -cert_chain"
        . " $dir/issuer.pem -ign_eof");
}

###############################################################################
