#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Registry by the admin location: accounts, orders, authorizations,
# certificates, audit log, jobs, windows of renewals; filters, pages, and what
# an operator ends.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl');

acme_ca_conf($t, authority => 'external_account_binding optional;
        validation_timeout 1m;
        profile default { } profile short { lifetime 7d; }',
    server => <<'EOF')->plan(109)->run();

        location /admin/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
        }

        location /read/ {
            acme_ca_admin default;
            allow 127.0.0.1; deny all;
        }
EOF

my $admin = acme_admin($t);
my $reader = acme_admin($t, path => '/read');
my ($acme, $other, $third) = map { acme_client($t) } 1 .. 3;
my ($reply, $json);

# accounts, orders, certificates to look at

my $eab = $admin->post('eab', { label => 'team' })->json();

$acme->new_account({ contact => [ 'mailto:a@a.example' ] });
$other = $acme->another();
$other->new_account({ externalAccountBinding
    => $other->binding($eab->{kid}, b64u_decode($eab->{hmac_key})) });
$third = $acme->another();
$third->new_account();

my $one = $acme->issue([ 'a.example', 'b.example' ]);
my $two = $other->issue([ 'c.example' ], more => { profile => 'short' });
my $open = $acme->new_order([ 'open.example' ]);
my $serial = cert_serial($one->{chain});

###############################################################################

# accounts

$json = $reader->get('accounts')->json();
is(scalar @{$json->{items}}, 3, 'accounts');

my ($id) = $acme->{kid} =~ m!/account/([\w-]+)$!;
my $account = $reader->get("accounts/$id")->json();

is($account->{acme_id}, $id, 'by the end of its URL');
is($account->{status}, 'valid', 'status');
is_deeply($account->{contact}, [ 'mailto:a@a.example' ], 'contact');
is_deeply($account->{jwk}, $acme->{key}->jwk(), 'key');
is_deeply($reader->get("accounts/$account->{id}")->json(), $account,
    'by its number');
is_deeply($reader->get('accounts/' . $acme->{key}->thumbprint())->json(),
    $account, 'by its thumbprint');
is_deeply($reader->get("accounts/$account->{thumbprint}")->json(), $account,
    'in hexadecimal');
is($reader->get('accounts/4711')->{status}, 404, 'no such number');
is($reader->get('accounts/' . 'A' x 22)->{status}, 404, 'no such id');
is($reader->get('accounts/x')->{status}, 400, 'no id at all');

$json = $reader->get("accounts?eab=$eab->{kid}")->json();
is(scalar @{$json->{items}}, 1, 'by external account');
is($json->{items}[0]{eab}, $eab->{kid}, 'which it is');
is(scalar @{$reader->get('accounts?status=revoked')->json()->{items}}, 0,
    'by status');

###############################################################################

# orders, authorizations

$json = $reader->get('orders?name=b.example')->json();
is(scalar @{$json->{items}}, 1, 'order by name');

my $order = $json->{items}[0];
is($order->{status}, 'valid', 'order');
is_deeply($order->{names}, [ 'a.example', 'b.example' ], 'its names');
is($order->{certificate}, $serial, 'its certificate');
is($order->{account}, $account->{id}, 'its account');
is_deeply($reader->get("orders/$order->{id}")->json(), $order, 'by number');
is_deeply($reader->get("orders/$order->{acme_id}")->json(), $order, 'by id');
is($reader->get("accounts/$order->{acme_id}")->{status}, 404,
    'an id of another kind');
is($reader->get('orders/4711')->{status}, 404, 'no such order');
is($reader->get('orders/9223372036854775807')->{status}, 404, 'largest');
is(scalar @{$reader->get('orders?status=pending')->json()->{items}}, 1,
    'by status');
is(scalar @{$reader->get("orders?account=$id")->json()->{items}}, 2,
    'by account');
is($reader->get('orders?account=4711')->{status}, 404, 'by no account');

my $authz = $reader->get("authorizations/$order->{authorizations}[0]")->json();
is($authz->{name}, 'a.example', 'authorization');
is($authz->{status}, 'valid', 'its status');
is($authz->{challenges}[0]{type}, 'http-01', 'its challenge');
like($authz->{challenges}[0]{validated_at}, qr/^20/, 'when it was validated');
is(scalar @{$reader->get('authorizations?name=open.example')->json()
    ->{items}}, 1, 'authorization by name');
is(scalar @{$reader->get("authorizations?status=valid&account=$id")->json()
    ->{items}}, 2, 'by status and account');

###############################################################################

# certificates

my $certificate = $reader->get("certificates/$serial")->json();
is($certificate->{serial}, $serial, 'certificate');
is_deeply($certificate->{names}, [ 'dns:a.example', 'dns:b.example' ],
    'its names');
