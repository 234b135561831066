#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Renewal information (RFC 9773): the window of a certificate, how it moves when
# the certificate is revoked or the operator wishes it, and "replaces" of
# orders.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use MIME::Base64 qw/ decode_base64 /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;
use Time::Local qw/ timegm /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');
acme_ca_tool($t);

acme_ca_conf($t, authority => 'renewal_info_explanation https://ca.example/why;
        profile default { lifetime 90d; }
        profile short { lifetime 6d; }
        profile hour { lifetime 1h; }',
    http => <<'EOF', server => 'location /off/ { acme_ca off; }');

    acme_ca_authority off {
        path          %%TESTDIR%%/off;
        base_url      http://127.0.0.1:8080/off;
        renewal_info  off;
    }
EOF

$t->plan(94)->run();

my $acme = acme_client($t);
my $other = $acme->another();
$_->new_account() foreach $acme, $other;

my $info = $acme->url('renewalInfo');

###############################################################################

# the window

like($info, qr!/acme/renewal-info$!, 'directory');

my $got = $acme->issue([ 'a.example', 'b.example' ]);
my $id = cert_id($got->{chain});
my $rows = audits();
my $reply = $acme->get("$info/$id");

is($reply->outcome(), '200', 'unauthenticated GET');
is($reply->header('Content-Type'), 'application/json', 'type');
is($reply->header('Retry-After'), 21600, 'Retry-After');
is($reply->header('Replay-Nonce'), undef, 'no nonce: it may be cached');
is($reply->header('Cache-Control'), undef, 'nothing forbids that');
is_deeply([ $reply->links('index') ], [ acme_ca_url() . '/directory' ],
    'index');
is_deeply([ sort keys %{$reply->json()} ],
    [ qw/ explanationURL suggestedWindow / ], 'members');
is($reply->json()->{explanationURL}, 'https://ca.example/why', 'why');

my ($start, $end) = window($reply);
my $life = 90 * 86400;
my $age = time();

cmp_ok($start, '>=', $age - 60 + 0.63 * $life, 'not before 63 % of the life');
cmp_ok($end, '<=', $age + 0.725 * $life, 'nor after 72 %');
cmp_ok($end - $start, '>=', 86400, 'a day and more');
is_deeply([ window($acme->get("$info/$id")) ], [ $start, $end ],
    'the same again');
is($acme->head("$info/$id")->{status}, 200, 'HEAD');

my %starts = ($start => 1);
$starts{(window($acme->get("$info/"
    . cert_id($acme->issue([ 'a.example' ])->{chain}))))[0]} = 1 for 1 .. 4;
cmp_ok(scalar keys %starts, '>=', 4, 'certificates issued together are spread');

my $short = $acme->issue([ 'a.example' ], more => { profile => 'short' });
$reply = $acme->get("$info/" . cert_id($short->{chain}));
($start, $end) = window($reply);
ok($start > time() + 0.46 * 6 * 86400 - 60 && $end < time() + 0.59 * 6 * 86400,
    'a short life: about the half of it');
is($reply->header('Retry-After'), 21600, 'Retry-After of six days');

$short = $acme->issue([ 'a.example' ], more => { profile => 'hour' });
$reply = $acme->get("$info/" . cert_id($short->{chain}));
($start, $end) = window($reply);
ok($start > time() && $end > $start && $end < time() + 0.6 * 3600,
    'an hour: about the half of it');
cmp_ok($reply->header('Retry-After'), '<=', 300, 'and asked for more often');

# expired: the usual window, which is over

acme_ca_sql($t, 'UPDATE acme_certificates SET not_before = not_before - 100000,'
    . ' not_after = not_after - 100000, created_at = created_at - 100000'
    . " WHERE serial = x'" . cert_field($short->{chain}, 'serial') . "'");
($start, $end) = window($acme->get("$info/" . cert_id($short->{chain})));
ok($end > $start && $end < time(), 'expired: in the past');

###############################################################################

# what names no certificate

my ($aki, $serial) = split /\./, $id;

is($acme->get("$info/$_->[1]")->outcome(), $_->[2], $_->[0]) foreach
    [ 'nothing', '', '400 malformed' ],
    [ 'no dot', "$aki$serial", '400 malformed' ],
    [ 'no key', ".$serial", '400 malformed' ],
    [ 'no serial', "$aki.", '400 malformed' ],
    [ 'two dots', "$id.$serial", '400 malformed' ],
    [ 'padding', "$aki.AAA=", '400 malformed' ],
    [ 'bits behind', "$aki.AB", '400 malformed' ],
    [ 'other alphabet', "$aki.A+AA", '400 malformed' ],
    [ 'negative', "$aki.gA", '400 malformed' ],
    [ 'zero', "$aki.AA", '400 malformed' ],
    [ 'needless zero', "$aki.AAE", '400 malformed' ],
    [ 'too long', "$aki." . b64u('a' x 22), '400 malformed' ],
    [ 'a slash behind', "$id/", '400 malformed' ],
    [ 'a path behind', "$id/x", '400 malformed' ],
    [ 'unknown serial', "$aki.AQ", '404 malformed' ],
    [ 'needed zero', "$aki.AIA", '404 malformed' ],
    [ 'unknown key', b64u('a' x 20) . ".$serial", '404 malformed' ],
    [ 'cut key', b64u('a') . ".$serial", '404 malformed' ];

