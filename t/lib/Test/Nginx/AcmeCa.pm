package Test::Nginx::AcmeCa;

# Copyright (C) the nginx-acme-ca authors
#
# Everything a test of the module needs beside Test::Nginx:
#
#     my $t = Test::Nginx->new()->has(qw/http cryptx/);
#     acme_ca_conf($t)->plan(3)->run();
#     my $acme = acme_client($t);
#     my $got = $acme->issue([ 'a.example' ]);
#
# See AcmeCa/Client.pm for the client, AcmeCa/Daemon.pm for the http-01 and
# DNS daemons, AcmeCa/Alpn.pm for the tls-alpn-01 one, AcmeCa/Ca.pm for an
# operator's own CA, AcmeCa/Csr.pm for requests, AcmeCa/Jose.pm for keys.

use warnings;
use strict;

use base qw/ Exporter /;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use File::Temp ();
use POSIX ();
use Test::More ();
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa::Alpn;
use Test::Nginx::AcmeCa::Ca;
use Test::Nginx::AcmeCa::Client;
use Test::Nginx::AcmeCa::Csr;
use Test::Nginx::AcmeCa::Daemon;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Server;

our @EXPORT = (qw/ acme_ca_conf acme_ca_daemons acme_ca_module acme_client
    acme_ca_sql acme_ca_sql_value acme_ca_database acme_ca_faults
    acme_ca_children acme_ca_workers acme_ca_wait acme_ca_reload
    acme_ca_kill acme_ca_log acme_ca_config_test
    acme_ca_dns acme_ca_url acme_ca_secret http_01_log
    run openssl cert_text cert_field cert_serial cert_id chain_verify rfc3339 /,
    @Test::Nginx::AcmeCa::Alpn::EXPORT,
    @Test::Nginx::AcmeCa::Ca::EXPORT,
    @Test::Nginx::AcmeCa::Csr::EXPORT,
    @Test::Nginx::AcmeCa::Daemon::EXPORT,
    @Test::Nginx::AcmeCa::Jose::EXPORT);


# seconds that whatever should come may take, on a slow machine as well
my $patience = 60;


# Loads the module: what TEST_NGINX_GLOBALS names, or else the one that was
# built for the packaged nginx.

sub acme_ca_module {
    my ($t) = @_;
    my $globals = $ENV{TEST_NGINX_GLOBALS} || '';

    return $t if $globals =~ /ngx_http_acme_ca_module\.so/;

    my $top = abs_path(dirname(__FILE__) . '/../../../..');
    my ($module) = glob "$top/build/debian/ngx_http_acme_ca_module.so";

    return $t if `$Test::Nginx::NGINX -V 2>&1` =~ /acme[-_]ca/ && !$module;

    Test::More::plan(skip_all => 'no ngx_http_acme_ca_module')
        unless $module && -e $module;

    $ENV{TEST_NGINX_GLOBALS} = "$globals load_module $module;";

    return $t;
}


# Writes a complete nginx.conf with one authority, or more, and starts the
# daemons it needs.
#
#     authority   more directives of the authority block
#     main, http, server    more of those
#     location    more directives of location /acme/
#     others      more authorities: NAME => its directives, at /NAME/
#     tls         1: TLS on port 8443 with the CA's own certificate
#     workers     2
#     name        of the authority: "default"
#     dns         the zone, as for dns_zone(); "*" is 127.0.0.1 by default
#     path, base_url, resolver, address, challenges, http_01_ports
#                 in place of what is written here; '' leaves the line out
#     daemons     0: none of them
#     conf        text of the whole file in place of ours
#
# Port names: 8080 http, 8443 https, 8081 http-01, 8053 DNS.

sub acme_ca_conf {
    my ($t, %opts) = @_;
    my $dir = $t->testdir();

    acme_ca_module($t);

    # nginx started by root runs its workers as another user
    chmod 0755, $dir;

    $t->write_file_expand('nginx.conf', $opts{conf} || conf_text(%opts));

    acme_ca_daemons($t, %{$opts{dns} || {}})
        unless defined $opts{daemons} && !$opts{daemons};

    return $t;
}


# the DNS and the http-01 daemon on the ports named 8053 and 8081

sub acme_ca_daemons {
    my ($t, %zone) = @_;
    my $dir = $t->testdir();

    mkdir "$dir/tokens";
    dns_zone("$dir/dns", '*' => { A => '127.0.0.1' }, %zone);

    # a port must be chosen before the fork
    port(8053, udp => 1);

    $t->run_daemon(\&dns_daemon, "$dir/dns", 8053);
    $t->run_daemon(\&http_01_daemon, "$dir/tokens", port(8081));
    $t->waitforsocket('127.0.0.1:' . port(8081));
    $t->waitforsocket('127.0.0.1:' . port(8053));

    return $t;
}


