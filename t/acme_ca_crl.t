#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Revocation lists: there is one from the first day, a new one at once after a
# revocation and in time; they are read and believed by openssl, certtool and an
# nginx with ssl_crl; what is sent with them.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

my $dir = $t->testdir();
my $authority = 'crl_interval 1s; profile a { extended_key_usage server client; }';
my $crl = 'location /crl/ { acme_ca_crl; } location /none/ { }';

acme_ca_conf($t, authority => $authority, server => $crl);
$t->plan(91)->run();

###############################################################################

# the first day

my ($issuer, $root) = map { key_id($_) } 'ca/issuer.pem', 'ca/root.pem';
my $base = 'http://localhost:' . port(8080) . '/crl/';

foreach ([ $issuer, 'issuer', 3 * 86400 ], [ $root, 'root', 365 * 86400 ]) {
    my ($id, $name, $lifetime) = @$_;
    my $reply = get("/crl/$id.crl");

    like($reply, qr!^HTTP/1.1 200 !, "$name: there is one");
    like($reply, qr!^Content-Type: application/pkix-crl\x0d?$!m,
        "$name: its type");

    my $text = crl_text(body($reply), 'DER');
    like($text, qr/Version 2 \(0x1\)/, "$name: version");
    like($text, qr/No Revoked Certificates/, "$name: empty");
    like($text, qr/X509v3 CRL Number:\s+\d+/, "$name: number");
    like($text, qr/Authority Key Identifier:\s+(?:keyid:)?\Q@{[ colons($id) ]}/,
        "$name: key identifier");
    unlike($text, qr/Issuing Distribut|critical/, "$name: has everything");

    my ($from, $to) = dates($text);
    cmp_ok($from, '<=', time(), "$name: began");
    cmp_ok(abs($to - time() - $lifetime), '<', 600, "$name: next one");

    my $pem = body(get("/crl/$id.pem"));
    like($pem, qr/^-----BEGIN X509 CRL-----\n(?:[\w\/+]{64}\n)+[\w\/+=]{1,64}\n-----END X509 CRL-----\n\z/,
        "$name: PEM");
    is(crl_text($pem, 'PEM'), $text, "$name: the same one");
}

my $acme = acme_client($t);
$acme->new_account();

my @got = map { $acme->issue([ "$_.example" ]) } 'a' .. 'f';

like(cert_text($got[0]{chain}),
    qr/CRL Distribution Points:\s+Full Name:\s+URI:\Q$base$issuer.crl\E\s/,
    'leaves name it');
is(verify($got[0]), 'OK', 'good');

###############################################################################

# revocations

my $before = number($issuer);

is($acme->revoke($got[0]{chain}, reason => 1)->outcome(), '200', 'revoked');
my $text = wait_entries($issuer, 1);
like($text, qr/Serial Number: (?i)\Q@{[ serial($got[0]) ]}\E\s+Revocation Date: .*\s+CRL entry extensions:\s+X509v3 CRL Reason Code:\s+Key Compromise/,
    'entry with reason');
cmp_ok(number($issuer), '>', $before, 'number rises');
like(verify($got[0]), qr/certificate revoked/, 'openssl: revoked');
is(verify($got[1]), 'OK', 'openssl: another one is not');

# without a reason, and in a row

$before = number($issuer);
is($acme->revoke($_->{chain})->outcome(), '200', 'revoked')
    foreach @got[1 .. 3];
$text = wait_entries($issuer, 4);
is(() = $text =~ /Reason Code/g, 1, 'no reason is none');
like(verify($got[$_]), qr/certificate revoked/, "openssl: revoked $_")
    foreach 1 .. 3;
is(verify($got[4]), 'OK', 'openssl: good');

# what an operator's tool writes: held, taken back, since when it was known

sql("UPDATE acme_certificates SET status = 'revoked', revocation_reason = 6,"
    . " revoked_at = unixepoch(), invalidity_at = 1700000000"
    . " WHERE serial = x'" . serial($got[4]) . "'");
$text = wait_entries($issuer, 5);
like($text, qr/Serial Number: (?i)\Q@{[ serial($got[4]) ]}\E\s+.*\s+CRL entry extensions:\s+X509v3 CRL Reason Code:\s+Certificate Hold\s+Invalidity Date:\s+Nov 14 22:13:20 2023/,
    'hold and invalidity date');
