#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Jobs of both queues, validations and calls of an external signer, by the
# admin location and by the tool: listed by kind, counted, tried at once, given
# up.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Signer;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx access /)
    ->has_daemon('sqlite3')->has_daemon('openssl')->has_daemon('curl');
my $dir = $t->testdir();

signer_start($t, 8090);

acme_ca_conf($t, authority => 'signer /sign timeout=1h deadline=1d'
        . " revoke=/revoke; signer_trusted_certificate $dir/signer/root.pem;"
        . ' validation_attempts 100; validation_timeout 1h;',
    dns => { 'dead.example' => { A => '127.0.0.77' } },
    server => <<'END')->plan(54)->run();
    location ~ ^/(sign|revoke)$ { internal;
        proxy_pass http://127.0.0.1:%%PORT_8090%%; }
    location /admin/ { acme_ca_admin default full; allow 127.0.0.1; deny all; }
    location /read/ { acme_ca_admin default; allow 127.0.0.1; deny all; }
END

acme_ca_tool($t);

my $admin = acme_admin($t);
my $reader = acme_admin($t, path => '/read');
my $acme = acme_client($t);
my ($json, $reply);

$acme->new_account();
my $chain = $acme->issue([ 'good.example' ])->{chain};

###############################################################################

# orders that nobody signs, a revocation that nobody hears of, a validation
# that nobody answers: each waits for the operator from its first failure on

my %order;

foreach my $name (qw/ a b c d /) {
    put_signer($t, "$name.example", fail => 1000, retry_after => 3000);
    $order{$name} = $acme->ready_order([ "$name.example" ]);
    $acme->finalize($order{$name}, csr("$name.example"));
}

put_signer($t, 'revoke', fail => 1000, retry_after => 3000);
$acme->revoke($chain, reason => 4);

my $dead = $acme->new_order([ 'dead.example' ]);
$acme->respond($dead->json()->{authorizations}[0]);

ok(acme_ca_wait(sub { sql('SELECT count(*) FROM acme_signer_jobs
    WHERE last_error IS NOT NULL AND lease_until = 0') == 5 }),
    'jobs of the signer failed');
ok(acme_ca_wait(sub { acme_ca_sql($t, 'UPDATE jobs SET run_at = run_at + 3000,
    deadline_at = deadline_at + 6000 WHERE last_error IS NOT NULL
    AND lease_until = 0 RETURNING run_at') }), 'a validation failed');

# what is there

my ($job) = items('jobs?kind=issue&name=a.example');
is_deeply($job->{names}, [ 'a.example' ], 'a job: its names');
is("$job->{kind} $job->{state} $job->{account}", 'issue waiting 1', 'what it is');
is($job->{last_error}, 'busy', 'why it failed');
cmp_ok($job->{attempts}, '>=', 1, 'how often');
ok(exists $job->{order} && exists $job->{age}, 'its order and age');
is_deeply(plain([ $reader->get("jobs/$job->{id}")->json() ]), plain([ $job ]),
    'by its number');

my ($told) = items('jobs?kind=done');
is_deeply($told->{names}, [ 'good.example' ], 'a revocation: its names');
is($told->{certificate}, cert_serial($chain), 'its certificate');

my ($tried) = items('jobs?kind=test-challenge');
is("$tried->{type} @{$tried->{names}}", 'http-01 dead.example', 'a validation');

is(scalar(items('jobs?kind=issue')), 4, 'by kind');
is($reader->get('jobs?kind=x')->{status}, 400, 'by no kind');
is(scalar(items('jobs?name=good.example')), 1, 'by name');

# in pages

my ($path, @ids) = ('jobs?limit=1');

while (defined $path && @ids < 9) {
    $reply = $reader->get($path);
    push @ids, map { $_->{id} } @{$reply->json()->{items}};
    $path = ($reply->{headers}{link} || '') =~ /^<(\?.*)>/ ? "jobs$1" : undef;
}

is(scalar @ids, 6, 'all of them');
is("@ids", join(' ', sort { $b <=> $a } @ids), 'newest first');

# counted

my %queue = map { $_->{kind} => $_ } items('queues');
is(join(' ', map { "$_->{kind}:" . ($_->{depth} || 0) } (items('queues'))[1, 2, 3]),
    'test-challenge:1 issue:4 done:1', 'how many');
is($queue{issue}{last_error}, 'busy', 'why');
cmp_ok($queue{done}{attempts}, '>=', 1, 'how often');
is($queue{issue}{running}, 0, 'none runs');

# the tool says the same, both ways

foreach my $case ([ 'list' ], [ 'list', '--kind', 'issue', '--limit', 2 ],
    [ 'list', '--name', 'good.example' ])
{
    my ($here, $there) = map { plain($_) } json('jobs', @$case),
        admin_json('jobs', @$case);

    cmp_ok(scalar @$here, '>', 0, "some: @$case");
    is_deeply($there, $here, "the same: @$case");
}

is_deeply(queues(admin_json('jobs', 'queues')),
    queues(json('jobs', 'queues')), 'the same: queues');
is((tool('jobs', 'list', '--kind', 'x'))[1], 2, 'no such kind');
is((admin('jobs', 'list', '--kind', 'x'))[1], 2, 'nor there');

###############################################################################

# at once

put_signer($t, $_) foreach 'a.example', 'b.example';
is($reader->post("jobs/$job->{id}/retry", {})->{status}, 403,
    'a reader retries nothing');
is($admin->post("jobs/$job->{id}/retry", {})->{status}, 200, 'retry');
is($acme->poll($order{a}->location())->json()->{status}, 'valid', 'signed');
is((tool('jobs', 'retry', id('b')))[1], 0, 'retry, by the tool');
is($acme->poll($order{b}->location())->json()->{status}, 'valid', 'signed, too');

# given up, unless the signer is at it

my ($c, $d) = (id('c'), id('d'));
acme_ca_sql($t, 'UPDATE acme_signer_jobs SET lease_until = unixepoch() + 1000;
    SELECT 1');
is($admin->post("jobs/$c/cancel", {})->{status}, 409, 'it is being asked');
is((tool('jobs', 'cancel', $d))[1], 1, 'so says the tool');
is($acme->post($order{c}->location())->json()->{status}, 'processing',
    'nothing happened');
acme_ca_sql($t, 'UPDATE acme_signer_jobs SET lease_until = 0; SELECT 1');

is($admin->post("jobs/$c/cancel", {})->{status}, 204, 'cancel');
is((tool('jobs', 'cancel', $d))[1], 0, 'cancel, by the tool');

foreach my $name ('c', 'd') {
    $json = $acme->post($order{$name}->location())->json();
    is($json->{status}, 'invalid', "$name: the order is invalid");
    is($json->{error}{type}, 'urn:ietf:params:acme:error:unauthorized',
        "$name: its error");
    is($json->{error}{detail}, 'the signature was cancelled by the CA',
        "$name: what clients hear");
}

is($reader->get("jobs/$c")->{status}, 404, 'gone');
is($admin->post("jobs/$c/cancel", {})->{status}, 404, 'once');
is((tool('jobs', 'cancel', $d))[1], 3, 'once, by the tool');
is($admin->post("jobs/$told->{id}/cancel", {})->{status}, 204,
    'the signer hears of it no more');
is((tool('jobs', 'cancel', $tried->{id}))[1], 0, 'a validation');
is($acme->post($dead->location())->json()->{status}, 'invalid', 'its order');
is(scalar(items('jobs')), 0, 'nothing is left');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'job-cancel'
    AND actor = 'operator' AND outcome = 'done'"), 4, 'audited');

is(admin_errors(), '', 'all answers are as the document says');

undef $t;

###############################################################################

sub items {
    my ($path) = @_;

    return @{$reader->get($path)->json()->{items}};
}


sub id {
    my ($name) = @_;

    return (items("jobs?name=$name.example"))[0]{id};
}


sub csr {
    return acme_csr(key => acme_key('ES256'), dns => \@_);
}


# without ages, which grow

sub plain {
    my ($rows) = @_;

    return [ map { my %row = %$_; delete $row{age}; \%row } @$rows ];
}


# the first kind is counted now and then

sub queues {
    my ($rows) = @_;

    return plain([ grep { $_->{kind} ne 'make-challenge' } @$rows ]);
}

###############################################################################
