#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The admin location: who comes in, what the roles may do, methods, types,
# pages, tags, problem documents; external accounts; what is audited.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Schema;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx auth_basic access /)
    ->has_daemon('sqlite3');

acme_ca_conf($t, authority => 'external_account_binding optional;
        profile default { } profile short { lifetime 7d; }',
    server => <<'EOF')->plan(135);

        location /admin/ {
            acme_ca_admin default full;
            auth_basic admin;
            auth_basic_user_file %%TESTDIR%%/users;
        }

        location /read {
            acme_ca_admin default;
            allow 127.0.0.1; deny all;
        }

        location /closed/ {
            acme_ca_admin default full;
            deny all;
        }
EOF

$t->write_file('users', "alice:{PLAIN}secret\n");
$t->run();

my $acme = acme_client($t);
my $admin = acme_admin($t, user => 'alice:secret');
my $reader = acme_admin($t, path => '/read');
my ($reply, $json);

###############################################################################

# who comes in

like(acme_admin($t)->get('')->{status_line}, qr/ 401 /, 'nobody');
is(acme_admin($t, user => 'alice:wrong')->get('')->{status}, 401, 'not him');
is(acme_admin($t, path => '/closed/')->get('')->{status}, 403, 'closed');

$reply = acme_admin($t)->post('eab', { label => 'x' });
is("$reply->{status} $reply->{type}", '401 application/problem+json',
    'nobody: a problem');
is($reply->json()->{title}, 'Unauthorized', 'nobody: its title');
is($reply->{headers}{'www-authenticate'}, 'Basic realm="admin"',
    'nobody: what is asked for');
$reply = acme_admin($t, path => '/closed/')->get('eab');
is("$reply->{type} " . $reply->json()->{title},
    'application/problem+json Forbidden', 'closed: a problem');
is(acme_admin($t, path => '/closed/')->get('!fault')->{status}, 403,
    'closed: no way around');

$reply = $admin->get('');
is($reply->{status}, 200, 'alice');
is($reply->{type}, 'application/json', 'type');
is($reply->json()->{role}, 'full', 'her role');
is($reply->json()->{authority}, 'default', 'authority');
is($reader->get('')->json()->{role}, 'read', 'another role');
is(acme_admin($t, path => '/read/')->get('')->{status}, 200, 'with a slash');

my %resources = map { $_->{path} => $_->{methods} }
    @{$reply->json()->{resources}};
is_deeply($resources{eab}, [ 'GET', 'POST' ], 'resources');

# every resource that is listed is there

my @missing;

foreach my $path (sort keys %resources) {
    (my $url = $path) =~ s/\{\w+\}/none/;
    my $detail = $admin->get($url)->json()->{detail} || '';
    push @missing, $path if $detail =~ /no such resource/;
}

is("@missing", '', 'every resource is there');

# the document of all this is served, and says the same

is_deeply($admin->get('openapi.json')->json(), admin_document(), 'openapi.json');

my (@listed, @documented);

foreach my $resource (@{$reply->json()->{resources}}) {
    push @listed, map { "$_ /$resource->{path} "
        . join(' ', sort map { s/\*$//r } @{$resource->{$_ eq 'GET'
            ? 'arguments' : 'members'} || []}) } @{$resource->{methods}};
}

while (my ($path, $item) = each %{admin_document()->{paths}}) {
    foreach my $method (sort keys %$item) {
        my $about = $item->{$method};
        my $schema = $about->{requestBody}{content}{'application/json'}{schema};

        $schema = Test::Nginx::AcmeCa::Schema->new(admin_document())
            ->deref($schema) if $schema;

        push @documented, uc($method) . " $path " . join ' ', sort $schema
            ? keys %{$schema->{properties}}
            : map { $_->{name} } grep { $_->{in} eq 'query' }
                @{$about->{parameters} || []};
    }
}

is_deeply([ sort @documented ], [ sort @listed ],
    'resources, arguments and members are those of the document');

###############################################################################

# problems

$reply = $admin->get('nothing');
is($reply->{status}, 404, 'no such resource');
is($reply->{type}, 'application/problem+json', 'problem: type');
is($reply->json()->{status}, 404, 'problem: status');
is($reply->json()->{type}, 'about:blank', 'problem: about:blank');
is($reply->json()->{title}, 'Not Found', 'problem: title');
is($reply->{headers}{'cache-control'}, 'no-store', 'problem: not stored');
like($reply->json()->{requestId}, qr/^[0-9a-f]{32}$/, 'problem: request id');

is($admin->request('DELETE', 'eab')->{status}, 405, 'method');
is($admin->request('DELETE', 'eab')->{headers}{allow}, 'GET, HEAD, POST',
    'Allow');
is($admin->post('eab/x', {})->{headers}{allow}, 'GET, HEAD', 'Allow to read');
is($admin->get('eab/x/revoke')->{headers}{allow}, 'POST', 'Allow to write');

$reply = $admin->request('POST', 'eab', body => '{}');
is($reply->{status}, 415, 'no content type');

