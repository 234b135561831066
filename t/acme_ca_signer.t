#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The external signer: what it is asked, answers that are taken, refused and
# asked for again, and certificates that are not what was ordered.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

signer_start($t, 8090);

acme_ca_conf($t,
    authority => 'signer /sign timeout=1m deadline=5m revoke=/revoke;'
        . " signer_trusted_certificate $dir/signer/root.pem;"
        . ' profile default { lifetime 30d; }',
    server => 'location ~ ^/(sign|revoke)$ { internal;'
        . ' gzip on; proxy_pass http://127.0.0.1:%%PORT_8090%%; }')
    ->plan(78)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# it is asked, and its certificate is ours

my $got = $acme->issue([ 'a.example', 'b.example' ]);
my $chain = $got->{chain};
my ($request) = signer_log($t);
my $fields = $request->{fields};
my $body = json_decode($request->{body});

is($got->{order}->json()->{status}, 'valid', 'issued');
is(chain_verify($chain, "$dir/signer/root.pem"), 'OK', 'by the signer');
is(() = $chain =~ /BEGIN CERT/g, 2, 'the root is left out');
is(signer_requests($t), 1, 'asked once');
is(jobs(), 0, 'no job is left');

is($request->{uri}, '/sign', 'the location');
is($fields->{'content-type'}, 'application/json', 'a document');
is($fields->{'acme-ca-action'}, 'sign', 'the action');
is($fields->{'acme-ca-authority'}, 'default', 'the authority');
is($fields->{'acme-ca-profile'}, 'default', 'the profile');
is($fields->{'acme-ca-identifiers'}, 'dns:a.example dns:b.example', 'names');
is($fields->{'acme-ca-order'}, ($got->{url} =~ m!([^/]+)$!)[0], 'the order');
is($fields->{'acme-ca-account'}, ($acme->{kid} =~ m!([^/]+)$!)[0],
    'the account');
is($fields->{'idempotency-key'}, "order-$fields->{'acme-ca-order'}",
    'the key');
like($fields->{'acme-ca-request-id'}, qr/^[0-9a-f]{32}$/, 'the request');
is($body->{key}, $fields->{'idempotency-key'}, 'the same in the document');
is_deeply($body->{identifiers}, [ { type => 'dns', value => 'a.example' },
    { type => 'dns', value => 'b.example' } ], 'names of the document');
is_deeply($body->{extendedKeyUsage}, [ 'serverAuth' ], 'usages');
is($body->{lifetime}, 30 * 86400, 'the lifetime');
like($body->{csr}, qr/^-----BEGIN CERTIFICATE REQUEST-----\n/, 'the CSR');

is(audit(), 'finalize done, issue done', 'audited');
is(acme_ca_sql_value($t, "SELECT i.name FROM acme_certificates AS c"
    . " JOIN issuers AS i ON i.id = c.issuer_id WHERE order_id IS NOT NULL"),
    'Signer CA', 'the issuer is recorded');

# what works as for our own

is($acme->get(acme_ca_url() . '/renewal-info/' . cert_id($chain))->{status},
    200, 'renewalInfo');
is($acme->issue([ 'a.example', 'b.example' ],
    more => { replaces => cert_id($chain) })->{order}->json()->{status},
    'valid', 'replaced');
is($acme->revoke($chain, reason => 1)->outcome(), '200', 'revoked with us');
ok(acme_ca_wait(sub { signer_requests($t, 'revoke') }), 'the signer hears');

($request) = signer_log($t, 'revoke');
$body = json_decode($request->{body});
is($request->{uri}, '/revoke', 'at its own location');
is($body->{action} . $body->{reason}, 'revoke1', 'why');
is($request->{fields}{'acme-ca-serial'}, lc cert_field($chain, 'serial'),
    'which');