is($certificate->{order}, $order->{id}, 'its order');
is_deeply($reader->get('certificates/' . uc join ':', '00',
    $serial =~ /(..)/g)->json(), $certificate, 'as openssl writes serials');
is($reader->get('certificates/abcd')->{status}, 404, 'no such one');
is($reader->get('certificates/xyz')->{status}, 404, 'no serial at all');
is($reader->get('certificates/' . 'a' x 60)->{status}, 404, 'a long one');

$reply = $reader->get("certificates/$serial/pem");
is($reply->{type}, 'application/pem-certificate-chain', 'PEM: type');
is($reply->{body}, $one->{chain}, 'PEM');

foreach my $case (
    [ 'name=c.example', 'c' ], [ 'profile=short', 'c' ],
    [ "account=$id", 'a' ], [ 'status=expired', '' ],
    [ 'expires_before=' . rfc3339(time() + 30 * 86400), 'c' ],
    [ 'name=example', '' ], [ 'name=x%20y', '' ], [ 'status=unknown', '' ],
    [ 'issuer=none', '' ], [ 'category=ca', '' ], [ 'category=service', 'c a' ],
) {
    my ($args, $names) = @$case;

    is(join(' ', map { $_->{names}[0] =~ /^dns:(\w+)\.example$/ }
        @{$reader->get("certificates?$args")->json()->{items}}), $names,
        "certificates: $args");
}

is($reader->get('certificates?expires_before=tomorrow')->{status}, 400,
    'no date');

# issuers, attempts of a validation

$json = $reader->get('issuers')->json();
my ($issuer) = grep { $_->{name} eq $certificate->{issuer} } @{$json->{items}};
like($one->{chain}, qr/\Q$issuer->{chain}\E\z/, 'issuer');
is_deeply($reader->get("issuers/$issuer->{id}")->json(), $issuer, 'one issuer');
is(scalar @{$reader->get('issuers?name=none')->json()->{items}}, 0, 'no issuer');

$json = $reader->get("audit?action=validate&authorization=$authz->{id}")
    ->json();
is(join(' ', map { $_->{outcome} } @{$json->{items}}), 'done', 'attempts');
is($reader->get('audit?authorization=x')->{status}, 400, 'no number');

# statistics, counted a moment ago

ok(acme_ca_wait(sub {
    $json = $reader->get('statistics')->json();
    return ($json->{certificates}{valid} || 0) >= 2
        && $json->{accounts}{valid} == 3 && $json->{orders}{valid} == 2;
}), 'statistics') or diag(explain $json);
is($json->{accounts}{valid}, 3, 'accounts');
is($json->{orders}{valid}, 2, 'orders');
ok(scalar @{$json->{issuers}}, 'issuers');

# an end

is($reader->post("certificates/$serial/revoke", {})->{status}, 403,
    'the reader ends nothing');
is($admin->post("certificates/$serial/revoke", { reason => $_ })->{status},
    400, "reason $_") foreach 7, 8, 11, '1';
$reply = $admin->post("certificates/$serial/revoke", { reason => 4 });
is($reply->json()->{status}, 'revoked', 'revoked');
is($reply->json()->{revocation_reason}, 4, 'its reason');
is($admin->post("certificates/$serial/revoke", {})->{status}, 409, 'once');
is(scalar @{$reader->get('certificates?status=revoked')->json()->{items}}, 1,
    'by status');

$json = $reader->get('audit?action=certificate-revoke&actor=operator&outcome=done')->json();
is(scalar @{$json->{items}}, 1, 'audited');
is($json->{items}[0]{certificate}, $serial, 'which');
is($json->{items}[0]{client_address}, '127.0.0.1', 'from where');
is($reader->get('audit?action=certificate-revoke&outcome=refused')->json()
    ->{items}[0]{reason}, 'the certificate has been revoked already',
    'refusal audited');

###############################################################################

# jobs, and the end of an account

my $slow = $acme->new_order([ 'slow.example' ]);
$acme->respond($slow->json()->{authorizations}[0],
    hold => $t->testdir() . '/ended');

$json = $reader->get('jobs?name=slow.example')->json();
is_deeply($json->{items}[0]{names}, [ 'slow.example' ], 'job');
is($json->{items}[0]{attempts}, 0, 'its attempts');
is(scalar @{$reader->get('jobs?name=none.example')->json()->{items}}, 0,
    'job by name');

$reply = $admin->post("accounts/$id/revoke", {});
is($reply->json()->{status}, 'revoked', 'account ended');
is($acme->account()->outcome(), '401 unauthorized', 'it has');
is(scalar @{$reader->get('jobs')->json()->{items}}, 0, 'no jobs');
is($reader->get("orders?account=$id&status=invalid")->json()
    ->{items}[0]{error}{detail}, 'the account was revoked', 'orders say why');
