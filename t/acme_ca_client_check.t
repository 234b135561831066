#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Clients with certificates of ours: a revoked one is refused at once, by all
# workers and on a connection that was there before; others pass.  Variables.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Socket::SSL;

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

my $tail = <<'END';
    server {
        listen 127.0.0.1:8443 ssl reuseport;
        ssl_certificate $acme_ca_certificate;
        ssl_certificate_key $acme_ca_certificate_key;
        ssl_client_certificate %%TESTDIR%%/trust.pem;
        ssl_verify_client optional_no_ca;
        ssl_verify_depth 3;

        location / {
            acme_ca_client_check on;
            add_header X-Pid $pid;
            return 200 "$acme_ca_client_status|$acme_ca_client_serial|$acme_ca_client_names|$acme_ca_client_profile|$acme_ca_client_account|$acme_ca_client_eab|$acme_ca_client_not_after";
        }

        location /open/ {
            return 200 "$acme_ca_client_status";
        }

        location /any/ {
            acme_ca_client_check on;
            satisfy any;
            allow all;
            alias %%TESTDIR%%/;
        }

        location /page/ {
            acme_ca_client_check on;
            error_page 495 =403 /refused;
            return 200 "page";
        }

        location /some/ {
            acme_ca_client_check on;
            limit_except GET { deny all; }
            return 200 "some";
        }

        location = /refused { return 403 "refused"; }
    }
END

# what is verified is made by openssl: certificates of the CA are not there yet

run('openssl', 'req', '-x509', '-newkey', 'ec',
    '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$dir/own.key",
    '-out', "$dir/trust.pem", '-subj', '/CN=other', '-days', '10');

run('openssl', 'req', '-x509', '-newkey', 'ec',
    '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$dir/long.key",
    '-out', "$dir/long.pem", '-subj', '/CN=long', '-set_serial',
    '0x' . '7f' x 40);

