package Test::Nginx::AcmeCa::Interop;

# Copyright (C) the nginx-acme-ca authors
#
# What the tests with real ACME clients share: an nginx that serves https with
# the CA's own certificate, and http-01 on a port that needs no root.
#
#     my $t = Test::Nginx->new()->has(qw/ http http_ssl /)
#         ->has_daemon('lego');
#     interop_conf($t)->plan(3)->run();
#     my ($status, $text) = interop_client($t, 'lego', ...);
#
# Port names: 8443 https, 8083 where a client's own server listens, 8082 the
# folder "webroot" served by nginx.

use warnings;
use strict;

use base qw/ Exporter /;

use Cwd qw/ abs_path /;
use Digest::SHA qw/ sha256_hex /;
use File::Basename qw/ dirname /;
use MIME::Base64 qw/ decode_base64 /;
use POSIX ();
use Test::More ();
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa;

our @EXPORT = qw/ interop_conf interop_client interop_script interop_root
    interop_names interop_stored interop_audit interop_ok interop_slurp
    interop_run interop_validated interop_dns_hook interop_eab
    interop_installed interop_tool interop_move interop_addresses
    interop_issued interop_replaces
    interop_flow /;

my $top = abs_path(dirname(__FILE__) . '/../../../../..');

# a client that hangs must not hold up everything: seconds for one run of it
my $limit = 240;


# acme_ca_conf() for a client: https, and the name gone.example, which
# nobody knows.  webroot => 1: validation goes to nginx's folder "webroot"
# instead of the client's own server

sub interop_conf {
    my ($t, %opts) = @_;
    my $dir = $t->testdir();
    my $web = delete $opts{webroot};

    $t->has_daemon($_) foreach qw/ openssl sqlite3 timeout env /;

    # what clients write must be readable to nginx's workers
    umask 0022;
    mkdir "$dir/$_" foreach qw! home webroot webroot/.well-known
        webroot/.well-known/acme-challenge !;

    return acme_ca_conf($t, tls => 1,
        http_01_ports => $web ? '%%PORT_8082%%' : '%%PORT_8083%%',
        dns => { 'gone.example' => { rcode => 'NXDOMAIN' } },
        http => <<EOF, %opts);
    server {
        listen 127.0.0.1:8082;
        root %%TESTDIR%%/webroot;
        default_type text/plain;
    }
EOF
}


sub interop_root {
    my ($t) = @_;
    return $t->testdir() . '/ca/root.pem';
}


# Runs a client with nothing of our environment but PATH, and with our root as
# the only one it trusts: (exit status, what it said on stdout and stderr).
# The command may begin with NAME=value.

sub interop_client {
    my ($t, @command) = @_;
    my $dir = $t->testdir();
    my $root = interop_root($t);

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        open STDIN, '<', '/dev/null';
        chdir $dir or POSIX::_exit(126);
        exec { 'timeout' } 'timeout', '-k', 5, $limit, 'env', '-i',
            "PATH=$ENV{PATH}", "HOME=$dir/home", "TMPDIR=$dir", 'LC_ALL=C',
            (map { "$_=$root" } qw/ SSL_CERT_FILE REQUESTS_CA_BUNDLE
                CURL_CA_BUNDLE LEGO_CA_CERTIFICATES /), @command
            or POSIX::_exit(127);
    }

    local $/;
    my $text = <$out>;
    close $out;

    my $status = $? >> 8 || $? & 127;
    $text = '' unless defined $text;
    Test::More::diag("@command\n$text") if $ENV{TEST_NGINX_VERBOSE};

    return ($status, $text);
}


# the same as a test that it succeeds; what the client said

sub interop_ok {
    my ($t, $name, @command) = @_;
    my ($status, $text) = interop_client($t, @command);

    Test::More::is($status, 0, $name) or Test::More::diag($text);

    return $text;
}


# a program that only prepares something: dies unless it succeeds

sub interop_run {
    my (@command) = @_;

    my $text = Test::Nginx::AcmeCa::run(@command);
    die "@command: $text\n" if $? != 0;

    return $text;
}


# what contrib/install-clients installed: the file, or the test is skipped

sub interop_installed {
    my ($file) = @_;
    my $path = "$top/build/clients/$file";

    Test::More::plan(skip_all => "no build/clients/$file: "
                                 . 'contrib/install-clients') unless -e $path;

    return $path;
}


# what "acme-ca" of this authority says

sub interop_tool {
    my ($t, @args) = @_;

    return json_decode(interop_run("$top/contrib/acme-ca", '--path',
                                   $t->testdir() . '/ca', '--json', @args));
}


# The operator moves the windows of the certificates that @args select into the
# past: two seconds from now on (Caddy takes no shorter ones), then waits.

