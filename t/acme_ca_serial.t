#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# A serial number belongs to its issuer (RFC 5280, 4.1.2.2): certificates of two
# other CAs are imported that have that of one of ours.  Who says whose he means
# gets that one; who does not gets none, and is told which there are.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Socket::SSL;

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl')->has_daemon('curl');
acme_ca_tool($t);

my $dir = $t->testdir();

make_ca($t, $_) foreach qw/ alpha beta /;

acme_ca_conf($t,
    authority => 'profile default { extended_key_usage client; }',
    server => 'location /ocsp/ { acme_ca_ocsp; }
        location /crl/ { acme_ca_crl; }
        location /admin/ { acme_ca_admin default full; allow 127.0.0.1;
                           deny all; }',
    http => <<'END')->plan(64)->run();

    server {
        listen 127.0.0.1:8443 ssl;
        ssl_certificate $acme_ca_certificate;
        ssl_certificate_key $acme_ca_certificate_key;
        ssl_client_certificate %%TESTDIR%%/alpha.pem;
        ssl_verify_client optional_no_ca;

        location / {
            acme_ca_client_check on;
            return 200 "$acme_ca_client_status $acme_ca_client_names";
        }
    }
END

my $admin = acme_admin($t);
my $acme = acme_client($t);

my ($ours, $witness) = map { $acme->issue([ $_ ]) } 'ours.example',
    'witness.example';
my ($serial, $seen) = map { cert_serial($_->{chain}) } $ours,
    $witness;
my ($issuer) = $ours->{chain} =~ /END CERTIFICATE-----\s+(-----BEGIN.*)/s;

$t->write_file('issuer.pem', $issuer);
$t->write_file('ours.pem', $ours->{chain} =~ /(.*?END CERTIFICATE-----\n)/s);
$t->write_file('ours.key', $ours->{key}->private_pem());

# both began with 1, and go on to that of ours

foreign('alpha', 'first', 1);
foreign('beta', 'second', 1);
foreign('alpha', 'a', "0x$serial");
foreign('beta', 'b', "0x$serial");

###############################################################################

# the import

is((tool('certificate', 'import', "$dir/$_->[0]-chain.pem"))[1], 0,
    "import: $_->[1]") or diag($text)
    foreach [ first => 'the first 1' ], [ a => 'the number of ours' ];
is((admin('certificate', 'import', "$dir/$_->[0]-chain.pem"))[1], 0,
    "import: $_->[1]") or diag($text)
    foreach [ second => 'the second 1' ], [ b => 'the third of a number' ];

foreign('alpha', 'again', 1);
is((tool('certificate', 'import', "$dir/$_->[0].pem"))[1], 1,
    "no import: $_->[1]") foreach [ a => 'that one again' ],
    [ again => 'another one of its issuer' ];
is($admin->post('certificates', { pem => $t->read_file($_) })->{status}, 409,
    "no import: $_") foreach 'b.pem', 'again.pem';

my %uuid = map { $_->{names} =~ /^dns:(\w+)/ ? ($1 => $_->{uuid}) : () }
    @{json('certificate', 'list', '--serial', $serial)};
is(join(' ', sort keys %uuid), 'a b ours', 'list: all with the number');
is(join(' ', map { "@{$_->{names}}" } @{$admin->get('certificates?serial=01')
    ->json()->{items}}), 'dns:second.example dns:first.example',
    'and by the API');

###############################################################################

# a number of several: none of them

foreach my $command ([ 'verify' ], [ 'set', '--remarks', 'x' ], [ 'revoke' ],
    [ 'delete', '--force' ])
{
    my ($word, @options) = @$command;

    is((tool('certificate', $word, $serial, @options))[1], 1,
        "$word: which one?");
    is((admin('certificate', $word, $serial, @options))[1], 1,
        "$word: which one, by the API?");
}

foreach my $command ([ 'revoke' ], [ 'unrevoke' ], [ 'renewal', 'move' ]) {
    is((tool(@$command, '--serial', $serial))[1], 1, "@$command: which one?");
    is((admin(@$command, '--serial', $serial))[1], 1,
        "@$command: which one, by the API?");
}

tool('revoke', '--serial', $serial);
like($text, qr/several certificates have/, 'told why');
like($text, qr/^\Q$uuid{a}\E of CN=alpha$/m, 'and whose they are');

my $reply = $admin->post('revoke', { serial => $serial });
is($reply->{status}, 409, 'by the API');
like($reply->json()->{detail}, qr/several.*\Q$uuid{b}\E of CN=beta/,
    'with the same');
is($admin->post("certificates/$serial/revoke", {})->{status}, 409,
    'that one, revoked: 409');
is(revoked(), '', 'nobody is revoked');
is(sql('SELECT count(*) FROM acme_renewal_windows'), 0, 'nor moved');

is($admin->post('revoke', { serial => $serial, issuer => 'CN=gamma' })
    ->{status}, 404, 'no such issuer');
is($admin->get("certificates/$serial?issuer=2")->{status}, 404,
    'not of this one');

###############################################################################

# that of one issuer

is(json('certificate', 'show', $serial, '--issuer', 'CN=alpha')->{uuid},
    $uuid{a}, 'show, of an issuer');
is(admin_json('certificate', 'show', $serial, '--issuer', 'CN=beta')
    ->{uuid}, $uuid{b}, 'by the API');

is((tool('renewal', 'move', '--serial', $serial, '--issuer', 'CN=beta'))[1], 0,
    'renewal moved') or diag($text);
