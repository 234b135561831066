#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The example signers of contrib/signer: one with a CA of its own, which serves
# a real client as well, and one that relays to another ACME CA, which is a
# second authority of ours.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use MIME::Base64 ();
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Interop;
use Test::Nginx::AcmeCa::Signer;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl proxy cryptx /);
my $dir = $t->testdir();

$t->has_daemon($_) foreach qw/ python3 openssl sqlite3 acme-tiny lego /;

signer_ca($t);
interop_run('openssl', 'genrsa', '-out', "$dir/relay.key", 2048);

interop_conf($t,
    authority => "signer /sign timeout=1m revoke=/revoke;\n"
        . "        signer_trusted_certificate $dir/signer/root.pem;\n"
        . '        profile default { lifetime 20d; }',
    http => http(), server => server())->plan(22);

# an openssl that can be told to take its caller with it

mkdir "$dir/bin";
my ($openssl) = grep { -x } map { "$_/openssl" } split /:/, $ENV{PATH};
$t->write_file('bin/openssl', "#!/bin/sh\n$openssl \"\$@\"\nrc=\$?\n"
    . "[ \"\$1\" = ca ] && rm '$dir/crash' 2> /dev/null && kill -9 \$PPID\n"
    . "exit \$rc\n");
chmod 0755, "$dir/bin/openssl";

start_signer();
example('acme-ca-relay', 8091, '--', 'acme-tiny', '--quiet', '--account-key',
    "$dir/relay.key", '--csr', '{csr}', '--acme-dir', $dir, '--disable-check',
    '--directory-url', 'http://127.0.0.1:' . port(8084)
    . '/upstream/directory');

$t->run();

###############################################################################

# a CA of its own, for a real client

my $acme = acme_client($t, tls => 1);
my $lego = "$dir/lego/certificates/a.example.crt";

lego('run');
my $first = interop_slurp($lego);
is(interop_names($first), 'a.example b.example', 'names');
is(chain_verify($first, "$dir/signer/root.pem"), 'OK', 'chain');
is(interop_stored($t, $first), 'valid serial order valid downloaded', 'stored');
like(cert_field($first, 'issuer'), qr/Signer CA/, 'who signed');

lego('renew', '--days', 365, '--no-random-sleep');
my $second = interop_slurp($lego);
isnt(cert_field($second, 'serial'), cert_field($first, 'serial'), 'renewed');

lego('revoke', '--keep');
ok(acme_ca_wait(sub {
    acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs"
        . " WHERE action = 'revoke-at-signer' AND outcome = 'done'") }),
    'the signer heard of the revocation');
like(openssl(get_crl(), 'crl', '-noout', '-text'),
    qr/Serial Number: \Q@{[ cert_field($second, 'serial') ]}\E/,
    'and says so');

# the same certificate for the same key

my ($order) = acme_ca_sql($t, 'SELECT count(*) AS n FROM acme_certificates'
    . ' WHERE order_id IS NOT NULL');
is($order->{n}, 2, 'certificates');
is(ask(8090, 'again'), ask(8090, 'again'), 'asked twice, the same');
isnt(ask(8090, 'again'), ask(8090, 'other'), 'asked for another');
# also if it ended when it had signed, and before it said so

my $signed = signed();
$t->write_file('crash', '');
eval { ask_once(8090, 'crash') };
ok(!-e "$dir/crash", 'it ended');

start_signer();
like(ask(8090, 'crash'), qr/BEGIN CERT/, 'is there again');
is(signed(), $signed + 1, 'signed once');

