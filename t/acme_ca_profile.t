#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Profiles (draft-ietf-acme-profiles): what an order may say of them, and the
# certificates that come of them, read by openssl; ordered dates (RFC 8555,
# 7.4); must-staple (RFC 7633) and noRevAvail (RFC 9608).

###############################################################################

use warnings;
use strict;

use POSIX qw/ strftime /;
use Test::More;
use Time::Local qw/ timegm /;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');

acme_ca_conf($t, authority => <<'END')->plan(57)->run();
    profile plain { description "as ever"; }
    profile urls {
        crl_url http://crl.example/ca.crl;
        ocsp_url http://ocsp.example/;
        issuer_url http://ca.example/issuer.der;
    }
    profile staple { must_staple on; ocsp_url http://ocsp.example/; }
    profile ask { must_staple csr; ocsp_url http://ocsp.example/; }
    profile short { lifetime 6h; no_rev_avail on; }
    profile shorter { lifetime 10m; backdate 30s; key_types p256; }
    profile issuers { issuer_url http://ca.example/issuer.der; }
    profile few { max_identifiers 2; }
END

my $acme = acme_client($t);
$acme->new_account();

my $root = $t->testdir() . '/ca/root.pem';
my @must_staple = ([ '1.3.6.1.5.5.7.1.24', 0,
                     der_sequence(der_integer(5)) ]);

###############################################################################

# what the directory and orders say of profiles

my $meta = $acme->get($acme->{directory})->json()->{meta}{profiles};
is(join(' ', sort keys %$meta),
    'ask few issuers plain short shorter staple urls', 'all are shown');
is($meta->{plain}, 'as ever', 'description');

my $order = $acme->new_order([ 'a.example' ]);
is($order->json()->{profile}, 'plain', 'the one that was selected is shown');
$order = profiled('short', 'a.example');
is($order->json()->{profile}, 'short', 'the one that was asked for');
is($acme->post($order->location())->json()->{profile}, 'short', 'later too');
is(profiled('nothing', 'a.example')->outcome(), '400 invalidProfile',
    'one that there is not');
is(profiled('PLAIN', 'a.example')->outcome(), '400 invalidProfile',
    'in another case');

is(profiled('few', 'a.example', 'b.example')->outcome(), '201',
    'as many names as the profile takes');
is(profiled('few', map { "$_.example" } 'a' .. 'c')->outcome(),
    '400 invalidProfile', 'more than the profile takes');
is(profiled('few', map { "n$_.example" } 1 .. 101)->outcome(),
    '400 malformed', 'more than the authority takes');
is(profiled('plain', map { "$_.example" } 'a' .. 'c')->outcome(), '201',
    'which another profile takes');

# plain: nothing about revocation

my $text = text_of(profile => 'plain');
unlike($text, qr/CRL Distribution|Authority Information|TLS Feature|status_req/,
    'plain');

# where to ask

$text = text_of(profile => 'urls');
like($text, qr!CRL Distribution Points: Full Name: URI:http://crl\.example/ca!,
    'CRL');
like($text, qr!Authority Information Access: OCSP - URI:http://ocsp\.example/ !,
    'OCSP');
like($text, qr!example/ CA Issuers - URI:http://ca\.example/issuer\.der !,
    'and issuer');
unlike($text, qr/TLS Feature|status_request/, 'no must-staple');

$text = text_of(profile => 'issuers');
like($text, qr!Access: CA Issuers - URI:http://ca\.example/issuer\.der !,
    'issuer');
unlike($text, qr/OCSP|CRL/, 'nothing else');

# must-staple

$text = text_of(profile => 'staple');
like($text, qr/TLS Feature: status_request /, 'must-staple: always');
$text = text_of(profile => 'staple', extensions => \@must_staple);
like($text, qr/TLS Feature: status_request /, 'asked for, too');

$text = text_of(profile => 'ask');
unlike($text, qr/TLS Feature/, 'must-staple of the CSR: not asked for');
$text = text_of(profile => 'ask', extensions => \@must_staple);
like($text, qr/TLS Feature: status_request /, 'asked for');

my ($refused, $ready) = refused(profile => 'plain',
                                extensions => \@must_staple);
is($refused->outcome(), '400 badCSR', 'asked for where there is none');
like($refused->json()->{detail}, qr/must-staple.*"plain"/, 'said why');
is($acme->post($ready->location())->json()->{status}, 'ready',
    'the order is still ready');

foreach my $case ([ 'status_request_v2', der_sequence(der_integer(17)) ],
                  [ 'two features', der_sequence(der_integer(5),
                                                 der_integer(17)) ],
                  [ 'no feature', der_sequence() ],
                  [ 'no list', der_integer(5) ])
{
    my ($name, $value) = @$case;
    ($refused) = refused(profile => 'ask',
        extensions => [ [ '1.3.6.1.5.5.7.1.24', 0, $value ] ]);
    is($refused->outcome(), '400 badCSR', "TLS feature: $name");
}

# short lives

my $now = time();
my $got = issue(profile => 'short');
is(chain_verify($got->{chain}, $root), 'OK', 'short: verified');
like(cert_text($got->{chain}),
    qr/(?:2\.5\.29\.56|No Revocation Available): *\n/i, 'noRevAvail');

my ($from, $to) = dates($got);
near($now - $from, 2160, 'back-dated by a tenth of its life');
near($to - $now, 6 * 3600, 'lives for hours');

$now = time();
($from, $to) = dates(issue(profile => 'shorter'));
near($now - $from, 30, 'back-dated by seconds');
near($to - $now, 600, 'lives for minutes');

($refused) = refused(profile => 'shorter', key => acme_key('ES384'));
is($refused->outcome(), '400 badCSR', 'key that the profile does not take');

# dates that are ordered are those of order and certificate, or refused

my %dates = (notBefore => rfc3339(time() - 1200),
    notAfter => rfc3339(time() + 9000));
$got = issue(profile => 'short', more => \%dates);
is($got->{order}->json()->{notBefore}, $dates{notBefore}, 'order: notBefore');
is($got->{order}->json()->{notAfter}, $dates{notAfter}, 'order: notAfter');
is_deeply([ map { rfc3339($_) } dates($got) ],
    [ @dates{qw/ notBefore notAfter /} ], 'certificate: both');

%dates = (notAfter => rfc3339(time() + 600));
$got = issue(more => \%dates);
is(rfc3339((dates($got))[1]), $dates{notAfter}, 'notAfter alone');
ok(!exists $got->{order}->json()->{notBefore}, 'no notBefore in the order');

%dates = (notBefore => rfc3339(time() + 1800));
$now = time();
$got = issue(profile => 'short', more => \%dates);
($from, $to) = dates($got);
is(rfc3339($from), $dates{notBefore}, 'notBefore alone');
near($to - $from, 6 * 3600, 'and the whole life from there');

# an offset is another way to write the same time

my $at = time() + 7200;
$got = issue(more => { notAfter => strftime('%Y-%m-%dT%H:%M:%S+01:00',
                                            gmtime($at + 3600)) });
is((dates($got))[1], $at, 'time zone');

foreach my $case (
    [ 'longer than the default', '400 malformed', undef,
      notAfter => 91 * 86400 ],
    [ 'longer than the profile', '400 invalidProfile', 'short',
      notAfter => 6 * 3600 + 120 ],
    [ 'as long, but later', '201', 'short',
      notBefore => 3600, notAfter => 7 * 3600 ],
    [ 'longer, and later', '400 invalidProfile', 'short',
      notBefore => 3600, notAfter => 7 * 3600 + 120 ],
    [ 'earlier than the back-date', '400 malformed', 'short',
      notBefore => -2280 ],
    [ 'in the far future', '400 malformed', 'short',
      notBefore => 7 * 3600 ],
    [ 'over', '400 malformed', 'short', notAfter => -1 ],
    [ 'turned round', '400 malformed', 'short', notBefore => 1200,
      notAfter => 600 ])
{
    my ($name, $want, $profile, %offset) = @$case;
    my $from_now = time();
    my %more = map { $_ => rfc3339($from_now + $offset{$_}) } keys %offset;

    $more{profile} = $profile if defined $profile;

    is($acme->new_order([ 'd.example' ], more => \%more)->outcome(), $want,
        "dates: $name");
}

# days later: as ordered, though further back than the profile's back-date

%dates = (notBefore => rfc3339(time() - 600),
    notAfter => rfc3339(time() + 3600));
$ready = $acme->ready_order([ 'late.example' ], more => \%dates);
my $old = time() - 5 * 86400;
acme_ca_sql($t, "UPDATE acme_orders SET not_before = $old"
    . ' WHERE id = (SELECT max(id) FROM acme_orders)');
$got = finalized($ready, dns => [ 'late.example' ]);
SKIP: {
    # the CA was made a moment ago and must not be outlived at either end
    my $born = cert_time(openssl($t->read_file('ca/issuer.pem'), 'x509',
                                 '-noout', '-startdate'));
    skip('the CA is too old', 1) if $born < $old;
    is($got->outcome(), '400 malformed', 'before its issuer');
}

$old = time() - 20 * 3600;
acme_ca_sql($t, "UPDATE acme_orders SET not_before = $old"
    . ' WHERE id = (SELECT max(id) FROM acme_orders)');
$got = finalized($ready, dns => [ 'late.example' ]);
is($got->outcome(), '200', 'an order of yesterday');
$got = { chain => $acme->post($got->json()->{certificate})->{body} };
is_deeply([ dates($got) ], [ $old, cert_time("=$dates{notAfter}") ],
    'has the dates that it was given then');

# a certificate must not be ordered beyond its CA's life

is($acme->new_order([ 'd.example' ],
    more => { notAfter => rfc3339(time() + 6 * 366 * 86400) })->outcome(),
    '400 malformed', 'beyond the life of the CA');

# audit

is(acme_ca_sql_value($t, "SELECT json_extract(details, '\$.profile')
    FROM acme_audit_logs WHERE action = 'issue' AND outcome = 'done'
    ORDER BY id LIMIT 1"), 'plain', 'profile in the audit log');

# its two tests would not be counted at the end of everything
undef $t;

###############################################################################

sub profiled {
    my ($profile, @names) = @_;
    return $acme->new_order(\@names, more => { profile => $profile });
}


sub issue {
    my (%opts) = @_;
    my $key = $opts{key} || acme_key('ES256');

    return $acme->issue([ 'a.example' ], key => $key,
        csr => acme_csr(key => $key, dns => [ 'a.example' ],
                        extensions => $opts{extensions} || []),
        more => { $opts{profile} ? (profile => $opts{profile}) : (),
                  %{$opts{more} || {}} });
}


sub text_of {
    return cert_text(issue(@_)->{chain}) =~ s/\s+/ /gr;
}


sub finalized {
    my ($order, %csr) = @_;
    return $acme->finalize($order, acme_csr(key => acme_key('ES256'), %csr));
}


sub refused {
    my (%opts) = @_;
    my $profile = delete $opts{profile};
    my $order = $acme->ready_order([ 'a.example' ],
                                   more => { profile => $profile });

    return ($acme->finalize($order, acme_csr(key => acme_key('ES256'),
                                             dns => [ 'a.example' ], %opts)),
            $order);
}


sub dates {
    my ($got) = @_;
    return map { cert_time(openssl($got->{chain}, 'x509', '-noout', $_)) }
               qw/ -startdate -enddate /;
}


# "notAfter=Nov 21 08:00:00 2026 GMT", or RFC 3339

sub cert_time {
    my ($text) = @_;

    return timegm($6, $5, $4, $3, $2 - 1, $1)
        if $text =~ /=(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z/;

    my ($month, $day, $h, $m, $s, $year)
        = $text =~ /=(\w+) +(\d+) (\d+):(\d+):(\d+) (\d+) GMT/
        or die "no date in '$text'\n";
    my $n = index('JanFebMarAprMayJunJulAugSepOctNovDec', $month) / 3;

    return timegm($s, $m, $h, $day, $n, $year);
}


# a busy machine takes its time, but not all of it

sub near {
    my ($got, $want, $name) = @_;
    cmp_ok(abs($got - $want), '<=', 60, $name) or diag("$got, not $want");
}

###############################################################################
