#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Apache's mod_md: two names in one certificate, a renewal because of a name
# more, all by itself.

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
    ->has_daemon('apache2')->has_daemon('openssl');
my $dir = $t->testdir();
my ($modules) = grep { -e "$_/mod_md.so" }
    qw! /usr/lib/apache2/modules /usr/lib64/httpd/modules !;

plan(skip_all => 'no mod_md') unless $modules;

interop_conf($t)->plan(10)->run();

my $port = port(8444);
my @names = qw/ a.md.example b.md.example /;

mkdir "$dir/$_" foreach qw/ htdocs md /;

# its children have no right to look into the CA's folder
$t->write_file('root.pem', interop_slurp(interop_root($t)));

###############################################################################

conf(@names);
my $apache = apache();

my $first = served();

is(interop_names($first), "@names", 'names');
is(chain_verify($first, interop_root($t)), 'OK', 'chain');
is(interop_stored($t, $first), 'valid serial order valid downloaded',
    'stored');

# a name more is another certificate

push @names, 'c.md.example';
conf(@names);
kill 'HUP', $apache;

my $second = served($first);

is(interop_names($second), "@names", 'a name more');
is(chain_verify($second, interop_root($t)), 'OK', 'its chain');
isnt(cert_field($second, 'serial'), cert_field($first, 'serial'),
    'another serial');
is(interop_stored($t, $second), 'valid serial order valid downloaded',
    'stored, too');
is(interop_audit($t, $second), 'issue done, download done', 'audited');
is(acme_ca_sql_value($t, 'SELECT group_concat(contact) FROM acme_accounts'),
    '["mailto:a@example.com"]', 'one account');
is(interop_validated($t, 'done'), 3, 'three names validated');

$t->stop_daemons();
undef $t;

###############################################################################

sub conf {
    my (@names) = @_;
    my $load = join "\n", map { "LoadModule ${_}_module $modules/mod_$_.so" }
        grep { -e "$modules/mod_$_.so" }
        qw/ mpm_event authz_core watchdog ssl socache_shmcb md unixd /;

    $t->write_file('apache.conf', <<"EOF");
ServerRoot $dir
ServerName localhost
PidFile $dir/apache.pid
ErrorLog $dir/apache.log
LogLevel warn md:info
DefaultRuntimeDir $dir
DocumentRoot $dir/htdocs
Mutex file:$dir
$load
<IfModule unixd_module>
    User www-data
    Group www-data
</IfModule>
Listen 127.0.0.1:${\port(8083)}
Listen 127.0.0.1:$port

MDStoreDir $dir/md
MDCertificateAuthority ${\acme_ca_url(tls => 1)}/directory
MDCACertificateFile $dir/root.pem
MDCertificateAgreement accepted
MDContactEmail a\@example.com
MDPortMap http:${\port(8083)} https:$port
MDCAChallenges http-01
MDRetryDelay 1s
MDBaseServer on
MDomain @names

<VirtualHost *:$port>
    ServerName $names[0]
    ServerAlias @names[1 .. $#names]
    SSLEngine on
</VirtualHost>

<VirtualHost *:${\port(8083)}>
    ServerName $names[0]
    ServerAlias @names[1 .. $#names]
</VirtualHost>
EOF
}


# its pid

sub apache {
    $t->run_daemon('apache2', '-f', "$dir/apache.conf", '-DFOREGROUND');
    acme_ca_wait(sub { interop_slurp("$dir/apache.pid") })
        or die 'apache2: ' . interop_slurp("$dir/apache.log");

    return interop_slurp("$dir/apache.pid") =~ /(\d+)/ ? $1 : 0;
}


# The certificate that Apache serves, once there is another one.  It comes
# into use at a restart after it was written.

sub served {
    my ($old) = @_;
    my $file = "$dir/md/staging/$names[0]/job.json";
    my $pem = '';

    acme_ca_wait(sub { interop_slurp($file) =~ /"finished":\s*true/ }, 240)
        or Test::More::diag(interop_slurp("$dir/apache.log"));
    kill 'USR1', $apache;

    acme_ca_wait(sub {
        $pem = interop_run('sh', '-c', 'echo | openssl s_client -showcerts'
            . " -connect 127.0.0.1:$port -servername $names[0] 2>&1; true");
        return $pem =~ /BEGIN/ && cert_field($pem, 'issuer') !~ /Apache/i
               && (!$old || cert_field($pem, 'serial')
                            ne cert_field($old, 'serial'));
    }, 240);

    return $pem;
}

###############################################################################
