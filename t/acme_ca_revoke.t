#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Revocation: by the account, by the key of the certificate, by an account that
# holds all names; and by nobody else.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

acme_ca_conf($t)->plan(41)->run();

my $acme = acme_client($t);
my $other = $acme->another();
$_->new_account() foreach $acme, $other;

###############################################################################

# by the account

my $got = $acme->issue([ 'a.example' ]);
my $chain = $got->{chain};

is($other->revoke($chain)->outcome(), '403 unauthorized', 'another account');
is($other->revoke($chain, key => acme_key('ES256'))->outcome(),
    '403 unauthorized', 'another key');
is($acme->revoke($chain, reason => $_)->outcome(),
    '400 badRevocationReason', "reason $_") foreach 2, 6, 7, 8, 9, 10, 11, -1;
like($acme->revoke($chain, reason => 7)->json()->{detail},
    qr/one of 0, 1, 3, 4, 5$/, 'says which reasons are taken');
is($acme->revoke($chain, reason => $_)->outcome(), '400 malformed',
    "reason $_") foreach 'x', '1';
is(revoked(), 0, 'not revoked yet');

my $reply = $acme->revoke($chain, reason => 4);
is($reply->outcome(), '200', 'revoked');
is($reply->{body}, '', 'no body');
is_deeply(row($chain), { status => 'revoked', revocation_reason => 4,
                         dated => 1 }, 'status, reason and time');
is(audit('done'), 'by account 4', 'audit of who and why');
is(audit('refused'), 'unauthorized unauthorized'
    . ' badRevocationReason' x 9 . ' malformed' x 2, 'audit of refusals');
is(revoked(), 1, 'revoked in the database');
is($acme->revoke($chain)->outcome(), '400 alreadyRevoked', 'again');
is($acme->revoke($chain, key => $got->{key})->outcome(),
    '400 alreadyRevoked', 'again by the key');

# by its key, without an account

$got = $acme->issue([ 'b.example' ], key => acme_key('RS256'));
is($acme->another()->revoke($got->{chain}, key => $got->{key}, reason => 1)
    ->outcome(), '200', 'by the key of the certificate');
is(revoked(), 2, 'revoked');
is(audit('done'), 'by account 4, by certificate key 1', 'audit of the key');

# by an account that holds all names

$got = $acme->issue([ 'c.example', 'd.example' ]);
$other->ready_order([ 'c.example' ]);
is($other->revoke($got->{chain})->outcome(), '403 unauthorized',
    'one name of two');
$other->ready_order([ 'd.example' ]);
is($other->revoke($got->{chain})->outcome(), '200', 'all names');
like(audit('done'), qr/, by authorizations none$/, 'audit of all names');
is_deeply(row($got->{chain}), { status => 'revoked',
    revocation_reason => undef, dated => 1 }, 'no reason given');

# reasons that are taken

foreach my $reason (0, 3, 5) {
    $got = $acme->issue([ "r$reason.example" ]);
    is($acme->revoke($got->{chain}, reason => $reason)->outcome(), '200',
        "reason $reason");
}

###############################################################################

# what is no certificate of ours

is($acme->revoke($t->read_file('ca/issuer.pem'))->outcome(), '404 malformed',
    'the issuer');
like($acme->post($acme->url('revokeCert'), { certificate => $_->[1] })
    ->outcome(), qr/^40[04] malformed$/, $_->[0])
    foreach [ 'number', 1 ], [ 'empty', '' ], [ 'no base64', '*' ],
            [ 'no DER', 'AAAA' ], [ 'cut', b64u(substr
                Test::Nginx::AcmeCa::Client::pem_to_der($chain), 0, 100) ];
is($acme->post($acme->url('revokeCert'), {})->outcome(), '400 malformed',
    'none');

# a deactivated account revokes nothing

$got = $acme->issue([ 'e.example' ]);
$acme->account({ status => 'deactivated' });
is($acme->revoke($got->{chain})->outcome(), '401 unauthorized',
    'deactivated account');
is($acme->revoke($got->{chain}, key => $got->{key})->outcome(), '200',
    'but the key does');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# what the database says of a certificate

sub row {
    my ($chain) = @_;
    my $serial = cert_field($chain, 'serial');

    my ($row) = acme_ca_sql($t, 'SELECT status, revocation_reason,'
        . " abs(revoked_at - strftime('%s', 'now')) < 600 AS dated"
        . " FROM acme_certificates WHERE serial = x'$serial'");

    return $row;
}


# "by RIGHT REASON" of what was done, problem types of what was refused

sub audit {
    my ($outcome) = @_;

    my @rows = acme_ca_sql($t, 'SELECT reason, details FROM acme_audit_logs'
        . " WHERE action = 'revoke' AND outcome = '$outcome' ORDER BY id");

    return join ' ', map { $_->{reason} =~ /^(\w+)/ } @rows
        if $outcome eq 'refused';

    return join ', ', map {
        my $details = json_decode($_->{details});
        my $reason = $details->{reason};
        "by $details->{by} " . (defined $reason ? $reason : 'none')
    } @rows;
}


sub revoked {
    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_certificates'
                                 . ' WHERE revoked_at IS NOT NULL');
}

###############################################################################