foreach my $type ('text/plain', 'application/x-www-form-urlencoded',
    'multipart/form-data', 'application/jsonp', 'application/jose+json')
{
    is($admin->request('POST', 'eab', type => $type,
        body => '{"label":"x"}')->{status}, 415, "type $type");
}

is($admin->post('eab?limit=1', { label => 'x' })->{status}, 400,
    'arguments of a POST');

foreach my $body ('', '{', '[]', '"x"', '{"label":"a","label":"b"}',
    '{"label":"a"}x', '{"label":"a","more":1}', "{\"label\":\"\xff\"}")
{
    is($admin->request('POST', 'eab', type => 'application/json',
        body => $body)->{status}, 400, "body $body");
}

is($admin->request('POST', 'eab', type => 'application/json',
    body => '{"label":"' . 'x' x 70000 . '"}')->{status}, 413, 'large body');
is($admin->request('POST', 'eab', type => 'application/json',
    body => '{"label":"' . 'x' x 70000 . '"}')->json()->{title},
    'Content Too Large', 'large body: a problem');

foreach my $args ('limt=1', 'limit=0', 'limit=1001', 'limit=x', 'limit=',
    'limit', 'limit=1&limit=2', 'cursor=-1', 'cursor=0', 'label=%0a',
    'label=%ff', 'label=%2', '%00=1')
{
    is($admin->get("eab?$args")->{status}, 400, "args $args");
}

###############################################################################

# the role to read

is($reader->post('eab', { label => 'x' })->{status}, 403, 'reader: POST');
is($reader->post('explain', { names => [ 'a.example' ] })->{status}, 403,
    'reader: POST that only reads');
is($reader->request('PUT', 'eab')->{status}, 403, 'reader: PUT');
is($reader->get('eab')->{status}, 200, 'reader: GET');
is($reader->request('HEAD', 'eab')->{status}, 200, 'reader: HEAD');
is($reader->request('HEAD', 'eab')->{body}, '', 'reader: HEAD has no body');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_eab_credentials'), 0,
    'nothing was made');

###############################################################################

# an external account

$reply = $admin->post('eab', { label => 'Team "A"', names => [ 'A.example',
    '.b.example', '10.0.0.0/8' ], profiles => [ 'short' ], max_accounts => 1,
    expires_in => 86400 });
is($reply->{status}, 201, 'created');
$json = $reply->json();
is($reply->{headers}{location}, "eab/$json->{kid}", 'Location');
like($json->{kid}, qr/^[0-9a-f]{32}$/, 'kid');
like($json->{hmac_key}, qr/^[A-Za-z0-9_][\w-]{42}$/, 'key');
is($reply->{headers}{'cache-control'}, 'no-store', 'key: not stored');
is_deeply($json->{names}, [ 'a.example', '.b.example', '10.0.0.0/8' ],
    'names');
is($json->{status}, 'valid', 'status');

