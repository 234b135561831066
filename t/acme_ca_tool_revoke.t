#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Revocation by the operator: which certificates, for what reason, with a dry
# run; what is held comes back; the CRL follows.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
acme_ca_tool($t);

my $dir = $t->testdir();

acme_ca_conf($t, authority => <<'END', server => <<'END')->plan(50)->run();
    crl_interval 1s;
    profile a { }
    profile b { }
END
    location /crl/ { acme_ca_crl; }
END

my ($one, $two) = map { acme_client($t) } 1 .. 2;
$_->new_account() foreach $one, $two;

my %got = map { $_ => $one->issue([ $_ ]) }
    'a.example', 'b.example', 'x.b.example', 'c.example';
$got{two} = $two->issue([ 'd.example', 'y.b.example' ]);
$got{profile} = $two->issue([ 'e.example' ], more => { profile => 'b' });

my $issuer = acme_ca_sql_value($t, "SELECT issuer_id FROM acme_certificates");

###############################################################################

# wrong usage changes nothing

foreach my $case (
    [ 'nothing chosen', 'revoke' ],
    [ 'reason 7', 'revoke', '--name', '*', '--reason', '7' ],
    [ 'reason 8', 'revoke', '--name', '*', '--reason', '8' ],
    [ 'reason 11', 'revoke', '--name', '*', '--reason', '11' ],
    [ 'a word', 'revoke', '--name', '*', '--reason', 'because' ],
    [ 'range', 'revoke', '--name', '10.0.0.0/8' ],
    [ 'two names', 'revoke', '--name', 'a.example', '--name', 'b.example' ],
    [ 'serial', 'revoke', '--serial', 'xyz' ],
    [ 'an argument', 'revoke', 'a.example' ],
    [ 'time', 'revoke', '--name', '*', '--since', 'x' ],
    [ 'reason', 'unrevoke', '--name', '*', '--reason', '6' ])
{
    my ($name, @args) = @$case;
    is((tool(@args))[1], 2, "wrong usage: $name");
}

is((tool('revoke', @$_))[1], 3, "none: @$_") foreach [ '--serial', '01' ],
    [ '--name', 'z.example' ], [ '--account', '99' ], [ '--issuer', '99' ],
    [ '--eab', 'nobody' ], [ '--profile', 'c' ];
is(revoked(), '', 'nothing is revoked');

###############################################################################

# which

tool('revoke', '--name', '.b.example', '--dry-run');
is($status, 0, 'dry run');
is(join(' ', sort $text =~ /dns:(\S*b\.example)/g), 'x.b.example y.b.example',
    'shows those below a name');
is(revoked(), '', 'and nothing more');

tool('revoke', '--name', '.b.example', '--account', 1, '--reason',
    'superseded');
is(revoked(), 'x.b.example=4', 'by name and account');
is((tool('revoke', '--name', '.b.example', '--account', 1))[1], 3,
    'not again');

tool('revoke', '--serial', uc(serial('a.example')) =~ s/(..)(?!$)/$1:/gr,
    '--reason', '1', '--since', '2d');
is(revoked(), 'a.example=1 x.b.example=4', 'by serial number');
is(acme_ca_sql_value($t, 'SELECT revoked_at - invalidity_at FROM'
    . " acme_certificates WHERE revocation_reason = 1"), 2 * 86400,
    'since when');

tool('revoke', '--profile', 'b');
is(revoked(), 'a.example=1 e.example=- x.b.example=4', 'by profile');

acme_ca_sql($t, "INSERT INTO acme_eab_credentials (id, kid, hmac_key, label,"
    . " names, profiles, accounts, created_at) VALUES (1, 'k', zeroblob(32),"
    . " 'team', '', '', 1, 1)");
acme_ca_sql($t, 'UPDATE acme_accounts SET eab_id = 1 WHERE id = 2');
tool('revoke', '--eab', 'team', '--reason', '9');
is(revoked(), 'a.example=1 d.example=9 e.example=- x.b.example=4',
    'by external account');