like(verify($got[4]), qr/certificate revoked/, 'openssl: held');

sql("UPDATE acme_certificates SET status = 'valid', revocation_reason = NULL,"
    . " revoked_at = NULL, invalidity_at = NULL"
    . " WHERE serial = x'" . serial($got[4]) . "'");
wait_entries($issuer, 4);
is(verify($got[4]), 'OK', 'openssl: released');

SKIP: {
    skip 'no certtool', 3 if system('certtool --version >/dev/null 2>&1');

    my $text = run('certtool', '--crl-info',
        '--infile', file('crl.pem', body(get("/crl/$issuer.pem"))));
    like($text, qr/Revoked certificates \(4\)/, 'certtool: entries');
    like($text, qr/CRL Number/, 'certtool: number');

    run('certtool', '--verify-crl',
        '--load-ca-certificate', "$dir/ca/issuer.pem", '--infile',
        "$dir/crl.pem");
    is($?, 0, 'certtool: signature');
}

###############################################################################

# what ended stays for one CRL

sql("UPDATE acme_certificates SET not_after = (SELECT this_update - 1 FROM"
    . " acme_crls WHERE issuer_id = 1) WHERE serial = x'" . serial($got[1])
    . "'");
$before = number($issuer);
is($acme->revoke($got[5]{chain})->outcome(), '200', 'revoked');
wait_number($issuer, $before);
unlike(crl($issuer), qr/(?i)@{[ serial($got[1]) ]}/, 'an entry left with its certificate');

sql("UPDATE acme_certificates SET not_after = (SELECT this_update FROM"
    . " acme_crls WHERE issuer_id = 1) WHERE serial = x'" . serial($got[2])
    . "'");
$before = number($issuer);
due();
wait_number($issuer, $before);
like(crl($issuer), qr/(?i)@{[ serial($got[2]) ]}/,
    'what was listed when it ended is listed once more');

$before = number($issuer);
due();
wait_number($issuer, $before);
unlike(crl($issuer), qr/(?i)@{[ serial($got[2]) ]}/, 'and no longer');

###############################################################################

# http

my $reply = get("/crl/$issuer.crl");
my ($etag) = $reply =~ /^ETag: (".+?")/m;
my ($modified) = $reply =~ /^Last-Modified: (.+?)\x0d?$/m;

ok($etag, 'ETag');
ok($modified, 'Last-Modified');
like($reply, qr/^Cache-Control: public, max-age=3600\x0d?$/m, 'Cache-Control');
like($reply, qr/^Expires: \w+, /m, 'Expires');
like(get("/crl/$issuer.crl", "If-None-Match: $etag"), qr/^HTTP\S+ 304 /,
    'If-None-Match');
like(get("/crl/$issuer.crl", "If-Modified-Since: $modified"),
    qr/^HTTP\S+ 304 /, 'If-Modified-Since');
like(get("/crl/$issuer.crl", 'If-None-Match: "x"'), qr/^HTTP\S+ 200 /,
    'another ETag');

my $head = http("HEAD /crl/$issuer.crl HTTP/1.0\nHost: localhost\n\n");
like($head, qr/^HTTP\S+ 200 .*^Content-Length: @{[ length body($reply) ]}\b/ms,
    'HEAD');
is(body($head), '', 'HEAD: no body');
like(get("/crl/$issuer.crl", 'Range: bytes=0-3'), qr/^HTTP\S+ 206 /, 'range');
like(http("POST /crl/$issuer.crl HTTP/1.0\nHost: localhost\n\n"),
    qr/^HTTP\S+ 405 /, 'POST');

like(get("/crl/$_"), qr/^HTTP\S+ 404 /, "no $_") foreach '', 'a', 'a.crl',
    "$issuer.key", "$issuer.crl/", "$issuer.crl.1.new", '.crl', '-.pem',
    '..%2froot.pem', 'x' x 100;

###############################################################################

# restart, and a reload with ssl_crl: numbers rise, nothing is lost

$before = number($issuer);
my $old_root = number($root);
$t->stop();

