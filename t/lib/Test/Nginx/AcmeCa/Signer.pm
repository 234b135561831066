package Test::Nginx::AcmeCa::Signer;

# Copyright (C) the nginx-acme-ca authors
#
# An external signer that signs well or badly, for Test::Nginx's run_daemon(),
# with openssl(1): signer_start($t, 8090) in the test's folder "signer".

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ put_signer signer_ca signer_log signer_requests
    signer_start /;

use POSIX ();
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa::Daemon;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Server;


# on the port of that name

sub signer_start {
    my ($t, $port) = @_;
    my $dir = signer_ca($t);

    $t->run_daemon(\&signer_daemon, $dir, port($port));
    $t->waitforsocket('127.0.0.1:' . port($port));

    return $t;
}


# makes its CA: root.pem, ca.pem below it, and other.pem, of nobody

sub signer_ca {
    my ($t) = @_;
    my $dir = $t->testdir() . '/signer';

    mkdir $dir;
    make_ca($dir, 'root', 'Signer Root');
    make_ca($dir, 'ca', 'Signer CA', 'root');
    make_ca($dir, 'other', 'Somebody Else');

    return $dir;
}


sub make_ca {
    my ($dir, $name, $subject, $issuer) = @_;

    write_text("$dir/$name.ext", "basicConstraints=critical,CA:TRUE\n"
        . "keyUsage=critical,keyCertSign,cRLSign\n"
        . "subjectKeyIdentifier=hash\n");
    openssl_ok('req', '-new', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:prime256v1', '-nodes', '-subj', "/CN=$subject",
        '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
    openssl_ok('x509', '-req', '-in', "$dir/$name.csr", '-days', 60,
        '-extfile', "$dir/$name.ext", '-out', "$dir/$name.pem",
        $issuer ? ('-CA', "$dir/$issuer.pem", '-CAkey', "$dir/$issuer.key",
                   '-set_serial', '0x77')
                : ('-signkey', "$dir/$name.key"));
}


# How it answers for orders whose first name is this one, and for revocations
# as "revoke":
#
#     status, body, type, retry_after    an answer that is written here
#     later N, fail N     the first N requests get 202, or 503
#     drop N, hang N      the first N get no answer
#     chunks 1, cut N     in chunks; the first N get only some of them
#     hold FILE           nothing before there is this file
#     chain               files in place of "ca"
#     names               in place of "DNS:..."
#     issuer              "other"
#     ca 1, eku, usage, days, serial, subject, key 1 (another one), extension
#     plain 1             names that are not critical
#     json 1              a document, not PEM
#     before, after       texts around it

sub put_signer {
    my ($t, $name, %how) = @_;

    write_text($t->testdir() . "/signer/how.$name", json_encode(\%how));
}


# requests so far, hashes: uri, fields, body; of one name or of all

sub signer_log {
    my ($t, $name) = @_;

    return signer_log_file($t->testdir() . '/signer', $name);
}


sub signer_requests {
    return scalar(() = signer_log(@_));
}


sub signer_daemon {
    my ($dir, $port) = @_;

    serve($port, 300, sub { signer_client($dir, @_) });
}


sub signer_client {
    my ($dir, $client) = @_;

    my ($uri, $body, %fields) = read_request($client) or return;

    my $asked = $body =~ /^\{/ ? json_decode($body) : {};
    my ($name) = ($fields{'acme-ca-identifiers'} || 'dns:revoke')
        =~ /^\w+:(\S+)/;
    my $n = () = signer_log_file($dir, $name);

    log_add("$dir/log", name => $name, uri => $uri, body => $body,
            fields => \%fields);

    my $how = -e "$dir/how.$name" ? json_decode(read_text("$dir/how.$name"))
                                  : {};

    hold($how->{hold}) if defined $how->{hold};
    return if $n < ($how->{drop} || 0);

    if ($n < ($how->{hang} || 0)) {
        sysread($client, my $nothing, 1);
        return;
    }

    return answer($client, 202, '', $how->{retry_after} || 1)
        if $n < ($how->{later} || 0);
    return answer($client, 503, 'busy', $how->{retry_after})
        if $n < ($how->{fail} || 0);
    return answer($client, $how->{status}, $how->{body}, $how->{retry_after},
                  $how->{type})
        if $how->{status};
    return answer($client, 204, '') if $name eq 'revoke';

    my $csr = $asked->{csr} || $body;

    my $chain = sign($dir, $how, $csr, $fields{'idempotency-key'},
                     $fields{'acme-ca-identifiers'});

    return answer_chunks($client, $chain, $n < ($how->{cut} || 0))
        if $how->{chunks} || $how->{cut};

    answer($client, 200, $chain);
}


sub signer_log_file {
    my ($dir, $name) = @_;

    return grep { !defined $name || $_->{name} eq $name }
           log_read("$dir/log");
}


# the same key, the same certificate

sub sign {
    my ($dir, $how, $csr, $key, $names) = @_;
    my $file = "$dir/$key";

    if (!-e "$file.pem") {
        my $san = $how->{names} || join ',', map { s/^dns:/DNS:/; s/^ip:/IP:/;
                                                   $_ } split ' ', $names;
        my $issuer = $how->{issuer} || 'ca';

        if ($how->{key}) {
            openssl_ok('req', '-new', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=x',
                '-keyout', "$file.key", '-out', "$file.csr");
        } else {
            write_text("$file.csr", $csr);
        }

        write_text("$file.ext", 'basicConstraints=critical,CA:'
            . ($how->{ca} ? 'TRUE' : 'FALSE') . "\n"
            . 'keyUsage=critical,' . ($how->{usage} || 'digitalSignature')
            . "\n" . ($how->{eku} && $how->{eku} eq 'none' ? ''
            : 'extendedKeyUsage=' . ($how->{eku} || 'serverAuth') . "\n")
            . "authorityKeyIdentifier=keyid\n"
            . ($san eq 'none' ? '' : 'subjectAltName='
               . ($how->{plain} ? '' : 'critical,') . "$san\n")
            . ($how->{extension} ? "$how->{extension}\n" : ''));

        openssl_ok('x509', '-req', '-in', "$file.csr", '-days',
            $how->{days} || 20, '-extfile', "$file.ext", '-out', "$file.new",
            '-CA', "$dir/$issuer.pem", '-CAkey', "$dir/$issuer.key",
            '-set_serial', $how->{serial} || sprintf('0x%08x%08x', $$, time()),
            '-subj', $how->{subject} || '/');
        rename "$file.new", "$file.pem" or die "rename: $!\n";
    }

    my $text = read_text("$file.pem");

    $text .= join '', map { read_text("$dir/$_.pem") }
        @{$how->{chain} || [ $how->{issuer} || 'ca' ]};
    $text = ($how->{before} || '') . $text . ($how->{after} || '');

    return $how->{json} ? json_encode({ certificate => $text }) : $text;
}


sub answer {
    my ($client, $status, $body, $retry, $type) = @_;

    $body = '' unless defined $body;

    print {$client} "HTTP/1.1 $status Is So\r\nConnection: close\r\n"
        . 'Content-Type: ' . ($type || 'application/pem-certificate-chain')
        . "\r\n" . ($status == 204 ? '' : 'Content-Length: ' . length($body)
        . "\r\n")
        . ($retry ? "Retry-After: $retry\r\n" : '') . "\r\n$body";
}


# half of it and the other half, which is not there if it is cut

sub answer_chunks {
    my ($client, $body, $cut) = @_;
    my $half = int(length($body) / 2);
    my @parts = (substr($body, 0, $half), substr($body, $half));

    pop @parts if $cut;

    print {$client} "HTTP/1.1 200 OK\r\nConnection: close\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { sprintf("%x\r\n%s\r\n", length, $_) } @parts)
        . ($cut ? '' : "0\r\n\r\n");
}


sub openssl_ok {
    my (@command) = @_;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { 'openssl' } 'openssl', @command or POSIX::_exit(127);
    }

    local $/;
    my $said = <$out>;
    close $out or die "openssl @command: $said\n";
}


sub write_text {
    my ($file, $text) = @_;

    open my $f, '>', "$file.$$" or die "Can't create $file: $!\n";
    print {$f} $text;
    close $f;
    rename "$file.$$", $file or die "Can't rename $file: $!\n";
}


sub read_text {
    my ($file) = @_;

    open my $f, '<', $file or die "Can't open $file: $!\n";
    local $/;

    return scalar <$f>;
}


1;
