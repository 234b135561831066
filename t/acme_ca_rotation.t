#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Issuers that follow each other: asked for by the operator or when it is time,
# shown before they sign; the old one's certificates verify, are revoked and
# told of by its own CRL and OCSP responses; nobody signs with the wrong one;
# crashes and reloads in between; one whose key is in other hands.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool qw/ acme_ca_tool tool sql /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

my $dir = $t->testdir();
acme_ca_tool($t);

my %conf = (
    authority => 'crl_interval 1s; issuer_overlap 1h;',
    server => 'location /crl/ { acme_ca_crl; }
        location /ocsp/ { acme_ca_ocsp; }
        location /trust/ { acme_ca_trust; }
        location = /metrics { acme_ca_metrics; }'
);

acme_ca_conf($t, %conf);
$t->plan(74)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# the first day: one is active

is(states(), 'active', 'the first issuer is active');

my $first = active();
my $old = $acme->issue([ 'old.example' ]);
my $gone = $acme->issue([ 'gone.example' ]);

is(signer($old), $first, 'it signs');

# asked for: made by a reload, shown, and signs nothing yet

my ($text, $status) = tool('issuer', 'rotate');
is($status, 0, 'rotate: asked for');
like($text, qr/when it is reloaded/, 'rotate: says what is to be done');
is(states(), 'active', 'nothing has changed');

my ($out, $said) = acme_ca_config_test($t, $t->read_file('nginx.conf'));
is($out, 1, 'nginx -t') or diag($said);
is(states(), 'active', 'nginx -t changes nothing');

ok(reload(), 'reload');
is(states(), 'active next', 'the next one waits');
is(active(), $first, 'the first one signs on');

my ($second) = files();
ok(defined $second, 'it has files');
is((stat "$dir/ca/issuers/$second.key")[2] & 0777, 0600, 'its key is closed');
is((stat "$dir/ca/issuers/$second.key")[4], $>, 'its key is of who starts');
is(chain_verify($t->read_file("ca/issuers/$second.pem"), "$dir/ca/root.pem"),
    'OK', 'the root signed it');

ok(acme_ca_wait(sub { entries($second) == 0 }), 'its CRL is there');
cmp_ok(index(trust('chain.pem'), pem("ca/issuers/$second.pem")), '>', 0,
    'its certificate is shown');
is(key_id(trust('issuer.pem')), $first, 'as not the one that signs');
is(signer($acme->issue([ 'between.example' ])), $first, 'it signs nothing yet');

ok(reload(), 'another reload');
is(states(), 'active next', 'makes no other one');

# a crash in between leaves nothing half

crash();
is(states(), 'active next', 'after a crash');
is(signer($acme->issue([ 'crash.example' ])), $first, 'the first one signs');

# files without a row: a crash came between them

crash(q{
    DELETE FROM acme_crls WHERE issuer_id IN
        (SELECT id FROM issuers WHERE state = 'next');
    DELETE FROM acme_ocsp_signers WHERE issuer_id IN
        (SELECT id FROM issuers WHERE state = 'next');
    DELETE FROM acme_certificates WHERE issuer_id IN
        (SELECT id FROM issuers WHERE state = 'next');
    DELETE FROM issuers WHERE state = 'next';
});
is(states(), 'active next', 'files without a row are taken up');
is((files())[0], $second, 'the same ones');

###############################################################################

# the change: every worker follows at once

($text, $status) = tool('issuer', 'rotate');
is($status, 0, 'rotate') or diag($text);
is(states(), 'retired active', 'the next one is active, the other retired');

my @new = map { $acme->issue([ "n$_.example" ]) } 1 .. 6;
is_deeply([ map { signer($_) } @new ], [ ($second) x 6 ],
    'the second one signs in all workers');

is(chain_verify($_->{chain}, "$dir/ca/root.pem"), 'OK', 'verified')
    foreach $new[0], $old;

# what is shown follows each second

ok(acme_ca_wait(sub { key_id(trust('issuer.pem')) eq $second }),
    'it is shown as the one that signs');

# certificates name the file of who signed