is((admin('renewal', 'move', '--serial', $uuid{ours}))[1], 0,
    'and by its uuid') or diag($text);
is(sql("SELECT group_concat(sans) FROM (SELECT sans FROM acme_suggested_windows
    WHERE moved_by IS NOT NULL ORDER BY sans)"),
    'dns:b.example,dns:ours.example', 'of nobody else');

is((tool('revoke', '--serial', $serial, '--issuer', 'CN=alpha', '--reason',
    'certificateHold'))[1], 0, 'revoke') or diag($text);
is(revoked(), 'a', 'that one');
is((tool('revoke', '--serial', $serial))[1], 1, 'the others are still two');
is((admin('unrevoke', '--serial', $serial, '--issuer', 'CN=alpha'))
    [1], 0, 'unrevoke, by the API') or diag($text);
is(revoked(), '', 'nobody');

is($admin->post('revoke', { serial => $uuid{b} })->json()->{changed}, 1,
    'revoke, by the uuid');
is($admin->post("certificates/$serial/revoke", { issuer => 'CN=alpha' })
    ->{status}, 200, 'and by the path');
is(revoked(), 'a b', 'those two');

###############################################################################

# ours is as good as ever, whoever asks

like(ocsp(), qr/: good/, 'OCSP: good');
is(ask('ours'), '200 valid ours.example', 'a client with it');
like(ask('a'), qr/^400 /, 'a client with another one');
is(ask('first'), '200 valid first.example', 'or one that nobody revoked');

is($acme->get($acme->url('renewalInfo') . '/' . cert_id($ours->{chain}))
    ->{status}, 200, 'renewal information');
is($acme->get($acme->url('renewalInfo') . '/'
    . cert_id($t->read_file("$_.pem")))->{status}, 200, "of $_")
    foreach qw/ a second /;
is($acme->get($acme->url('renewalInfo') . '/'
    . cert_id($t->read_file('a.pem')) =~ s/\..*//r . '.'
    . cert_id($witness->{chain}) =~ s/.*\.//r)->{status}, 404,
    'not of a key identifier and a serial number of two');

# by the time that another one of ours is in the list, this one would be

tool('revoke', '--serial', $seen);
ok(acme_ca_wait(sub { crl() =~ /\Q$seen\E/i }), 'CRL: what was revoked');
unlike(crl(), qr/\Q$serial\E/i, 'not what others revoked');

# and revoked, it is the only one

is($acme->revoke($ours->{chain}, reason => 1)->{status}, 200, 'revoked by ACME');
is(revoked(), 'a b ours witness', 'ours');
is(sql('SELECT revocation_reason FROM acme_certificates'
    . " WHERE sans = 'dns:ours.example'"), 1, 'that one');
like(ocsp(), qr/: revoked/, 'OCSP: revoked');
like(ask('ours'), qr/^400 /, 'a client with it');

is((tool('certificate', 'delete', $uuid{a}, '--force'))[1], 0, 'deleted');
is(scalar @{json('certificate', 'list', '--serial', $serial)}, 2,
    'that one alone');
is(admin_errors(), '', 'the document of the API says the same');

###############################################################################

sub foreign {
    my ($ca, $name, $number) = @_;

    $t->write_file('leaf.ext', "subjectAltName = DNS:$name.example\n"
        . "authorityKeyIdentifier = keyid\nextendedKeyUsage = clientAuth\n");
    run(qw/ openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256
        -nodes -subj /, "/CN=$name", '-keyout', "$dir/$name.key", '-out',
        "$dir/$name.csr");
    run(qw/ openssl x509 -req -days 5 -in /, "$dir/$name.csr", '-CA',
        "$dir/$ca.pem", '-CAkey', "$dir/$ca.key", '-set_serial', $number,
        '-extfile', "$dir/leaf.ext", '-out', "$dir/$name.pem");

    $t->write_file("$name-chain.pem", $t->read_file("$name.pem")
        . $t->read_file("$ca.pem"));
}


sub revoked {
    return sql("SELECT coalesce(group_concat(name, ' '), '')
        FROM (SELECT replace(substr(sans, 5), '.example', '') AS name
              FROM acme_certificates WHERE status = 'revoked' ORDER BY 1)");
}


sub ocsp {
    return run(qw/ openssl ocsp -issuer /,
        "$dir/issuer.pem", '-cert', "$dir/ours.pem", '-url',
        'http://127.0.0.1:' . port(8080) . '/ocsp/', '-CAfile',
        "$dir/ca/root.pem");
}


sub crl {
    my ($id) = openssl($issuer, qw/ x509 -noout -ext subjectKeyIdentifier /)
        =~ /((?:[0-9A-F]{2}:)+[0-9A-F]{2})/;
    my $reply = http_get('/crl/' . lc($id =~ s/://gr) . '.pem');

    return openssl($reply =~ s/.*?\x0d?\x0a\x0d?\x0a//sr, qw/ crl -noout
        -text /);
}


sub ask {
    my ($name) = @_;

    my $s = IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1:' . port(8443),
        SSL_verify_mode => SSL_VERIFY_NONE(),
        SSL_cert_file => "$dir/$name.pem",
        SSL_key_file => "$dir/$name.key",
    ) || die "no connection: $IO::Socket::SSL::SSL_ERROR\n";

    $s->print("GET / HTTP/1.0\r\n\r\n");
    my $reply = join '', $s->getlines();

    my ($status, $body) = $reply =~ m!\AHTTP/1\.1 (\d+).*?\r\n\r\n(.*)!s;

    return "$status $body";
}

###############################################################################