my ($row) = acme_ca_sql($t, 'SELECT hex(hmac_key) AS key, expires_at -
    created_at AS lives, names, profiles FROM acme_eab_credentials');
is(lc $row->{key}, unpack('H*', b64u_decode($json->{hmac_key})), 'key stored');
is($row->{lives}, 86400, 'expiry stored');
is($row->{names}, 'a.example .b.example 10.0.0.0/8', 'names stored');

my $details = json_decode(audit('details'));
is(audit('action'), 'eab-create', 'audited');
is($details->{user}, 'alice', 'by whom');
is($details->{kid}, $json->{kid}, 'what');
unlike(audit('details'), qr/\Q$json->{hmac_key}\E|$row->{key}/i, 'not the key');

my $shown = $reader->get("eab/$json->{kid}");
is($shown->json()->{label}, 'Team "A"', 'shown');
unlike($shown->{body}, qr/\Q$json->{hmac_key}\E|$row->{key}/i,
    'without its key');

is($acme->new_account({ externalAccountBinding => $acme->binding($json->{kid},
    b64u_decode($json->{hmac_key})) })->outcome(), '201', 'a client uses it');
is($admin->get("eab/$json->{kid}")->json()->{status}, 'used up', 'used up');

foreach my $case (
    [ 'no label', {} ], [ 'number', { label => 7 } ],
    [ 'long', { label => 'x' x 65 } ], [ 'line feed', { label => "a\nb" } ],
    [ 'name', { label => 'x', names => [ '*.a' ] } ],
    [ 'names', { label => 'x', names => 'a' } ],
    [ 'blank', { label => 'x', names => [ 'a b' ] } ],
    [ 'profile', { label => 'x', profiles => [ 'none' ] } ],
    [ 'accounts', { label => 'x', max_accounts => 0 } ],
    [ 'past', { label => 'x', expires_at => '2020-01-01T00:00:00Z' } ],
) {
    is($admin->post('eab', $case->[1])->{status}, 400, "bad: $case->[0]");
}

is(audit('outcome'), 'refused', 'refusal audited');

###############################################################################

# pages

$admin->post('eab', { label => "n$_" }) for 1 .. 4;

$reply = $reader->get('eab?limit=2');
is(labels($reply), 'n4 n3', 'newest first');
my ($next) = ($reply->{headers}{link} || '') =~ /^<(\?.*)>;rel="next"$/;
like($next, qr/^\?limit=2&cursor=\d+$/, 'Link: next');
like($next, qr/cursor=$reply->{json}{next}$/, 'next in the document');
$reply = $reader->get("eab$next");
is(labels($reply), 'n2 n1', 'second page');
($next) = $reply->{headers}{link} =~ /^<(\?.*)>/;
$reply = $reader->get("eab$next");
is(labels($reply), 'Team "A"', 'last page');
ok(!defined $reply->{headers}{link} && !exists $reply->json()->{next},
    'nothing after it');
is(labels($reader->get('eab?label=Team+%22A%22')), 'Team "A"', 'by label');

# tags

$reply = $reader->get('eab');
my $tag = $reply->{headers}{etag};
like($tag, qr/^"[0-9a-f]{32}"$/, 'ETag');
is($reader->get('eab')->{headers}{etag}, $tag, 'the same again');
$reply = $reader->get('eab', headers => "If-None-Match: \"x\", W/$tag\r\n");
is("$reply->{status} $reply->{body}", '304 ', 'If-None-Match');
is($reply->{headers}{etag}, $tag, '304 with ETag');
$admin->post("eab/$json->{kid}/revoke", {});
is($reader->get('eab', headers => "If-None-Match: $tag\r\n")->{status}, 200,
    'another state');

###############################################################################

# an end

is($admin->get("eab/$json->{kid}")->json()->{status}, 'revoked', 'revoked');
is($acme->account()->outcome(), '200', 'its account goes on');
$reply = $admin->post("eab/$json->{kid}/revoke", { accounts => \1 });
is($reply->json()->{accounts_ended}, 1, 'with its accounts');
is($acme->account()->outcome(), '401 unauthorized', 'which ended');
is(acme_ca_sql_value($t, "SELECT json_extract(details, '\$.user')
    FROM acme_audit_logs WHERE action = 'revoke-account'
    AND account_id = 1"), 'alice', 'audited');
is($admin->post('eab/none/revoke', {})->{status}, 404, 'no such one');

###############################################################################

# configurations

foreach my $case (
    [ 0, 'deny all;', 'closed' ],
    [ 0, 'auth_basic a; auth_basic_user_file users;', 'auth_basic' ],
    [ 0, 'auth_request /ask;', 'auth_request' ],
    [ 0, '', 'a word', 'full open' ],
    [ 0, '', 'a role and a word', 'read open' ],
    [ 0, 'allow 10.0.0.0/8; deny 0.0.0.0/0; deny ::/0;', 'both families' ],
    [ 0, 'allow unix:; deny all;', 'a unix socket is closed by its mode' ],
    [ 0, 'satisfy any; allow 10.0.0.0/8; deny all; auth_basic a;
          auth_basic_user_file users;', 'satisfy any' ],
    [ 1, '', 'no guard' ],
    [ 1, 'deny 10.0.0.1;', 'one is denied' ],
    [ 1, 'deny 10.0.0.0/8; allow all; deny all;', 'all are allowed before' ],
    [ 1, 'deny 0.0.0.0/0;', 'IPv6 is not closed' ],
    [ 1, 'satisfy any; allow all; auth_basic a; auth_basic_user_file users;',
        'satisfy any: all are allowed' ],
    [ 1, 'allow all;', 'nothing is denied' ],
    [ 1, 'allow 10.0.0.0/8;', 'nothing is denied to others' ],
    [ 1, 'auth_basic off; auth_basic_user_file users;', 'auth_basic off' ],
    [ 1, 'auth_basic a;', 'no users' ],
    [ 1, 'deny all; limit_except GET { allow all; }', 'limit_except' ],
    [ 1, 'deny all; acme_ca x;', 'two of ours' ],
    [ 1, 'deny all;', 'no such role', 'write' ],
) {
    my ($bad, $text, $name, $words) = @$case;

    SKIP: {
        skip 'no auth_request', 1
            if $name eq 'auth_request' && !$t->has_module('auth_request');

        my ($good, $said) = acme_ca_config_test($t,
            config($text, $words || ''));
        is($good ? 0 : 1, $bad, "configuration: $name") or diag($said);

        like($said, qr/\[emerg\].*open to everybody.* in .*test\.conf:\d+$/m,
            'says what and where') if $name eq 'no guard';
    }
}

is(admin_errors(), '', 'all answers are as the document says');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub config {
    my ($text, $words) = @_;

    return "%%TEST_GLOBALS%%\nevents { }\nhttp {
        %%TEST_GLOBALS_HTTP%%
        acme_ca_authority x { path %%TESTDIR%%/x; }
        server { listen 127.0.0.1:8099; location /acme/ { acme_ca x; }
            location /admin/ { acme_ca_admin x $words; $text } } }";
}


sub labels {
    my ($reply) = @_;

    return join ' ', map { $_->{label} } @{$reply->json()->{items}};
}


sub audit {
    my ($column) = @_;

    return acme_ca_sql_value($t, "SELECT $column FROM acme_audit_logs
        WHERE actor = 'operator' ORDER BY id DESC LIMIT 1");
}

###############################################################################