is($acme->get($info)->outcome(), '404 malformed', 'the bare URL');

$reply = $acme->post("$info/$id");
is($reply->outcome(), '405 malformed', 'POST-as-GET');
is($reply->header('Allow'), 'GET, HEAD', 'Allow');

is($acme->get("$info/$id")->{status}, 200, 'query');
is($acme->get("$info/$id?a=b")->{status}, 200, 'with a query');
is(refused(), '404 405', 'no audit row of those who asked by GET');

# RFC 9773, 4.1: the example of the certificate in appendix A

is($acme->get("$info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")->outcome(),
    '404 malformed', 'the example of the RFC');

###############################################################################

# the operator moves it

my ($from, $to) = (time() + 1000, time() + 2000);

move(name => "'z.example'");
isnt((window($acme->get("$info/$id")))[0], $from, 'another name');

foreach my $by ([ name => "'b.example'" ], [ name => "'.example'" ],
                [ profile => "'default'" ], [ account_id => 1 ],
                [ issuer_id => '(SELECT issuer_id FROM acme_certificates'
                               . ' ORDER BY id LIMIT 1)' ],
                [ serial => "x'" . cert_field($got->{chain}, 'serial') . "'" ])
{
    $from++;
    move(@$by);
    is((window($acme->get("$info/$id")))[0], $from, "moved by $by->[0]");
}

move(name => "'b.example'", account_id => 2);
is((window($acme->get("$info/$id")))[0], $from, 'all that is named must fit');

acme_ca_sql($t, "UPDATE acme_renewal_windows SET explanation_url ="
    . " 'https://ca.example/incident'");
is($acme->get("$info/$id")->json()->{explanationURL},
    'https://ca.example/incident', 'and why');

# never beyond the certificate's end

($from, $to) = (time() + 80 * 86400, time() + 200 * 86400);
move(account_id => 1);
is((window($acme->get("$info/$id")))[1], not_after($id), 'cut at notAfter');
$from = time() + 100 * 86400;
acme_ca_sql($t, 'DELETE FROM acme_renewal_windows');
move(account_id => 1);
cmp_ok((window($acme->get("$info/$id")))[0], '<', time() + $life,
    'after it: not moved');

# one that was over when the certificate was made is not its own; one is from
# what follows

acme_ca_sql($t, 'DELETE FROM acme_renewal_windows');
($from, $to) = (time() - 2000, time() - 1000);
move(name => "'.example'");
cmp_ok((window($acme->get("$info/$id")))[0], '>', time() + $life / 2,
    'moved before it was issued: not moved');
acme_ca_sql($t, "UPDATE acme_certificates SET created_at = $to - 1,"
    . " not_before = $to - 1 WHERE serial = x'"
    . cert_field($got->{chain}, 'serial') . "'");
is((window($acme->get("$info/$id")))[1], $to, 'while it lived: moved');

# by the tool

acme_ca_sql($t, 'DELETE FROM acme_renewal_windows');
tool('renewal', 'move', '--name', '.example', '--profile',
    'default', '--account', 1, '--from', '1d', '--within', '12h', '--url',
    'https://ca.example/tool');
is($status, 0, 'renewal move');
like($text, qr/certificates = [1-9]/, 'how many it selects');
$reply = $acme->get("$info/$id");
($start, $end) = window($reply);
ok(abs($start - time() - 86400) < 600, 'moved by the tool');
is($end - $start, 12 * 3600, 'so long');
is($reply->json()->{explanationURL}, 'https://ca.example/tool', 'and why');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs WHERE action ="
    . " 'renewal-move' AND actor = 'operator'"), 1, 'audit');

is((tool('renewal', 'move', '--serial',
    cert_field($got->{chain}, 'serial'), '--issuer', 1))[1], 0,
    'by serial and issuer');
