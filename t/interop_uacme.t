#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# uacme with a hook that writes into a webroot: account, two names, renewal,
# another account key, revocation.

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
    ->has_daemon('uacme');
my $dir = $t->testdir();

# its libcurl trusts the system's roots and no others: http for this one
interop_conf($t, webroot => 1, base_url => 'http://127.0.0.1:8080/acme')
    ->plan(28)->run();

###############################################################################

my $hook = interop_script($t, 'hook', <<EOF);
#!/bin/sh
file=$dir/webroot/.well-known/acme-challenge/\$4

[ "\$2" = http-01 ] || exit 1

case \$1 in
    begin) printf %s "\$5" > "\$file" ;;
    *)     rm -f "\$file" ;;
esac
EOF

uacme('new', 'new', 'admin@example.com');
is(acme_ca_sql_value($t, 'SELECT contact FROM acme_accounts'),
    '["mailto:admin@example.com"]', 'contact');
uacme('update', 'update', 'root@example.com');
is(acme_ca_sql_value($t, 'SELECT contact FROM acme_accounts'),
    '["mailto:root@example.com"]', 'contact updated');

foreach my $type (qw/ EC RSA /) {
    my @names = map { lc "$_.$type.example" } qw/ a b /;
    my $file = "$dir/uacme/$names[0]/cert.pem";
    my @issue = ('--never-create', '--force', '--type', $type, '--hook', $hook,
                 'issue', @names);

    # --never-create is about the account; the key of a certificate is made
    uacme("$type issue", @issue[1 .. $#issue]);

    my $first = interop_slurp($file);
    is(interop_names($first), "@names", "$type names");
    is(chain_verify($first, interop_root($t)), 'OK', "$type chain");
    is(interop_stored($t, $first), 'valid serial order valid downloaded',
        "$type stored");

    uacme("$type again", @issue);

    my $second = interop_slurp($file);
    isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
        "$type another serial");
    is(chain_verify($second, interop_root($t)), 'OK', "$type its chain");
    is(interop_audit($t, $second), 'issue done, download done',
        "$type audited");

    uacme("$type revoke", 'revoke', $file);
    is(interop_stored($t, $second), 'revoked (0) serial order valid downloaded',
        "$type revoked");
}

# a name that nobody knows

my ($status, $text) = interop_client($t, command('--hook', $hook, 'issue',
                                                 'gone.example'));
isnt($status, 0, 'a name that resolves to nothing');
like($text, qr/acme:error:dns.*gone\.example/s, 'says why');

# key and end of the account

uacme('newkey', 'newkey');
uacme('deactivate', 'deactivate');

undef $t;

###############################################################################

sub uacme {
    my ($name, @args) = @_;

    return interop_ok($t, $name, command(@args));
}


sub command {
    return ('uacme', '--verbose', '--yes', '--confdir', "$dir/uacme",
        '--acme-url', acme_ca_url() . '/directory', @_);
}

###############################################################################