sql('UPDATE acme_crls SET next_update = unixepoch() + 86400 * 29,'
    . ' due_at = unixepoch() + 86400 * 29 WHERE issuer_id <> 1');
unlink "$dir/ca/crl/$issuer.crl";
rename "$dir/ca/root.key", "$dir/root.key" or die "root.key: $!";

foreach my $name (7, 8) {
    open my $f, '>', "$dir/ca/crl/$issuer.crl.$name.new" or die "new: $!";
    close $f;
}

utime 1, 1, "$dir/ca/crl/$issuer.crl.7.new";

$t->run();

cmp_ok(number($issuer), '>', $before, 'made again when it was lost');
is(number($root), $old_root, "the root's stays without its key");
like($t->read_file('error.log'), qr/the CRL of ".*Root CA \w+" ends within 30/,
    'which is told before it ends');
ok(!-e "$dir/ca/crl/$issuer.crl.7.new", 'what was left half is gone');
ok(-e "$dir/ca/crl/$issuer.crl.8.new", 'what may be written just now is not');

rename "$dir/root.key", "$dir/ca/root.key" or die "root.key: $!";

file('all.pem', join '', map { body(get("/crl/$_.pem")) } $issuer, $root);
file('trust.pem', $t->read_file('ca/root.pem') . $t->read_file('ca/issuer.pem'));

acme_ca_conf($t, authority => $authority, daemons => 0, tls => 1, server => <<"END");
        $crl
        ssl_client_certificate $dir/trust.pem;
        ssl_crl $dir/all.pem;
        ssl_verify_client on;
        ssl_verify_depth 3;
        location /verified { return 200 "\$ssl_client_verify"; }
END

acme_ca_reload($t);
acme_ca_wait(sub { number($root) > $old_root });
cmp_ok(number($root), '>', $old_root, 'a new one of the root at a reload');

is(tls_get($got[4]), 'SUCCESS', 'nginx: good');
like(tls_get($got[3]), qr/400 Bad Request/, 'nginx: revoked');
like($t->read_file('error.log'), qr/verify error: \(23:certificate revoked\)/,
    'nginx: and says so');

###############################################################################

# parts, by ranges of serial numbers: they are of the leaves that name them

acme_ca_conf($t, authority => "$authority crl_shards 4;"
    . " crl_base_url http://crl.example/x/;", daemons => 0, server => $crl);
acme_ca_reload($t);

my ($url, $part, $of);

ok(acme_ca_wait(sub {
    $of = $acme->issue([ 'part.example' ]);
    ($url) = cert_text($of->{chain})
        =~ m!CRL Distribution Points:\s+Full Name:\s+URI:(\S+)!;
    ($part) = $url =~ m!^http://crl\.example/x/($issuer-4-[0-3])\.crl$!;
}), 'leaves name their part');
is($part, "$issuer-4-" . (hex(substr serial($of), 0, 1) >> 1),
    'which is that of their serial number');

ok(acme_ca_wait(sub { get("/crl/$part.crl") =~ /^HTTP\S+ 200 / }), 'it is there');
like(crl($part), qr/Issuing Distribution Point: critical\s+Full Name:\s+URI:\Q$url\E\s/,
    'and knows its name');

is($acme->revoke($of->{chain}, reason => 4)->outcome(), '200', 'revoked');
ok(acme_ca_wait(sub { crl($part) =~ /(?i)@{[ serial($of) ]}/ }),
    'entry of the part');
ok(acme_ca_wait(sub { crl($issuer) =~ /(?i)@{[ serial($of) ]}/ }),
    'and of the whole');
like(verify($of, $part), qr/certificate revoked/, 'openssl: revoked');

# lost files of parts are made again, and what was made while the clock was ahead

$before = number($issuer);
$t->stop();
unlink "$dir/ca/crl/$part.crl";
sql('UPDATE acme_crls SET this_update = unixepoch() + 86400 * 9,'
    . ' next_update = unixepoch() + 86400 * 12,'
    . ' due_at = unixepoch() + 86400 * 10 WHERE issuer_id = 1 AND shards = 1');
$t->run();

ok(acme_ca_wait(sub { get("/crl/$part.crl") =~ /^HTTP\S+ 200 / }),
    'a part that was lost');