acme_ca_conf($t, http => $tail, authority => 'external_account_binding optional;
    profile default { extended_key_usage client; }')->plan(34)->run();

my $acme = acme_client($t);
my %files;

issue($_) foreach qw/ good bad /;

###############################################################################

# what is known of a client

my ($status, $body) = ask('good', '/');
is($status, 200, 'a good one');

my %row = %{(acme_ca_sql($t, "SELECT lower(hex(serial)) AS serial,"
    . " strftime('%Y-%m-%dT%H:%M:%SZ', not_after, 'unixepoch') AS ends"
    . " FROM acme_certificates WHERE sans = 'dns:good.example'"
    . ' LIMIT 1'))[0]};
my @known = split /\|/, $body, -1;

is($known[0], 'valid', 'status');
is($known[1], $row{serial}, 'serial');
is($known[2], 'good.example', 'names');
is($known[3], 'default', 'profile');
is($known[4], $acme->{kid} =~ s!.*/!!r, 'account');
is($known[5], '', 'no external account');
is($known[6], $row{ends}, 'not_after');

is((ask(undef, '/'))[0], 200, 'none at all');
is((ask(undef, '/'))[1], '||||||', 'nothing is known');
is((ask('own', '/'))[1], 'unknown||||||', 'somebody else\'s');
is((ask('long', '/'))[1], 'unknown||||||', 'with the longest serial number');

# an external account, and several names

acme_ca_sql($t, "INSERT INTO acme_eab_credentials (kid, hmac_key, label, names,"
    . " profiles, accounts, created_at) VALUES ('team-1', x'" . '00' x 32
    . "', '', '', '', 1, 1); UPDATE acme_accounts SET eab_id ="
    . " (SELECT id FROM acme_eab_credentials), eab_binding = '{}'");

issue('many', 'a.example', 'b.example', '127.0.0.1');
@known = split /\|/, (ask('many', '/'))[1], -1;
is($known[2], 'a.example,b.example,127.0.0.1', 'names');
is($known[5], 'team-1', 'external account');

###############################################################################

# revoked: at once, in each worker, on connections of before

my %before;

for (1 .. 100) {
    my $s = connection('bad');
    my ($status, $body, $pid) = request($s, '/');
    $before{$pid} = $s unless $before{$pid};
    last if keys %before == 2;
}

is(keys %before, 2, 'a connection with each worker');
is((request($_, '/'))[0], 200, 'good so far') foreach values %before;

is($acme->revoke($files{bad})->{status}, 200, 'revoked');

is((request($_, '/'))[0], 400, 'refused on a connection of before')
    foreach values %before;
is((ask('bad', '/'))[0], 400, 'and on a new one');
like((ask('bad', '/'))[1], qr/SSL certificate error/, 'as nginx says it');
is((ask('bad', '/open/'))[1], 'revoked', 'not where it is not asked for');
is((ask('bad', '/any/trust.pem'))[0], 400, 'nothing else satisfies it');
is((ask('good', '/any/trust.pem'))[0], 200, 'but a good one');
is((ask('bad', '/page/'))[0], 403, 'error_page 495');
is((ask('bad', '/page/'))[1], 'refused', 'its page');
is((ask('bad', '/some/'))[0], 400, 'with limit_except');
is((ask('good', '/some/'))[0], 200, 'and a good one');
is((ask('good', '/'))[0], 200, 'others are as before');

# by another process, and taken back

acme_ca_sql($t, "UPDATE acme_certificates SET status = 'revoked',"
    . " revoked_at = 1 WHERE sans = 'dns:good.example'");
is((ask('good', '/'))[0], 400, 'revoked by another process');
acme_ca_sql($t, "UPDATE acme_certificates SET status = 'valid',"
    . " revoked_at = NULL WHERE sans = 'dns:good.example'");
is((ask('good', '/'))[0], 200, 'and taken back');

acme_ca_sql($t, "UPDATE acme_certificates SET not_after = 2"
    . " WHERE sans = 'dns:good.example'");
is((ask('good', '/open/'))[1], 'expired', 'expired');

# the same serial number alone is not enough

acme_ca_sql($t, "UPDATE acme_certificates SET fingerprint = zeroblob(32)"
    . " WHERE sans = 'dns:good.example'");
is((ask('good', '/open/'))[1], 'unknown', 'another certificate');

undef $t;

###############################################################################

sub issue {
    my ($name, @names) = @_;
    my $cert = $acme->issue([ @names ? @names : "$name.example" ]);

    my ($leaf) = $cert->{chain} =~ /(.*?END CERTIFICATE-----\n)/s;

    $files{$name} = $cert->{chain};
    $t->write_file("$name.pem", $leaf);
    $t->write_file("$name.key", $cert->{key}->private_pem());
}


sub connection {
    my ($name) = @_;

    return IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1:' . port(8443),
        SSL_verify_mode => SSL_VERIFY_NONE(),
        $name ? (SSL_cert_file => $name eq 'own' ? "$dir/trust.pem"
                                                 : "$dir/$name.pem",
                 SSL_key_file => "$dir/$name.key") : (),
    ) || die "no connection: $IO::Socket::SSL::SSL_ERROR\n";
}


# status, body, pid of the worker

sub request {
    my ($s, $uri) = @_;

    $s->print("GET $uri HTTP/1.1\r\nHost: localhost\r\n\r\n");

    my ($head, $body) = ('', '');

    while ($head !~ /\r\n\r\n\z/) {
        $s->sysread($head, 1, length $head) or last;
    }

    my ($length) = $head =~ /^Content-Length: (\d+)/mi;

    while (length $body < $length) {
        $s->sysread($body, $length - length $body, length $body) or last;
    }

    my ($status) = $head =~ m!\AHTTP/1\.1 (\d+)!;
    my ($pid) = $head =~ /^X-Pid: (\d+)/mi;

    return ($status, $body, $pid || 0);
}


sub ask {
    my ($name, $uri) = @_;

    return request(connection($name), $uri);
}

###############################################################################