sub conf_text {
    my (%opts) = @_;
    my $name = $opts{name} || 'default';
    my $url = $opts{tls} ? 'https://127.0.0.1:8443' : 'http://127.0.0.1:8080';
    my %lines = (
        path          => '%%TESTDIR%%/ca',
        base_url      => "$url/acme",
        resolver      => '127.0.0.1:%%PORT_8053_UDP%%',
        challenges    => 'http-01',
        http_01_ports => '%%PORT_8081%%',
        allow         => 'address 127.0.0.0/8',
    );

    my $authority = join '', map {
        my $value = exists $opts{$_} ? $opts{$_} : $lines{$_};
        defined $value && $value ne '' ? "        $_ $value;\n" : ''
    } qw/ path base_url resolver challenges http_01_ports allow /;

    my $listen = $opts{tls} ? "listen 127.0.0.1:8443 ssl;\n"
        . "        ssl_certificate \$acme_ca_certificate;\n"
        . "        ssl_certificate_key \$acme_ca_certificate_key;\n" : '';

    foreach my $key (qw/ main http server location authority /) {
        $opts{$key} = '' unless defined $opts{$key};
    }

    my $workers = $opts{workers} || 2;
    my %others = %{$opts{others} || {}};

    foreach my $other (sort keys %others) {
        $opts{server} .= "location /$other/ { acme_ca $other; }\n";
        $opts{http} .= <<EOF;
    acme_ca_authority $other {
        path      %%TESTDIR%%/$other;
        base_url  http://127.0.0.1:8080/$other;
        resolver  127.0.0.1:%%PORT_8053_UDP%%;
        $others{$other}
    }

EOF
    }

    return <<EOF;
%%TEST_GLOBALS%%

daemon off;
worker_processes $workers;
$opts{main}

events {
    worker_connections 512;
}

http {
    %%TEST_GLOBALS_HTTP%%

    acme_ca_authority $name {
$authority
        $opts{authority}
    }

    $opts{http}

    server {
        listen 127.0.0.1:8080;
        $listen
        server_name localhost 127.0.0.1;
        $opts{server}

        location /acme/ {
            acme_ca $name;
            $opts{location}
        }
    }
}
EOF
}


# the URL of our CA, or of the authority AT another place; no slash at the end

sub acme_ca_url {
    my (%opts) = @_;

    return ($opts{tls} ? 'https://127.0.0.1:' . port(8443)
                       : 'http://127.0.0.1:' . port(8080))
        . '/' . (defined $opts{at} ? $opts{at} : 'acme');
}


# a client of that one, see Client.pm for more options

sub acme_client {
    my ($t, %opts) = @_;

    return Test::Nginx::AcmeCa::Client->new(
        directory => acme_ca_url(%opts) . '/directory',
        tokens => $t->testdir() . '/tokens', %opts);
}


# a file that nobody but its owner may read

sub acme_ca_secret {
    my ($t, $name, $text) = @_;

    $t->write_file($name, $text);
    chmod 0600, $t->testdir() . "/$name";
}


# changes single names of the running DNS daemon

sub acme_ca_dns {
    my ($t, %names) = @_;

    my $zone = json_decode($t->read_file('dns'));
    dns_zone($t->testdir() . '/dns', %$zone, %names);
}


# what the http-01 daemon was asked: list of hashes, see Daemon.pm

sub http_01_log {
    my ($t, $path) = @_;

    return grep { !defined $path || $_->{path} =~ /$path/ }
           log_read($t->testdir() . '/tokens.log');
}


# the database, through the sqlite3 shell; rows as hashes

sub acme_ca_database {
    my ($t) = @_;
    return $t->testdir() . '/ca/ca.db';
}


sub acme_ca_sql {
    my ($t, $sql, $file) = @_;

    $file = acme_ca_database($t) unless defined $file;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        become_owner($file);
        exec { 'sqlite3' } 'sqlite3', '-bail', '-json', '-cmd',
            '.timeout ' . 1000 * $patience, $file, $sql or POSIX::_exit(127);
    }

    local $/;
    my $text = <$out>;
    close $out or die "sqlite3 failed ($?): $sql\n";

    return defined $text && $text =~ /\S/ ? @{json_decode($text)} : ();
}


# Who owns a database, where the folder is his as well.  What root's SQLite makes
# beside it is root's for a moment, and a worker that begins cannot open it.

