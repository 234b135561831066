#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The libraries of lego, of Caddy (acmez) and of cert-manager, newer than what
# Debian has of them: external accounts, profiles, addresses, tls-alpn-01, a
# renewal that the operator asks for and that says what it replaces (RFC 9773),
# key change, revocation, refusals, the account's end.

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

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /);
my $dir = $t->testdir();
my $clients = interop_installed('go/clients');

interop_conf($t, challenges => 'http-01 tls-alpn-01',
    authority => 'tls_alpn_01_ports %%PORT_8084%%;
        external_account_binding optional;
        authorization_reuse off;
        profile default { lifetime 90d; }
        profile short { lifetime 6d; }')->plan(66)->run();

# the libraries' own ways: all of them look for a profile in the directory first;
# lego's and acmez order once more without "replaces"; lego's cannot change keys;
# cert-manager's takes alreadyRevoked for done
my %ways = (
    'lego'         => { again => 'not refused', key_changes => 0 },
    'acmez'        => { again => 'not refused', profile => q{creating new order: unknown profile name }
        . q{'long'; supported profiles: map[default: short:]} },
    'cert-manager' => { revoked => 'not refused',
        profile => 'acme: certificate authority does not advertise a '
                   . 'profile with name long' },
);

my $operator = interop_script($t, 'operator', <<EOF);
#!/bin/sh
exec $FindBin::Bin/../contrib/acme-ca --path $dir/ca renewal move \\
    --name "\$1" --profile short --within 2s
EOF

###############################################################################

flow($_) foreach qw/ lego acmez cert-manager /;

undef $t;

###############################################################################

sub flow {
    my ($library) = @_;
    my $out = "$dir/$library";
    my @names = map { "$_.$library.example" } qw/ a b /;
    my %way = (profile => 'invalidProfile', again => 'alreadyReplaced',
               revoked => 'alreadyRevoked', key_changes => 1,
               %{$ways{$library}});
    my ($kid, $key) = interop_eab($t, '--label', $library);

    mkdir $out;

    my $text = interop_ok($t, $library, $clients, $library,
        acme_ca_url(tls => 1) . '/directory', $out, port(8083), port(8084),
        $kid, $key, $operator);

    # its own log, and steps that each library has
    $text = join '', grep { !m!^\d{4}/\d\d/\d\d ! } split /^/, $text;

    is($text, <<"EOF", "$library: what was answered");
registered
issued one
issued address
issued alpn
profile $way{profile}
due false
due true
issued two
again $way{again}
revoked $way{revoked}
failed dns
deactivated unauthorized
EOF

    my %pem = map { $_ => interop_slurp("$out/$_.pem") }
              qw/ one address alpn two /;

    interop_issued($t, "$library, first", $pem{one}, "@names");
    interop_issued($t, "$library, address", $pem{address}, '127.0.0.1');
    interop_issued($t, "$library, tls-alpn-01", $pem{alpn},
                   "c.$library.example");
    interop_issued($t, "$library, second", $pem{two}, "@names",
                   'revoked (4)');
    interop_replaces($t, "$library, second", $pem{two}, $pem{one});

    is(acme_ca_sql_value($t, "SELECT a.status || ' ' || e.label
            FROM acme_accounts AS a
            JOIN acme_eab_credentials AS e ON e.id = a.eab_id
            ORDER BY a.id DESC LIMIT 1"), "deactivated $library",
        "$library: its account");
    is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
            WHERE action = 'key-change' AND outcome = 'done'
            AND account_id = (SELECT max(id) FROM acme_accounts)"),
        $way{key_changes}, "$library: key change");
    is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_challenges c
            JOIN acme_authorizations a ON a.id = c.authz_id
            WHERE c.type = 1 AND c.status = 'valid'
            AND a.identifier = 'c.$library.example'"), 1,
        "$library: proven by tls-alpn-01");
}

###############################################################################