ok(acme_ca_wait(sub { number($issuer) > $before }), 'not of the future');

# nor does a revocation wait, if the clock was set back by less than an hour

my $late = $acme->issue([ 'late.example' ]);
sql('UPDATE acme_crls SET this_update = this_update + 1800 WHERE issuer_id = 1');
is($acme->revoke($late->{chain})->outcome(), '200', 'revoked');
ok(acme_ca_wait(sub { crl($issuer) =~ /(?i)@{[ serial($late) ]}/ }),
    'at once with a clock that was set back');

# when the URL changes certificates keep the old one: the part knows both

acme_ca_conf($t, authority => "$authority crl_shards 4;", daemons => 0,
    server => $crl);
acme_ca_reload($t);

ok(acme_ca_wait(sub {
    crl($part) =~ m!Full Name:\s+URI:\Q$url\E\s+URI:$base$part\.crl\s!;
}), 'two names');
like(verify($of, $part), qr/certificate revoked/, 'openssl: still revoked');

undef $t;

###############################################################################

sub get {
    my ($uri, @fields) = @_;

    return http(join "\n", "GET $uri HTTP/1.0", 'Host: localhost', @fields,
        '', '');
}


sub body {
    my ($reply) = @_;

    return (split /\x0d?\x0a\x0d?\x0a/, $reply, 2)[1];
}


sub file {
    my ($name, $text) = @_;

    $t->write_file($name, $text);

    return "$dir/$name";
}


sub sql {
    acme_ca_sql($t, $_[0]);
}


# as if its time had come

sub due {
    sql('UPDATE acme_crls SET due_at = 0 WHERE issuer_id = 1');
}


# its two files take their places one after the other

sub crl {
    my ($id) = @_;
    my $text;

    acme_ca_wait(sub {
        $text = crl_text(body(get("/crl/$id.crl")), 'DER');
        return $text !~ /CRL Number/
            || $text eq crl_text(body(get("/crl/$id.pem")), 'PEM');
    });

    return $text;
}


sub crl_text {
    my ($bytes, $form) = @_;

    return openssl($bytes, 'crl', '-inform', $form, '-noout', '-text');
}


sub number {
    my ($id) = @_;
    my ($n) = crl($id) =~ /CRL Number:\s+(\d+)/;

    return $n;
}


sub wait_number {
    my ($id, $before) = @_;

    acme_ca_wait(sub { number($id) > $before });
}


sub wait_entries {
    my ($id, $n) = @_;

    return acme_ca_wait(sub {
        my $text = crl($id);
        my $entries = () = $text =~ /Serial Number:/g;
        return $entries == $n ? $text : undef;
    }) || crl($id);
}


sub dates {
    my ($text) = @_;

    return map {
        my ($date) = $text =~ /$_ Update: (.*)/;
        chomp(my $at = `date -u -d "$date" +%s`);
        $at;
    } qw/ Last Next /;
}


sub serial {
    return lc cert_field($_[0]{chain}, 'serial');
}


sub key_id {
    my ($file) = @_;

    my ($id) = openssl($t->read_file($file), 'x509', '-noout', '-ext',
        'subjectKeyIdentifier') =~ /((?:[0-9A-F]{2}:)+[0-9A-F]{2})/;

    return lc $id =~ s/://gr;
}


sub colons {
    my ($id) = @_;

    return uc join ':', $id =~ /../g;
}


# what openssl says of it with all CRLs

sub verify {
    my ($got, $part) = @_;

    my $said = run('openssl', 'verify',
        '-x509_strict', '-crl_check_all', '-CAfile', "$dir/ca/root.pem",
        '-untrusted', "$dir/ca/issuer.pem", '-CRLfile',
        file('crls.pem', join "", map { body(get("/crl/$_.pem")) }
                                  $part || $issuer, $root),
        file('leaf.pem', $got->{chain}));

    return $? == 0 ? 'OK' : $said;
}


sub tls_get {
    my ($got) = @_;

    file('client.pem', $got->{chain});
    file('client.key', $got->{key}->private_pem());

    return run('curl', '-sSk', '--cert',
        "$dir/client.pem", '--key', "$dir/client.key",
        'https://127.0.0.1:' . port(8443) . '/verified');
}

###############################################################################