sub interop_move {
    my ($t, @args) = @_;

    interop_tool($t, qw/ renewal move --within 2s /, @args);
    acme_ca_wait(sub { acme_ca_sql_value($t, "SELECT max(window_end) + 1
        < strftime('%s') + 0 FROM acme_renewal_windows") })
        or die "the window does not end\n";
}


# From now on accounts have to be bound; (kid, HMAC key) of an external account
# that "acme-ca" made.  The authority has "external_account_binding optional;".

sub interop_eab {
    my ($t, @args) = @_;
    my $conf = $t->read_file('nginx.conf');
    $conf =~ s/(external_account_binding) optional/$1 required/;
    $t->write_file('nginx.conf', $conf);

    acme_ca_reload($t) or die "nginx did not reload\n";
    acme_client($t, tls => 1)->directory()->{meta}{externalAccountRequired}
        or die "externalAccountRequired is not told\n";

    my $json = interop_tool($t, 'eab', 'create', @args);

    return @$json{qw/ kid hmac_key /};
}


# how many authorizations had a validation that was audited as done or failed;
# one that fails is tried several times

sub interop_validated {
    my ($t, $outcome) = @_;

    return acme_ca_sql_value($t, "SELECT count(DISTINCT authz_id)
        FROM acme_audit_logs
        WHERE action = 'validate' AND outcome = '$outcome'");
}


# an executable file for a client's hooks; its path

sub interop_script {
    my ($t, $name, $text) = @_;

    $t->write_file($name, $text);
    chmod 0755, $t->testdir() . "/$name";

    return $t->testdir() . "/$name";
}


# A hook that puts TXT records into the DNS daemon's zone and takes them out,
# as certbot ("add", "remove"), lego's provider "exec" and dehydrated call it;
# its path.

sub interop_dns_hook {
    my ($t) = @_;

    return interop_script($t, 'dns-hook', "#!/usr/bin/perl\n"
        . "my \$zone = '" . $t->testdir() . "/dns';\n" . <<'EOF');
use warnings;
use strict;

use Fcntl qw/ LOCK_EX /;
use JSON::PP;

my ($verb, $name, $first, $second) = @ARGV;
my $label = '_acme-challenge';
my %kinds = (
    add              => [ 1, sub { ("$label.$ENV{CERTBOT_DOMAIN}",
                                    $ENV{CERTBOT_VALIDATION}) } ],
    present          => [ 1, sub { ($name, $first) } ],
    deploy_challenge => [ 1, sub { ("$label.$name", $second) } ],
);

@kinds{qw/ remove cleanup clean_challenge /}
    = map { [ 0, $_->[1] ] } @kinds{qw/ add present deploy_challenge /};

exit 0 unless $verb && $kinds{$verb};

my ($add, $record) = @{$kinds{$verb}};
my ($owner, $value) = $record->();
$owner =~ s/\.$//;

open my $lock, '>>', "$zone.lock" or die "Can't lock: $!\n";
flock $lock, LOCK_EX;

open my $in, '<', $zone or die "Can't read: $!\n";
my $names = decode_json(do { local $/; <$in> });

my @values = grep { $_ ne $value } @{($names->{$owner} || {})->{TXT} || []};
push @values, $value if $add;

if (@values) {
    $names->{$owner} = { TXT => \@values };
} else {
    delete $names->{$owner};
}

open my $out, '>', "$zone.hook" or die "Can't write: $!\n";
print {$out} encode_json($names);
close $out;
rename "$zone.hook", $zone or die "Can't rename: $!\n";
EOF
}


# the text of a file, '' if there is none

sub interop_slurp {
    my ($file) = @_;

    return '' unless defined $file;
    open my $f, '<', $file or return '';
    local $/;
    my $text = <$f>;
    close $f;

    return defined $text ? $text : '';
}


# the DNS names of a certificate, sorted

sub interop_names {
    my ($pem) = @_;

    my @names = $pem eq '' ? () : cert_text($pem) =~ /DNS:([^,\s]+)/g;

    return join ' ', sort @names;
}


# the addresses of a certificate

sub interop_addresses {
    my ($pem) = @_;

    return $pem eq '' ? '' : join ' ', cert_text($pem)
        =~ /IP Address:([^,\s]+)/g;
}


# What each test of a client shows of a certificate: whose it is, that it
# verifies and that the database knows it.  Four tests.

sub interop_issued {
    my ($t, $name, $pem, $names, $stored) = @_;

    Test::More::is(join(' ', grep { $_ ne '' } interop_names($pem),
                        interop_addresses($pem)), $names, "$name: names");
    Test::More::is(chain_verify($pem, interop_root($t)), 'OK',
                   "$name: chain");
    Test::More::like($pem, qr/\n\z/, "$name: a newline at the end");
    Test::More::is(interop_stored($t, $pem), ($stored || 'valid')
        . ' serial order valid downloaded', "$name: stored");
}


# A program of a library, which goes through an account's life and leaves
# one.pem and two.pem of a.KIND.example and b.KIND.example.  It is given the
# directory, the folder of webroot, one for what it leaves, and the kind.  Twelve
# tests.
#
#     command         the program
#     says            what it is to print
#     first, second   what became of the certificates: "valid" unless given
#     audit           what was audited of the first one

sub interop_flow {
    my ($t, $kind, %opts) = @_;
    my $dir = $t->testdir();
    my $out = "$dir/$kind";
    my $names = "a.$kind.example b.$kind.example";

    mkdir $out;

    my $text = interop_ok($t, $kind, @{$opts{command}},
        acme_ca_url(tls => 1) . '/directory', "$dir/webroot", $out, $kind);

    $text =~ s/ +$//mg;
    Test::More::is($text, $opts{says}, "$kind: what was answered");

    my ($one, $two) = map { interop_slurp("$out/$_.pem") } qw/ one two /;

    interop_issued($t, "$kind, first", $one, $names, $opts{first});
    interop_issued($t, "$kind, second", $two, $names, $opts{second});
    Test::More::isnt(cert_field($one, 'serial'), cert_field($two, 'serial'),
                     "$kind: another serial");
    Test::More::is(interop_audit($t, $one), $opts{audit}, "$kind: audited");
}


# a test that one certificate was ordered as the other's replacement (RFC 9773)

sub interop_replaces {
    my ($t, $name, $new, $old) = @_;
    my ($new_digest, $old_digest) = map { fingerprint($_) || '' } $new, $old;

    Test::More::is(acme_ca_sql_value($t, "SELECT count(*)
        FROM acme_certificates AS new
        JOIN acme_orders AS o ON o.id = new.order_id
        JOIN acme_certificates AS old ON old.id = o.replaces_id
            AND old.replaced_by = new.id
        WHERE new.fingerprint = x'$new_digest'
            AND old.fingerprint = x'$old_digest'"), 1, "$name: replaces");
}


# What the database says of a certificate that a client holds: "valid serial
# order valid downloaded" is how it should be; each word after the first says
# what is wrong otherwise.

sub interop_stored {
    my ($t, $pem) = @_;
    my $digest = fingerprint($pem) or return 'no certificate';
    my $row;

    # the note of a download is written after its reply has left

    acme_ca_wait(sub {
        ($row) = acme_ca_sql($t, "SELECT c.status, hex(c.serial) AS serial,
                o.status AS order_status, c.revocation_reason AS reason,
                c.first_download_at IS NOT NULL AS downloaded
            FROM acme_certificates c
            LEFT JOIN acme_orders o ON o.id = c.order_id
                AND o.certificate_id = c.id AND o.account_id = c.account_id
            WHERE c.fingerprint = x'$digest'");
        return !$row || $row->{downloaded};
    });

    return 'not stored' unless $row;

    my $serial = cert_field($pem, 'serial');
    s/^0+// foreach $serial, $row->{serial};

    return join ' ',
        $row->{status} . (defined $row->{reason} ? " ($row->{reason})" : ''),
        $row->{serial} eq $serial ? 'serial' : "serial $row->{serial}",
        'order ' . ($row->{order_status} || 'missing'),
        $row->{downloaded} ? 'downloaded' : 'never downloaded';
}


# what its account did to a certificate, as audited: "issue done, ..."

sub interop_audit {
    my ($t, $pem) = @_;
    my $digest = fingerprint($pem) or return 'no certificate';

    # the note of a download is written after its reply has left

    acme_ca_wait(sub { acme_ca_sql_value($t, "SELECT count(*)
        FROM acme_audit_logs a
        JOIN acme_certificates c ON c.id = a.certificate_id
        WHERE c.fingerprint = x'$digest' AND a.action = 'download'") });

    return join ', ', map { "$_->{action} $_->{outcome}" }
        acme_ca_sql($t, "SELECT a.action, a.outcome, min(a.id) AS first
            FROM acme_audit_logs a
            JOIN acme_certificates c ON c.id = a.certificate_id
            WHERE c.fingerprint = x'$digest' AND a.account_id = c.account_id
                AND a.client_address = '127.0.0.1'
            GROUP BY a.action, a.outcome ORDER BY first");
}


# SHA-256 of the first certificate, as hexadecimal digits

sub fingerprint {
    my ($pem) = @_;

    return undef unless $pem
        =~ /-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----/s;

    return sha256_hex(decode_base64($1));
}


1;
