#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Caddy as a client of ours: it gets certificates for its sites, serves them,
# and renews them by itself.

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


my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('caddy')->has_daemon('openssl');
my $dir = $t->testdir();

interop_conf($t)->plan(12)->run();

my ($port, $admin) = (port(8444), port(8445));
my @names = qw/ a.caddy.example b.caddy.example /;

###############################################################################

# two sites that begin at the same time register an account each, which Caddy
# then mixes up: one after the other

conf($names[0]);

$t->run_daemon('env', '-i', "PATH=$ENV{PATH}", "HOME=$dir/home", 'sh', '-c',
               "exec caddy run --config $dir/caddy.json > $dir/caddy.log 2>&1");

foreach my $name (@names) {
    my $pem = '';

    if ($name ne $names[0]) {
        conf(@names);
        interop_ok($t, 'a site more', 'caddy', 'reload', '--config',
                   "$dir/caddy.json", '--address', "127.0.0.1:$admin");
    }

    ok(acme_ca_wait(sub { ($pem) = files($name) }, 240), "$name: issued")
        or diag(interop_slurp("$dir/caddy.log"));
    is(interop_names($pem), $name, "$name: its name");
    is(chain_verify($pem, interop_root($t)), 'OK', "$name: chain");
    is(interop_stored($t, $pem), 'valid serial order valid downloaded',
        "$name: stored");
}

# what it serves

like(interop_run('sh', '-c', "echo | openssl s_client -connect 127.0.0.1:$port"
                 . " -servername $names[1] -verify_return_error -CAfile "
                 . interop_root($t) . ' 2>&1'),
    qr/Verify return code: 0/, 'serves it');

ok(acme_ca_wait(sub {
    acme_ca_sql_value($t, "SELECT count(*) FROM acme_certificates
        WHERE account_id IS NOT NULL") >= 4 }, 240), 'renewed')
    or diag(interop_slurp("$dir/caddy.log"));
is(acme_ca_sql_value($t, "SELECT group_concat(DISTINCT contact)
                          FROM acme_accounts"),
    '["mailto:a@example.com"]', 'account');

$t->stop_daemons();
undef $t;

###############################################################################

sub conf {
    my $sites = join ', ', @_;

    $t->write_file('Caddyfile', <<EOF);
{
    admin 127.0.0.1:$admin
    storage file_system $dir/caddy
    http_port ${\port(8083)}
    https_port $port
    renew_interval 2s
    email a\@example.com
    servers {
        protocols h1 h2
    }
    cert_issuer acme {
        dir ${\acme_ca_url(tls => 1)}/directory
        trusted_roots ${\interop_root($t)}
        disable_tlsalpn_challenge
    }
}

$sites {
    respond "hello"
}
EOF

    my (undef, $text) = interop_client($t, 'caddy', 'adapt', '--config',
                                       "$dir/Caddyfile");
    my ($line) = $text =~ /^(\{"admin".*)$/m or die "caddy adapt: $text\n";
    my $conf = json_decode($line);

    # every certificate is to be renewed at once
    $_->{renewal_window_ratio} = 0.99999
        foreach @{$conf->{apps}{tls}{automation}{policies}};

    $t->write_file('caddy.json', json_encode($conf));
}


# the certificates of a name that it has stored

sub files {
    my ($name) = @_;

    return grep { $_ ne '' } map { interop_slurp($_) }
           glob "$dir/caddy/certificates/*/$name/$name.crt";
}

###############################################################################