is($admin->post("accounts/$id/revoke", {})->{status}, 409, 'once');
is($reader->get("audit?account=$account->{id}&action=revoke-account")->json()
    ->{items}[-1]{outcome}, 'done', 'account: audited');

$t->write_file('ended', '');

###############################################################################

# whatever an argument cannot be is refused, with its name and what it can be

my @faults;

foreach my $list (arguments($reader->get('openapi.json')->json())) {
    my ($path, $name, $schema) = @$list;

    my $what = $schema->{enum} ? 'nonsense'
        : ($schema->{format} || '') eq 'date-time' ? '2026-13-01'
        : $schema->{type} eq 'integer' ? '1x'
        : $name eq 'cursor' ? '-1' : next;

    foreach my $value ($what, '') {
        my $refused = $reader->get("$path?$name=$value");
        my $detail = $refused->{status} == 400 && $refused->{type}
            eq 'application/problem+json' ? $refused->json()->{detail} : '';

        push @faults, "$path?$name=$value: $refused->{status} $detail"
            if grep { index($detail, $_) < 0 } "\"$name\"",
                @{$schema->{enum} || []};
    }

    push @faults, "$path?$name=$_" foreach grep {
        $reader->get("$path?$name=$_")->{status} != 200
    } @{$schema->{enum} || []};
}

is(join("\n", @faults), '', 'arguments: all of them');
is(join(' ', map { $reader->get("$_?nonsense=1")->{status} } qw/ accounts orders
    authorizations certificates issuers audit jobs hooks windows eab /),
    join(' ', (400) x 10), 'arguments that are none');
is($reader->get('certificates?status=valid+held')->{status}, 200,
    'words of a status');
like($reader->get('certificates?status=valid+nonsense')->json()->{detail},
    qr/"status".*valid revoked expired unknown held/, 'which one is none');

###############################################################################

# windows of renewals

my ($tomorrow, $later) = map { rfc3339(time() + $_ * 86400) } 1, 2;

foreach my $bad ({}, { name => 'a b' }, { name => '10.0.0.0/8' },
    { name => 'a', start => 'x' }, { serial => 'x' }, { name => 7 },
    { name => 'a', start => $later, end => $tomorrow },
    { name => 'a', explanation_url => 'x' })
{
    is($admin->post('windows', $bad)->{status}, 400,
        'bad window: ' . join ' ', sort keys %$bad);
}

$reply = $admin->post('windows', { name => '.Example', profile => 'short',
    start => $tomorrow, end => $later,
    explanation_url => 'https://a.example/why' });
is($reply->{status}, 201, 'window');
my $window = $reply->json();
is($reply->{headers}{location}, "windows/$window->{id}", 'Location');
is($window->{name}, '.example', 'its name');
is($reader->get("windows/$window->{id}")->json()->{start}, $tomorrow, 'start');
is($admin->post("windows/$window->{id}/drop", {})->{status}, 204, 'dropped');
is($admin->post("windows/$window->{id}/drop", {})->{status}, 404, 'once');
is($admin->post('windows', { serial => $serial })->json()->{serial}, $serial,
    'one certificate');
is(scalar @{$reader->get('windows')->json()->{items}}, 1, 'windows');

###############################################################################

# a page looks at so many rows only, and says where to go on

acme_ca_sql($t, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL
    SELECT i + 1 FROM n WHERE i < 12000)
    INSERT INTO acme_audit_logs (at, actor, action, outcome)
    SELECT 1, 'server', 'test', 'done' FROM n; SELECT 1");

$reply = $reader->get('audit?action=eab-create');
is(scalar @{$reply->json()->{items}}, 0, 'nothing so far');
my ($next) = $reply->{headers}{link} =~ /^<(\?.*)>;rel="next"$/;
is(scalar @{$reader->get("audit$next")->json()->{items}}, 1, 'found');

my ($n, $path) = (0, 'audit?limit=1000&action=test');

while (defined $path) {
    $reply = $reader->get($path);
    $n += @{$reply->json()->{items}};
    $path = ($reply->{headers}{link} || '') =~ /^<(\?.*)>/ ? "audit$1" : undef;
}

is($n, 12000, 'all pages');

is(admin_errors(), '', 'all answers are as the document says');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# [ path, name, schema ] of each argument of a list's URL

sub arguments {
    my ($document) = @_;

    return map {
        my $path = $_;

        map { $_->{in} eq 'query' && $path !~ /\{/
            ? [ $path =~ s!^/!!r, $_->{name}, $_->{schema} ] : () }
            @{$document->{paths}{$path}{get}{parameters} || []};
    } sort keys %{$document->{paths}};
}

###############################################################################