sub become_owner {
    my ($file) = @_;
    my ($uid, $gid) = (stat $file)[4, 5];

    return if $> != 0 || !$uid || (stat dirname($file))[4] != $uid;

    $( = $gid;
    $) = "$gid $gid";
    $< = $> = $uid;
}


# the first column of the only row

sub acme_ca_sql_value {
    my ($t, $sql, $file) = @_;

    my ($row) = acme_ca_sql($t, "SELECT ($sql) AS value", $file);

    return $row->{value};
}


# what no registry may hold, whatever its clients and workers did: how many rows
# of it there are

my %faults = (
    'valid orders without exactly one certificate, or others with any' =>
        "acme_orders o WHERE (o.status = 'valid') <> (1 = (SELECT count(*)
            FROM acme_certificates c WHERE c.order_id = o.id))",
    'orders with a certificate of another order or account' =>
        "acme_orders o LEFT JOIN acme_certificates c ON c.id = o.certificate_id
        WHERE o.status = 'valid' AND (c.order_id IS NOT o.id
            OR c.account_id IS NOT o.account_id)",
    'serials that were given twice' =>
        '(SELECT serial FROM acme_certificates GROUP BY serial
            HAVING count(*) > 1)',
    'certificates without a validation, or trust, before them' =>
        "acme_certificates c
            JOIN acme_order_identifiers x ON x.order_id = c.order_id
            JOIN acme_authorizations a ON a.id = x.authz_id
        WHERE a.account_id <> c.account_id OR a.trusted_by IS NULL
            AND NOT EXISTS (SELECT 1 FROM acme_challenges h
                WHERE h.authz_id = a.id AND h.status = 'valid'
                    AND h.validated_at <= c.created_at)",
    'certificates without authorizations' =>
        'acme_certificates c WHERE c.order_id IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM acme_order_identifiers x
                WHERE x.order_id = c.order_id)',
    'certificates that were issued twice' =>
        "(SELECT certificate_id FROM acme_audit_logs
            WHERE action = 'issue' AND outcome = 'done'
            GROUP BY certificate_id HAVING count(*) <> 1)",
    'rows that refer to none' => 'pragma_foreign_key_check',
    'faults of the file' =>
        "pragma_integrity_check WHERE integrity_check <> 'ok'",
);

sub acme_ca_faults {
    my ($t, $file) = @_;

    return join "\n", grep { $_ } map {
        my $n = acme_ca_sql_value($t, "SELECT count(*) FROM $faults{$_}",
                                  $file);
        $n ? "$_: $n" : ''
    } sort keys %faults;
}


# pids of nginx's workers that are not ending; none when the master is gone.
# As many as are configured are waited for: one that was just born has the
# master's name for a while

sub acme_ca_workers {
    my ($t) = @_;
    my ($want) = $t->read_file('nginx.conf') =~ /^worker_processes (\d+);/m;
    my @pids;

    acme_ca_wait(sub {
        my %children = acme_ca_children($t);

        @pids = sort { $a <=> $b }
                grep { $children{$_} =~ /worker process(?! is shutting)/ }
                keys %children;

        return @pids >= ($want || 1) || !acme_ca_master_runs($t);
    });

    return @pids;
}


sub acme_ca_master_runs {
    my ($t) = @_;
    my $master = eval { $t->read_file('nginx.pid') } || '';

    return $master =~ /^(\d+)/ && kill 0, $1;
}


# every process that the master has begun: (pid => command line)

sub acme_ca_children {
    my ($t) = @_;
    my $master = eval { $t->read_file('nginx.pid') } || '';
    my %children;

    chomp $master;
    return if $master eq '';

    foreach my $file (glob '/proc/[0-9]*/stat') {
        open my $f, '<', $file or next;
        my $line = <$f>;
        close $f;
        next unless defined $line
            && $line =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $master;
        my $pid = $1;

        open $f, '<', "/proc/$pid/cmdline" or next;
        my $command = <$f>;
        close $f;
        $children{$pid} = defined $command ? $command : '';
    }

    return %children;
}


# lines of nginx's log that match, as one text; the whole of it is too long to
# be shown, and to be searched in one piece

sub acme_ca_log {
    my ($t, $re) = @_;

    return join "\n", grep { $_ =~ $re } split /\n/, $t->read_file('error.log');
}


# Reloads.  1 when there are new workers, as many as are configured, and none of
# those before takes requests any more.

sub acme_ca_reload {
    my ($t) = @_;
    my %old = map { $_ => 1 } acme_ca_workers($t);

    $t->reload();

    return acme_ca_wait(sub {
        my @now = acme_ca_workers($t);
        return @now && !grep { $old{$_} } @now;
    });
}