my $list = wait_crl(sub { $_[0] =~ /@{[ serial('two') ]}/i });
is(() = $list =~ /Serial Number/g, 4, 'all are in the CRL');

like(audit('revoke'), qr/^4 .*@{[ lc serial('two') ]}/, 'audit rows');

###############################################################################

# hold, release, and for good

tool('revoke', '--issuer', $issuer, '--reason', 'certificateHold');
is($status, 0, 'held');
like(revoked(), qr/b\.example=6.*c\.example=6/, 'by issuer: the rest');
like(revoked(), qr/ a\.example=1/, 'what was revoked stays as it was');
wait_crl(sub { $_[0] =~ /Certificate Hold/ });

ok(acme_ca_wait(sub { acme_ca_sql_value($t,
    'SELECT count(*) FROM acme_server_certificates') == 2 }),
    "the CA's own certificate is replaced");

my $at = held_at('c.example');

tool('unrevoke', '--name', 'b.example', '--dry-run');
is($status, 0, 'dry run of a release');
like(revoked(), qr/(?<!\.)b\.example=6/, 'releases nothing');
tool('unrevoke', '--name', 'b.example');
unlike(revoked(), qr/(?<![.\w])b\.example/, 'released');
like(revoked(), qr/c\.example=6/, 'only that');
$list = wait_crl(sub { $_[0] !~ /@{[ serial('b.example') ]}/i });
unlike($list, qr/@{[ serial('b.example') ]}/i, 'it left the CRL');

is((tool('unrevoke', '--name', 'a.example'))[1], 3,
    'what was revoked for another reason is not released');

is((tool('revoke', '--name', 'c.example', '--reason', '6'))[1], 3,
    'what is held is not held again');
tool('revoke', '--name', 'c.example', '--reason', '5');
like(revoked(), qr/c\.example=5/, 'but revoked for good');
is(held_at('c.example'), $at, 'as of when it was held');
is((tool('unrevoke', '--name', 'c.example'))[1], 3, 'no way back');

is($one->revoke($got{'c.example'}{chain})->outcome(), '400 alreadyRevoked',
    'the client is told');
is($one->revoke($got{'b.example'}{chain})->outcome(), '200',
    'and can revoke what was released');

tool('--json', 'issuer', 'list');
my $issuers = json_decode($text);
is(scalar(@$issuers), 2, 'issuer list: issuer and root');
my ($row) = grep { $_->{id} == $issuer } @$issuers;
is($row->{revoked}, scalar(split / /, revoked()), 'issuer list: revoked');
is($row->{valid}, 1, 'issuer list: valid');
ok($_->{crl_number} && $_->{crl_until} =~ /Z$/, "issuer list: CRL of $_->{name}")
    foreach @$issuers;

undef $t;

###############################################################################

sub serial {
    return cert_field($got{$_[0]}{chain}, 'serial');
}


# "a.example=1 ...": the first names of what is revoked, with the reasons

sub revoked {
    return join ' ', sort map {
        my ($name) = $_->{sans} =~ /^\w+:(\S+)/;
        "$name=" . (defined $_->{reason} ? $_->{reason} : '-')
    } acme_ca_sql($t, 'SELECT sans, revocation_reason AS reason FROM'
        . " acme_certificates WHERE status = 'revoked'");
}


sub held_at {
    return acme_ca_sql_value($t, 'SELECT revoked_at FROM acme_certificates'
        . " WHERE sans = 'dns:$_[0]'");
}


sub audit {
    return acme_ca_sql_value($t, "SELECT count(*) || ' ' || group_concat("
        . "json_extract(details, '\$.serial')) FROM acme_audit_logs"
        . " WHERE action = '$_[0]' AND actor = 'operator'");
}


sub wait_crl {
    my ($code) = @_;
    my $list;

    acme_ca_wait(sub {
        $list = join '', map { openssl(read_crl($_), 'crl', '-inform', 'DER',
            '-noout', '-text') } glob "$dir/ca/crl/*.crl";
        $code->($list);
    });

    return $list;
}


sub read_crl {
    open my $f, '<:raw', $_[0] or return '';
    local $/;
    return scalar <$f>;
}

###############################################################################