ok((window($acme->get("$info/$id")))[1] < time() + 86401, 'the newest counts');
like((tool('renewal', 'list'))[0], qr/\.example .*default/, 'renewal list');
my $last = acme_ca_sql_value($t, 'SELECT max(id) FROM acme_renewal_windows');
is((tool('renewal', 'drop', $last))[1], 0, 'renewal drop');
is((window($acme->get("$info/$id")))[0], $start, 'the one before');
is((tool('renewal', 'drop', $last))[1], 3, 'dropped already');
is((tool('renewal', @$_))[1], 2, "usage: @$_") foreach [ 'move' ],
    [ qw/ move --name a.example --name b.example / ],
    [ qw/ move --name 10.0.0.0\/8 / ], [ qw/ move --serial x / ],
    [ qw/ move --name * --within 1s / ], [ qw/ move --name * --url x / ],
    [ 'drop' ];
is((tool('renewal', 'move', '--issuer', 'nobody'))[1], 3, 'no such issuer');

# revoked

$acme->revoke($got->{chain});
($start, $end) = window($acme->get("$info/$id"));
ok($end > $start && $end < time(), 'revoked: in the past');

###############################################################################

# replaces

$got = $acme->issue([ 'a.example', 'c.example' ]);
$id = cert_id($got->{chain});

is(replace($_->[1])->outcome(), $_->[2], "replaces $_->[0]") foreach
    [ 'number', 1, '400 malformed' ], [ 'text', 'x', '400 malformed' ],
    [ 'unknown', "$aki.AQ", '404 malformed' ];
is(replace($id, names => [ 'd.example' ])->outcome(), '400 malformed',
    'shares no name');
is(replace($id, client => $other)->outcome(), '403 unauthorized',
    "another account's");

$reply = replace($id);
is($reply->outcome(), '201', 'replaces');
is($reply->json()->{replaces}, $id, 'shown');
is($acme->post($reply->location())->json()->{replaces}, $id, 'and later');
is(replace($id)->outcome(), '409 alreadyReplaced', 'a second order');

# an order that became invalid gives it free

my ($authz) = grep { $acme->post($_)->json()->{identifier}{value}
                     eq 'e.example' } @{$reply->json()->{authorizations}};
$acme->post($authz, { status => 'deactivated' });
is($acme->post($reply->location())->json()->{status}, 'invalid', 'invalid');

my $new = $acme->issue([ 'a.example' ], more => { replaces => $id });
is($new->{order}->json()->{replaces}, $id, 'replaced');
is(acme_ca_sql_value($t, 'SELECT lower(hex(n.serial)) FROM acme_certificates'
    . ' AS o JOIN acme_certificates AS n ON n.id = o.replaced_by'
    . " WHERE o.serial = x'" . cert_field($got->{chain}, 'serial') . "'"),
    lc cert_field($new->{chain}, 'serial'), 'by whom is in the database');
is(replace($id)->outcome(), '409 alreadyReplaced', 'once and for all');

###############################################################################

# switched off

my $off = acme_client($t, at => 'off');
ok(!exists $off->directory()->{renewalInfo}, 'off: not in the directory');
is($off->get('http://127.0.0.1:' . port(8080) . "/off/renewal-info/$id")
    ->outcome(), '404 malformed', 'off: nothing there');

undef $t;

###############################################################################

sub seconds {
    my ($text) = @_;

    my @t = $text =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/
        or return 0;

    return timegm(reverse(@t[3 .. 5]), $t[2], $t[1] - 1, $t[0]);
}


sub window {
    my ($reply) = @_;
    my $window = $reply->json()->{suggestedWindow} || {};

    return map { seconds(defined $_ ? $_ : '') } @$window{qw/ start end /};
}


sub not_after {
    my ($id) = @_;
    my ($text) = $id =~ /\.(.*)/;

    $text =~ tr!_-!/+!;

    my $serial = unpack 'H*', decode_base64($text);
    $serial =~ s/^00//;

    return acme_ca_sql_value($t, 'SELECT not_after FROM acme_certificates'
                                 . " WHERE serial = x'$serial'");
}


sub move {
    my (%by) = @_;
    my @names = sort keys %by;

    acme_ca_sql($t, 'INSERT INTO acme_renewal_windows (window_start,'
        . ' window_end, created_at, ' . join(', ', @names)
        . ") VALUES ($from, $to, 1, " . join(', ', @by{@names}) . ')');
}


sub replace {
    my ($id, %opts) = @_;

    return ($opts{client} || $acme)->new_order(
        $opts{names} || [ 'a.example', 'e.example' ],
        more => { replaces => $id });
}


sub audits {
    return acme_ca_sql_value($t, 'SELECT max(id) FROM acme_audit_logs');
}


# HTTP statuses of what was refused since

sub refused {
    my @rows = acme_ca_sql($t, 'SELECT action, reason FROM acme_audit_logs'
        . " WHERE id > $rows AND outcome = 'refused' ORDER BY id");

    return join ' ', map { $_->{reason} =~ /method/ ? 405 : 404 } @rows;
}

###############################################################################