# kill -9 of the whole nginx, which may run() again then.  The master is stopped
# first, that no worker be born meanwhile and keep the port; those die as well
# that are too young to be named a worker.

sub acme_ca_kill {
    my ($t) = @_;
    my ($master) = $t->read_file('nginx.pid') =~ /^(\d+)/;

    kill 'STOP', $master;
    acme_ca_wait(sub { process_state($master) =~ /[TZX]/ });

    my %children = acme_ca_children($t);

    kill 'KILL', $master, keys %children;
    waitpid($master, 0);

    # whoever has to wait for its end may be slow: a zombie holds no port, unless
    # one of its threads is still writing to the disk
    acme_ca_wait(sub {
        !grep { process_state($_) !~ /[ZX]/ || process_threads($_) > 1 }
              keys %children;
    });

    unlink $t->testdir() . '/nginx.pid';
}


# a letter, as of proc(5); X: there is none

sub process_state {
    my ($pid) = @_;

    open my $f, '<', "/proc/$pid/stat" or return 'X';
    my $line = <$f>;

    return defined $line && $line =~ /\) (\S) / ? $1 : 'X';
}


sub process_threads {
    my ($pid) = @_;
    my @threads = glob "/proc/$pid/task/[0-9]*";

    return scalar @threads;
}


# calls the function until it returns true; its last value

sub acme_ca_wait {
    my ($code, $seconds) = @_;
    my $value;

    for (1 .. ($seconds || $patience) * 20) {
        $value = $code->();
        return $value if $value;
        select undef, undef, undef, 0.05;
    }

    return $value;
}


# "nginx -t" of a configuration text: (1 if it is good, what nginx said)

sub acme_ca_config_test {
    my ($t, $conf, $name) = @_;

    $name = 'test.conf' unless defined $name;
    $t->write_file_expand($name, $conf);

    my $dir = $t->testdir();
    my $text = run($Test::Nginx::NGINX, '-t', '-p', "$dir/", '-c',
                           $name, '-e', 'test-error.log');

    return ($? == 0 ? 1 : 0, $text);
}


# what a program says on stdout and stderr, by no shell; $? is its end

sub run {
    my (@command) = @_;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }

    local $/;
    my $text = <$out>;
    close $out;

    return defined $text ? $text : '';
}


# openssl(1) with a text as its input

sub openssl {
    my ($input, @args) = @_;

    my $file = File::Temp->new();
    binmode $file;
    print {$file} $input;
    $file->flush();

    return run('openssl', shift @args, '-in', $file->filename(),
                       @args);
}


sub cert_text {
    my ($pem) = @_;
    return openssl($pem, 'x509', '-noout', '-text');
}


# cert_field($pem, "serial"), "subject", "enddate", ...: of the first one

sub cert_field {
    my ($pem, $field) = @_;

    my $text = openssl($pem, 'x509', '-noout', "-$field");
    chomp $text;
    $text =~ s/^\w+\s*=\s?//;

    return $text;
}


# its serial number, as the database and the admin location have it

sub cert_serial {
    my ($pem) = @_;

    return lc(cert_field($pem, 'serial')) =~ s/^(?:00)+//r;
}


# how renewalInfo and "replaces" name it (RFC 9773, 4.1): base64url of its
# authority key identifier, ".", base64url of its serial number

sub cert_id {
    my ($pem) = @_;

    my ($aki) = cert_text($pem)
        =~ /Authority Key Identifier:\s*(?:keyid:)?([0-9A-F:]+)/;
    $aki =~ s/://g;

    my $serial = pack 'H*', cert_field($pem, 'serial');
    $serial = "\0$serial" if ord($serial) >= 0x80;

    return b64u(pack 'H*', $aki) . '.' . b64u($serial);
}


# "OK", or what openssl verify -x509_strict complained of.  The root is the
# last certificate of the chain or a file of its own.

sub chain_verify {
    my ($chain, $root) = @_;
    my @certs = $chain =~ /(-----BEGIN CERT.*?-----END CERTIFICATE-----)/sg;

    my $dir = File::Temp->newdir();
    my $leaf = shift @certs;

    foreach my $file ([ leaf => $leaf ], [ middle => join "\n", @certs ]) {
        open my $f, '>', "$dir/$file->[0]" or die "Can't write: $!\n";
        print {$f} "$file->[1]\n";
        close $f;
    }

    my $text = run('openssl', 'verify', '-x509_strict', '-CAfile',
                           defined $root ? $root : "$dir/middle",
                           '-untrusted', "$dir/middle", "$dir/leaf");

    return $? == 0 ? 'OK' : $text;
}


# a time as JSON has it

sub rfc3339 {
    my ($time) = @_;

    return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $time);
}


1;