ok(acme_ca_wait(sub { jobs() == 0 }), 'it was told');
is(acme_ca_sql_value($t, "SELECT outcome FROM acme_audit_logs"
    . " WHERE action = 'revoke-at-signer'"), 'done', 'audited');

# by the operator's tool as well, one and many

acme_ca_tool($t);

foreach my $how ([ 'certificate', 'revoke' ], [ 'revoke', '--serial' ]) {
    my $told = signer_requests($t, 'revoke');
    my $pem = $acme->issue([ 'a.example' ])->{chain};

    is((tool(@$how, lc cert_field($pem, 'serial')))[1], 0, "@$how");
    ok(acme_ca_wait(sub { signer_requests($t, 'revoke') > $told }),
        "@$how: the signer hears");
}

# forms of an answer

put_signer($t, 'json.example', json => 1);
is(status('json.example'), 'valid', 'a document');
put_signer($t, 'root.example', chain => [ 'ca', 'root' ]);
is(status('root.example'), 'valid', 'the root is there');
put_signer($t, 'mixed.example', chain => [ 'root', 'other', 'ca' ]);
my ($order, $pem) = order('mixed.example');
is(() = $pem =~ /BEGIN CERT/g, 2, 'a chain in disorder is put right');
put_signer($t, 'text.example', before => "subject: x\n", after => "\nbye\n");
is(status('text.example'), 'valid', 'texts around it');
put_signer($t, 'cn.example', subject => '/CN=cn.example');
is(status('cn.example'), 'valid', 'a common name');

# later

put_signer($t, 'later.example', later => 2);
is(status('later.example'), 'valid', 'it needed more time');
is(signer_requests($t, 'later.example'), 3, 'asked until it was ready');
is(join(' ', keys %{{ map { $_->{fields}{'idempotency-key'} => 1 }
    signer_log($t, 'later.example') }}),
    (signer_log($t, 'later.example'))[0]{fields}{'idempotency-key'},
    'with one key');

my $ready = $acme->ready_order([ 'slow.example' ]);
put_signer($t, 'slow.example', hold => "$dir/finalized");
my $reply = $acme->finalize($ready, csr('slow.example'));
is($reply->json()->{status}, 'processing', 'processing');
like($reply->header('Retry-After'), qr/^\d+$/, 'Retry-After');
$reply = $acme->finalize($ready, csr('slow.example'));
is($reply->outcome(), '200', 'finalized again');
is(jobs(), 1, 'one job');
$t->write_file('finalized', '');
is($acme->poll($ready->location())->json()->{status}, 'valid', 'valid');

# no answer, and one later

put_signer($t, 'fail.example', fail => 2);
is(status('fail.example'), 'valid', '503, then signed');
is(acme_ca_sql_value($t, "SELECT group_concat(reason) FROM acme_audit_logs"
    . " WHERE action = 'sign'"), 'busy,busy', 'each failure is audited');
put_signer($t, 'drop.example', drop => 1);
is(status('drop.example'), 'valid', 'no answer, then signed');

# refused

put_signer($t, 'no.example', status => 403,
    body => "not\nfor \x{1}\x{e4}you" . 'x' x 300);
is(failure('no.example'), 'unauthorized: the signer refused: not for  ?you'
    . 'x' x 243, 'refused');
is(signer_requests($t, 'no.example'), 1, 'for good');
is(acme_ca_sql_value($t, 'SELECT outcome FROM acme_audit_logs'
    . " WHERE action = 'issue' ORDER BY id DESC LIMIT 1"), 'refused', 'audited as refused');
put_signer($t, 'caa.example', status => 400, type => 'application/problem+json',
    body => '{"type":"urn:ietf:params:acme:error:caa","detail":"not here"}');
is(failure('caa.example'), 'caa: the signer refused: not here', 'its type');
put_signer($t, 'html.example', status => 404, body => '<html>no</html>');
is(failure('html.example'), 'unauthorized: the signer refused: status 404',
    'a page');

# certificates that are not what was ordered