foreach ([ $old, $first ], [ $new[0], $second ]) {
    my ($got, $id) = @$_;

    like(cert_text($got->{chain}),
        qr!CA Issuers - URI:http://localhost:\d+/trust/$id\.der\n!, 'AIA');
    is(key_id(openssl(trust("$id.der"), 'x509', '-inform', 'DER')), $id,
        'what is there');
}

# what was issued before is served with its own chain

my $again = $acme->post($old->{certificate_url});
is($again->{body}, $old->{chain}, 'the chain of who signed');

# the old one's revocations are told by its own lists and responders

is($acme->revoke($gone->{chain})->outcome(), '200', 'revoked');
ok(acme_ca_wait(sub { entries($first) == 1 }), 'in the CRL of the old one');
is(entries($second), 0, 'not in the new one');

is(crl_verify($gone, $first), 'revoked', 'openssl: by the old CRL');
is(crl_verify($old, $first), 'OK', 'openssl: the other is good');
is(crl_verify($new[0], $second), 'OK', 'openssl: the new one is good');

is(ocsp($gone), 'revoked', 'OCSP of the old one: revoked');
is(ocsp($old), 'good', 'OCSP of the old one: good');
is(ocsp($new[0]), 'good', 'OCSP of the new one: good');

is($acme->revoke($new[5]{chain})->outcome(), '200', 'one of the new revoked');
ok(acme_ca_wait(sub { entries($second) == 1 }), 'in its CRL');
is(ocsp($new[5]), 'revoked', 'OCSP of the new one: revoked');

crash();
is(states(), 'retired active', 'after a crash');
is(signer($acme->issue([ 'later.example' ])), $second, 'the second one signs');
is(ocsp($gone), 'revoked', 'OCSP of the old one after a crash');

# the retired one is needed as long as its last certificate lives

is(sql("SELECT max(c.not_after) = i.signs_until FROM issuers AS i
    JOIN acme_certificates AS c ON c.issuer_id = i.id AND c.account_id > 0
    WHERE i.state = 'retired' GROUP BY i.id"), 1, 'until its last leaf ends');

# then its key may go

unlink "$dir/ca/issuer.key" or die "unlink: $!\n";
ok(reload(), 'reload without the key of a retired one');
is(states(), 'retired active', 'states');
is(entries($first), 1, 'its last CRL is served');

###############################################################################

# when it is time: made at a reload, active after the overlap, without another

acme_ca_conf($t, %conf, daemons => 0,
    authority => 'crl_interval 1s; issuer_overlap 1s; issuer_rotate 100%;');
ok(reload(), 'reload');
ok(acme_ca_wait(sub { states() eq 'retired retired active' }),
    'the workers change it');
my $third = active();
is(signer($acme->issue([ 'third.example' ])), $third, 'it signs');

is(sql("SELECT group_concat(action || ' ' || json_extract(details, '\$.issuer'))
    FROM (SELECT * FROM acme_audit_logs WHERE action LIKE 'issuer-%'
          AND json_extract(details, '\$.issuer') =
              (SELECT id FROM issuers WHERE state = 'active') ORDER BY id)"),
    join(',', map { "issuer-$_ " . active_id() } qw/ next active /),
    'audit rows');

($text, $status) = tool('doctor');
is($status, 0, 'doctor: well') or diag($text);

my $id = active_id();
like(http_get('/metrics'),
    qr/^acme_ca_issuer_remaining_seconds\{.*,id="$id",state="active"\} \d/m,
    'metrics');

# without the root's key nothing fails

rename "$dir/ca/root.key", "$dir/root.key" or die "rename: $!\n";
ok(reload(), 'reload without the key of the root');
is(states(), 'retired retired active', 'nothing was made');
like($t->read_file('error.log'), qr/time for the next issuer: put "root.key"/,
    'the log tells');

###############################################################################

# in other hands: nobody signs until there is another one

my $root = key_id($t->read_file('ca/root.pem'));
my $bad = sql("SELECT chain_pem FROM issuers WHERE state = 'active'");

($text, $status) = tool('issuer', 'compromised', active_id());
is($status, 0, 'compromised') or diag($text);
like($text, qr/nobody signs now.*revoke --issuer/s, 'what is to be done');

my $late = $acme->ready_order([ 'late.example' ]);
my $csr = acme_csr(key => acme_key('ES256'), dns => [ 'late.example' ]);
is($acme->finalize($late, $csr)->outcome(), '503 serverInternal',
    'nobody signs');
is($acme->post($late->location())->json()->{status}, 'ready', 'still ready');

rename "$dir/root.key", "$dir/ca/root.key" or die "rename: $!\n";
ok(reload(), 'reload with the key of the root');
is(states(), 'retired retired compromised active', 'there is another one');
is(entries($root), 1, 'the CRL of the root tells of it');
is(crl_verify({ chain => $bad }, $root), 'revoked', 'openssl: of an issuer');
is($acme->finalize($late, $csr)->outcome(), '200', 'it signs');

($text, $status) = tool('audit', 'verify');
is($status, 0, 'the audit log holds') or diag($text);

$t->stop();
unlike($t->read_file('error.log'), qr/\[(?:emerg|alert)\]/,
    'nothing worse in the log');

undef $t;

###############################################################################

# of those that sign here, the oldest first

sub states {
    return sql('SELECT group_concat(state, " ") FROM
        (SELECT state FROM issuers WHERE state IS NOT NULL ORDER BY id)');
}


sub active_id { return sql("SELECT id FROM issuers WHERE state = 'active'") }


# its key identifier

sub active {
    return key_id(sql("SELECT chain_pem FROM issuers WHERE state = 'active'"));
}


sub key_id {
    my ($pem) = @_;
    my ($id) = openssl($pem, 'x509', '-noout', '-ext', 'subjectKeyIdentifier')
        =~ /((?:[0-9A-F]{2}:)+[0-9A-F]{2})/;

    return lc $id =~ s/://gr;
}


# the key identifier of who signed, by the leaf and by the chain

sub signer {
    my ($got) = @_;
    my ($id) = openssl($got->{chain}, 'x509', '-noout', '-ext',
        'authorityKeyIdentifier') =~ /((?:[0-9A-F]{2}:)+[0-9A-F]{2})/;
    my ($above) = $got->{chain} =~ /END CERTIFICATE-----\s+(-----BEGIN.*)/s;

    $id = lc $id =~ s/://gr;

    return $id eq key_id($above) ? $id : "$id, not that of the chain";
}


sub files {
    return map { m!/([0-9a-f]+)\.pem$! } sort glob "$dir/ca/issuers/*.pem";
}


# until the old workers have ended

sub reload {
    my @old = acme_ca_workers($t);

    return acme_ca_reload($t)
        && acme_ca_wait(sub { !grep { kill 0, $_ } @old });
}


# the end of all processes at once, what the database holds then, a new start

sub crash {
    my ($sql) = @_;

    acme_ca_kill($t);
    acme_ca_sql($t, "PRAGMA foreign_keys = ON; $sql") if $sql;

    $t->run();
}


sub body { return (split /\x0d?\x0a\x0d?\x0a/, http_get($_[0]), 2)[1] }
sub crl { return body("/crl/$_[0].pem") }
sub trust { return body("/trust/$_[0]") }


# the first certificate of a file

sub pem {
    my ($text) = $t->read_file($_[0]) =~ /(-----BEGIN.*?-----END[^\n]+)/s;

    return $text;
}


sub entries {
    my $text = openssl(crl($_[0]), 'crl', '-noout', '-text');

    return $text =~ /CRL Number/ ? scalar(() = $text =~ /Serial Number:/g) : -1;
}


sub crl_verify {
    my ($got, $id) = @_;

    $t->write_file('crl.pem', crl($id));
    $t->write_file('leaf.pem', $got->{chain});

    my $said = run('openssl', 'verify',
        '-x509_strict', '-crl_check', '-CAfile', "$dir/ca/root.pem",
        '-untrusted', "$dir/leaf.pem", '-CRLfile', "$dir/crl.pem",
        "$dir/leaf.pem");

    return $? == 0 ? 'OK' : $said =~ /certificate revoked/ ? 'revoked' : $said;
}


sub ocsp {
    my ($got) = @_;
    my ($above) = $got->{chain} =~ /END CERTIFICATE-----\s+(-----BEGIN.*)/s;

    $t->write_file('above.pem', $above);
    $t->write_file('leaf.pem', $got->{chain});

    my $said = run('openssl', 'ocsp', '-issuer',
        "$dir/above.pem", '-cert', "$dir/leaf.pem", '-CAfile',
        "$dir/ca/root.pem", '-url', 'http://127.0.0.1:' . port(8080) . '/ocsp/');

    return $said =~ /Response verify OK/ && $said =~ /leaf\.pem: (\w+)/
        ? $1 : $said;
}

###############################################################################
