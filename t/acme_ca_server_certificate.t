#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The CA's own server certificate: there from the first start on for the names
# of base_url, the same in all workers, renewed without a reload, made anew
# when base_url changes.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx socket_ssl /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_conf($t, conf => conf())->plan(25)->run();

###############################################################################

# at once, by its address

my $pem = presented();

like(cert_text($pem), qr/\n\s+IP Address:127\.0\.0\.1\s*\n/,
    'names of base_url');
like(cert_text($pem), qr/Extended Key Usage: \n\s+TLS Web Server Auth[^,\n]*\n/,
    'only for servers');
is(chain_verify($pem . chain(), "$dir/ca/root.pem"), 'OK', 'verified');

my $acme = acme_client($t, tls => 1, ca => "$dir/ca/root.pem");
is($acme->get($acme->{directory})->{status}, 200, 'client that knows the root');
is($acme->issue([ 'a.example' ])->{order}->json()->{status}, 'valid',
    'certificate over TLS');

$acme = acme_client($t, tls => 1, ca => other_root());
is($acme->get($acme->{directory})->{status}, 0, 'client of another root');

is(rows(), 1, 'one row');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
                          WHERE action = 'issue-server'"), 1, 'audited');
is(unique(map { presented() } 1 .. 8), 1, 'the same in all workers');

###############################################################################

# a start keeps it as long as it lasts

restart();
is(serial(presented()), serial($pem), 'kept by the next start');

# names of another base_url

restart(base_url => 'https://ca.example:8443/acme');

my $next = presented('ca.example');
like(cert_text($next), qr/\n\s+DNS:ca.example\s*\n/, 'names of a new base_url');
isnt(serial($next), serial($pem), 'another certificate');
is(chain_verify($next . chain(), "$dir/ca/root.pem"), 'OK', 'verified');

# the same by a reload, which must not disturb who is connected

$t->write_file_expand('nginx.conf',
                      conf(base_url => 'https://next.example/acme'));
acme_ca_reload($t);

like(cert_text(presented('next.example')), qr/\n\s+DNS:next\.example\s*\n/,
    'names of a new base_url after a reload');

# several names when nobody says which

restart(base_url => '', server_name => 'www.example mail.example');

like(cert_text(presented('www.example')), qr/DNS:www.example/, 'server name');
like(cert_text(presented('www.example')), qr/DNS:mail.example/,
    'another server name');
like(cert_text(presented('www.example')), qr/DNS:localhost/, 'localhost');

###############################################################################

# the clock was ahead when it was made: it could be used by nobody now

$pem = presented();
acme_ca_sql($t, 'UPDATE acme_server_certificates SET'
    . ' not_before = not_before + 7776000, not_after = not_after + 7776000');
ok(acme_ca_wait(sub { serial(presented()) ne serial($pem) }),
    'one of the future is replaced');
is(acme_ca_sql_value($t, 'SELECT count(*) FROM acme_server_certificates'
    . " WHERE not_before <= strftime('%s') + 0"), 1, 'once');

###############################################################################

# renewed by a worker's timer, seen by all workers

restart(profile => 'lifetime 12s; backdate 0;');

my $first = serial(presented());
my $before = acme_ca_sql_value($t,
    'SELECT max(id) FROM acme_server_certificates');

ok(acme_ca_wait(sub { serial(presented()) ne $first }),
    'renewed without a reload');

ok(acme_ca_wait(sub { unique(map { presented() } 1 .. 8) == 1 }),
    'all workers follow');
ok(acme_ca_wait(sub {
    chain_verify(presented() . chain(), "$dir/ca/root.pem") eq 'OK' }),
    'renewed one verified');

# four workers, and one of them renews: not before half of its life is over

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_server_certificates AS a
        JOIN acme_server_certificates AS b ON b.id = a.id + 1
    WHERE a.id >= $before AND b.not_before - a.not_before < 6"), 0,
    'renewed once for all');

my ($row) = acme_ca_sql($t, 'SELECT count(*) AS n, count(DISTINCT serial) AS u
                             FROM acme_certificates');
is($row->{n}, $row->{u}, 'serials');
is(() = $t->read_file('error.log') =~ /exited on signal/g, 0,
    'workers are well');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub conf {
    my (%opts) = @_;
    my $base_url = exists $opts{base_url} ? $opts{base_url}
        : 'https://127.0.0.1:8443/acme';

    return Test::Nginx::AcmeCa::conf_text(
        tls => 1, workers => 4, base_url => $base_url,
        server => $opts{server_name} ? "server_name $opts{server_name};" : '',
        authority => $opts{profile} ? "profile default { $opts{profile} }"
                                    : '');
}


# stop and start with another configuration

sub restart {
    $t->stop();
    unlink "$dir/nginx.pid";
    $t->write_file_expand('nginx.conf', conf(@_));
    $t->run();
}


# the certificate that a new connection is shown

sub presented {
    my ($name) = @_;

    my $socket = IO::Socket::SSL->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1', PeerPort => port(8443),
        SSL_hostname => defined $name ? $name : '',
        SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE())
        or return '';

    my $pem = Net::SSLeay::PEM_get_string_X509($socket->peer_certificate());
    close $socket;

    return $pem;
}


# the issuer's certificates

sub chain {
    open my $f, '<', "$dir/ca/issuer.pem" or die "Can't open: $!\n";
    local $/;
    return scalar <$f>;
}


sub serial {
    my ($pem) = @_;
    return $pem eq '' ? '' : cert_field($pem, 'serial');
}


sub unique {
    my %seen = map { $_ => 1 } @_;
    return scalar keys %seen;
}


sub rows {
    return acme_ca_sql_value($t,
        'SELECT count(*) FROM acme_server_certificates');
}


sub other_root {
    openssl('', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1',
        '-subj', '/CN=other', '-keyout', "$dir/other.key", '-out',
        "$dir/other.pem");

    return "$dir/other.pem";
}

###############################################################################
