#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# nginx's own client module in the same nginx as the CA: http-01, tls-alpn-01,
# names and an address, a profile, an external account, and a renewal that the
# operator asks for.  TEST_NGINX_ACME_MODULE is ngx_http_acme_module.so.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Interop;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $module = $ENV{TEST_NGINX_ACME_MODULE}
    or plan(skip_all => 'no TEST_NGINX_ACME_MODULE');

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx socket_ssl_sni /)
    ->has_daemon('openssl')->has_daemon('sqlite3');
my $dir = $t->testdir();

# no client at first: it wants to see the CA's root certificate

interop_conf($t, http_01_ports => '%%PORT_8084%%',
    challenges => 'http-01 tls-alpn-01',
    authority => 'tls_alpn_01_ports %%PORT_8444%%;
        external_account_binding optional;
        renewal_info_retry_after 1s;
        profile default { lifetime 90d; }
        profile short { lifetime 6d; }')->plan(24)->run();

my ($kid, $key) = interop_eab($t, '--label', 'nginx');

###############################################################################

with_client(<<"EOF");
    resolver 127.0.0.1:%%PORT_8053_UDP%%;

    acme_issuer http {
        uri https://127.0.0.1:8443/acme/directory;
        ssl_trusted_certificate $dir/ca/root.pem;
        state_path $dir/http;
        external_account_key $kid data:$key;
        contact admin\@example.com;
        profile short require;
        accept_terms_of_service;
    }

    acme_issuer alpn {
        uri https://127.0.0.1:8443/acme/directory;
        ssl_trusted_certificate $dir/ca/root.pem;
        state_path $dir/alpn;
        account_key rsa:2048;
        external_account_key $kid data:$key;
        challenge tls-alpn-01;
        accept_terms_of_service;
    }

    server {
        listen 127.0.0.1:8084;
        listen 127.0.0.1:8444 ssl;
        server_name a.example b.example;
        acme_certificate http;
        ssl_certificate \$acme_certificate;
        ssl_certificate_key \$acme_certificate_key;
    }

    server {
        listen 127.0.0.1:8444 ssl;
        server_name c.example;
        acme_certificate alpn c.example 127.0.0.1 key=rsa:2048;
        ssl_certificate \$acme_certificate;
        ssl_certificate_key \$acme_certificate_key;
    }
EOF

my $first = served('a.example');
interop_issued($t, 'http-01', $first, 'a.example b.example');
is(profile($first), 'short', 'its profile');
is(served('b.example'), $first, 'served for both names');

my $alpn = served('c.example');
interop_issued($t, 'tls-alpn-01', $alpn, 'c.example 127.0.0.1');
is(profile($alpn), 'default', 'its profile');
like(cert_text($alpn), qr/Public-Key: \(2048 bit\)/, 'its key');
is(acme_ca_sql_value($t, "SELECT group_concat(name) FROM (
    SELECT a.identifier || ' ' || c.type AS name FROM acme_challenges AS c
    JOIN acme_authorizations AS a ON a.id = c.authz_id
    WHERE c.status = 'valid' ORDER BY name)"),
    '127.0.0.1 1,a.example 0,b.example 0,c.example 1', 'how they were proven');

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_accounts AS a
    JOIN acme_eab_credentials AS e ON e.id = a.eab_id
    WHERE e.label = 'nginx'"), 2, 'two accounts, both bound');

# a reload keeps what it has

my $orders = orders();
ok(acme_ca_reload($t), 'reloaded');
is(served('a.example'), $first, 'the same after a reload');
is(orders(), $orders, 'nothing was ordered');

# the operator wants it renewed: asked when it starts, as its next look is at
# a time of its own

interop_move($t, '--name', '.example', '--profile', 'short');
$t->stop();
$t->run();

my $second = '';

ok(acme_ca_wait(sub { $second = served('a.example'); $second ne $first }, 240),
    'renewed') or diag($t->read_file('error.log'));
interop_issued($t, 'renewed', $second, 'a.example b.example');
interop_replaces($t, 'renewed', $second, $first);
is(served('c.example'), $alpn, 'the other is not');

undef $t;

###############################################################################

sub with_client {
    my ($text) = @_;

    # ports in nginx.conf are replaced already
    $t->write_file_expand('client.conf', $text);

    my $conf = $t->read_file('nginx.conf');
    $conf =~ s/\A/load_module $module;\n/;
    $conf =~ s/\}\s*\z/    include $dir\/client.conf;\n}\n/;
    $t->write_file('nginx.conf', $conf);

    $t->stop();
    $t->run();
}


# the chain that is served for a name, once there is one

sub served {
    my ($name) = @_;
    my $pem = '';

    acme_ca_wait(sub {
        my $socket = IO::Socket::SSL->new(
            PeerAddr => '127.0.0.1:' . port(8444), SSL_hostname => $name,
            SSL_verify_mode => 0) or return 0;

        $pem = join '', map { Net::SSLeay::PEM_get_string_X509($_) }
                            $socket->peer_certificates();
    }, 240);

    return $pem;
}


sub profile {
    my ($pem) = @_;

    return acme_ca_sql_value($t, "SELECT profile FROM acme_certificates
        WHERE hex(serial) LIKE '%' || ltrim('"
        . cert_field($pem, 'serial') . "', '0')");
}


sub orders {
    return acme_ca_sql_value($t, 'SELECT count(*) FROM acme_orders');
}

###############################################################################