my @reasons;
my $wrong = 'serverInternal: what the signer made is not what was ordered';

wrong('key', qr/its key is not that of the CSR/, key => 1);
wrong('extra', qr/more or fewer names/,
    names => 'DNS:extra.example,DNS:more.example');
wrong('named', qr/names are not those/, names => 'DNS:another.example');
wrong('email', qr/a name that cannot be ordered/,
    names => 'email:a@email.example');
wrong('unnamed', qr/no subject alternative names/, names => 'none');
wrong('plain', qr/names are not critical/, plain => 1);
wrong('cn2', qr/common name is none/, subject => '/CN=bad.example');
wrong('foreign', qr/does not lead to a trusted certificate/,
    issuer => 'other');
wrong('chainless', qr/does not lead to a trusted certificate/,
    chain => []);
wrong('ca', qr/the certificate of a CA/, ca => 1, usage => 'keyCertSign');
wrong('eku', qr/extended key usage is not the profile's/, eku => 'clientAuth');
wrong('noeku', qr/no extended key usage/, eku => 'none');
wrong('long', qr/lives longer than the profile's/, days => 50);
wrong('staple', qr/TLS feature/, extension => 'tlsfeature=status_request');
wrong('serial', qr/serial number is known already/,
    serial => '0x' . cert_field($chain, 'serial'));
wrong('garbage', qr/no certificate in PEM form/, status => 200,
    body => 'hello');
wrong('document', qr/"certificate" of its document/, status => 200,
    body => '{"certificate": 1}');
wrong('cut', qr/malformed|no certificate/, status => 200,
    body => "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_orders"
    . " WHERE status = 'processing'"), 0, 'no order is left');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_certificates AS c"
    . " WHERE order_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM acme_orders"
    . " AS o WHERE o.certificate_id = c.id AND o.status = 'valid')"), 0,
    'no certificate without its order');

# it is told when the order has ended
my @lines;
ok(acme_ca_wait(sub {
    @lines = split /\n/, acme_ca_log($t, qr/\[error\].*the signer/);
    return !grep { my $reason = $_; !grep { $_ =~ $reason } @lines } @reasons;
}), 'the log says why');
is(scalar(grep { !/, authority: default, order: \d+/ } @lines), 0,
    'and of which order');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub csr {
    my (@names) = @_;
    return acme_csr(key => acme_key('ES256'), dns => \@names);
}


# the order as it ended, and the chain if there is one

sub order {
    my ($name) = @_;

    my $ready = $acme->ready_order([ $name ]);
    $acme->finalize($ready, csr($name));

    my $order = $acme->poll($ready->location());
    my $url = $order->json()->{certificate};

    return ($order, $url ? $acme->post($url)->{body} : undef);
}


sub status {
    my ($order) = order(@_);
    return $order->json()->{status};
}


sub failure {
    my ($order) = order(@_);
    my $error = $order->json()->{error};

    return $order->json()->{status} unless $error;
    return ($error->{type} =~ /([^:]+)$/)[0] . ": $error->{detail}";
}


# the client hears that it failed, log and audit why

sub wrong {
    my ($name, $reason, %how) = @_;

    put_signer($t, "$name.example", %how);

    my $said = failure("$name.example");
    my $row = acme_ca_sql_value($t, 'SELECT reason FROM acme_audit_logs'
        . " WHERE action = 'issue' ORDER BY id DESC LIMIT 1");

    push @reasons, $reason;

    ok($said eq $wrong && $row =~ $reason, "wrong: $name")
        or diag("$said\n$row");
}


sub jobs {
    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_signer_jobs');
}


sub audit {
    return join ', ', map { "$_->{action} $_->{outcome}" }
        acme_ca_sql($t, "SELECT action, outcome FROM acme_audit_logs"
            . " WHERE action IN ('finalize', 'issue', 'sign') AND"
            . " order_id IS NOT NULL ORDER BY id");
}

###############################################################################