like(ask(8090, 'no', csr => 'x'), qr/"detail": "openssl/, 'a bad CSR');
like(ask(8090, 'ca', usage => "serverAuth\nbasicConstraints = CA:TRUE"),
    qr/"detail": "a usage that cannot be/, 'no line of its configuration');

# another CA

my $relayed = acme_client($t);
$relayed->{directory} = 'http://127.0.0.1:' . port(8084)
    . '/relayed/directory';
my $got = $relayed->issue([ 'c.example' ]);

is(interop_names($got->{chain}), 'c.example', 'relayed');
is(chain_verify($got->{chain}, "$dir/signer/root.pem"), 'OK', 'its chain');
is(acme_ca_sql_value($t, 'SELECT hex(der) FROM acme_certificates'
    . ' WHERE order_id IS NOT NULL', "$dir/upstream/ca.db"),
    acme_ca_sql_value($t, 'SELECT hex(der) FROM acme_certificates'
    . ' WHERE order_id IS NOT NULL', "$dir/relayed/ca.db"),
    'the other authority issued it');
like(ask(8091, 'bad', csr => 'x', until => qr/"detail"/), qr/"detail": "\S/,
    'a command that fails');

###############################################################################

sub lego {
    my ($command, @args) = @_;

    return interop_ok($t, "lego $command", 'lego', '--server',
        acme_ca_url(tls => 1) . '/directory', '--accept-tos', '--path',
        "$dir/lego", '--email', 'a@example.com', '--http', '--http.port',
        '127.0.0.1:' . port(8083), '--domains', 'a.example', '--domains',
        'b.example', $command, @args);
}


sub example {
    my ($program, $port, @args) = @_;

    open my $log, '>>', "$dir/$program.log" or die "log: $!\n";
    open my $saved, '>&', \*STDERR or die "stderr: $!\n";
    open STDERR, '>&', $log;
    $t->run_daemon("$FindBin::Bin/../contrib/signer/$program", '--listen',
        '127.0.0.1:' . port($port), '--state', "$dir/$program", @args);
    open STDERR, '>&', $saved;

    $t->waitforsocket('127.0.0.1:' . port($port));
}


sub start_signer {
    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";

    example('acme-ca-signer', 8090, '--certificate', "$dir/signer/ca.pem",
        '--key', "$dir/signer/ca.key");
}


# certificates in its database

sub signed {
    return scalar(() = interop_slurp("$dir/acme-ca-signer/index.txt") =~ /\n/g);
}


# what a signer says to a request

sub ask {
    my ($port, $key, %opts) = @_;
    my $reply;

    acme_ca_wait(sub {
        $reply = ask_once($port, $key, %opts);
        return $reply =~ ($opts{until} || qr/./);
    });

    return $reply;
}


sub ask_once {
    my ($port, $key, %opts) = @_;
    my $csr = $opts{csr};

    if (!defined $csr) {
        $csr = "-----BEGIN CERTIFICATE REQUEST-----\n"
            . MIME::Base64::encode_base64(acme_csr(key => acme_key('ES256'),
                                                   dns => [ 'x.example' ]))
            . "-----END CERTIFICATE REQUEST-----\n";
    }

    my $body = json_encode({ key => $key, csr => $csr, lifetime => 86400,
        identifiers => [ { type => 'dns', value => 'x.example' } ],
        extendedKeyUsage => [ $opts{usage} || 'serverAuth' ] });

    return $acme->request('POST', 'http://127.0.0.1:' . port($port) . '/sign',
        body => $body)->{body};
}


sub get_crl {
    return $acme->get('http://127.0.0.1:' . port(8090) . '/crl')->{body};
}


sub http {
    return <<'EOF';
    acme_ca_authority upstream {
        path %%TESTDIR%%/upstream;
        base_url http://127.0.0.1:8084/upstream;
        issuer %%TESTDIR%%/signer/ca.pem %%TESTDIR%%/signer/ca.key;
        rule relay { address 127.0.0.1; names .example; trust; }
    }

    acme_ca_authority relayed {
        path %%TESTDIR%%/relayed;
        base_url http://127.0.0.1:8084/relayed;
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
        http_01_ports %%PORT_8081%%;
        allow address 127.0.0.0/8;
        signer /relay timeout=1m;
        signer_trusted_certificate %%TESTDIR%%/signer/root.pem;
    }

    server {
        listen 127.0.0.1:8084;

        location /upstream/ { acme_ca upstream; }
        location /relayed/ { acme_ca relayed; }

        location = /relay {
            internal;
            proxy_pass http://127.0.0.1:8091;
        }
    }
EOF
}


sub server {
    return <<'EOF';
        location ~ ^/(sign|revoke)$ {
            internal;
            proxy_pass http://127.0.0.1:8090;
        }
EOF
}

###############################################################################
