package Test::Nginx::AcmeCa::Alpn;

# Copyright (C) the nginx-acme-ca authors
#
# What tls-alpn-01 (RFC 8737) meets outside: a TLS server that answers well or
# badly, for Test::Nginx's run_daemon(), and the certificates it shows, written
# as DER by hand: right ones, and any wrong one a test can think of.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ alpn_certificate put_alpn tls_alpn_daemon tls_alpn_log
    tls_alpn_start /;

use Digest::SHA qw/ sha256 /;
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw/ encode_base64 /;
use POSIX ();
use Socket qw/ MSG_PEEK SOL_SOCKET /;
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa::Csr;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Server;

use constant ACME_IDENTIFIER => '1.3.6.1.5.5.7.1.31';


# A certificate as PEM.
#
#     key                an acme_key()
#     dns, ip, general   lists for the subject alternative names
#     answer             the key authorization
#     digest             in place of its SHA-256
#     value              in place of the extension's value, DER
#     critical           1; of the acmeIdentifier
#     times              how often the acmeIdentifier is there: 1
#     extensions         [ [ oid, critical, DER value ], ... ], in place of all

sub alpn_certificate {
    my (%opts) = @_;
    my @extensions = @{$opts{extensions} || []};

    if (!$opts{extensions}) {
        my $names = general_names(%opts);
        my $digest = defined $opts{digest} ? $opts{digest}
                                           : sha256($opts{answer});
        my $value = defined $opts{value} ? $opts{value} : der_octets($digest);
        my $critical = defined $opts{critical} ? $opts{critical} : 1;
        my $times = defined $opts{times} ? $opts{times} : 1;

        push @extensions, [ '2.5.29.17', 0, $names ] if defined $names;
        push @extensions, ([ ACME_IDENTIFIER, $critical, $value ]) x $times;
    }

    # neither who signed it nor when it was valid is of any interest
    my $der = der_signed($opts{key}, sub { der_sequence(
        der(0xa0, der_integer(2)), der_integer(1), $_[0],
        der_sequence(), der_sequence(der(0x17, '010101000000Z'),
                                     der(0x17, '020101000000Z')),
        der_sequence(), $opts{key}->spki(),
        @extensions ? der(0xa3, der_extensions(@extensions)) : ()) });

    return "-----BEGIN CERTIFICATE-----\n" . encode_base64($der)
        . "-----END CERTIFICATE-----\n";
}


# Lets the daemon answer for a server name.
#
#     answer      the key authorization; more as of alpn_certificate()
#     alpn        protocols, a list: [ 'acme-tls/1' ]; [] for none
#     tls         versions as of IO::Socket::SSL: "TLSv1_2"
#     plain       text, in place of TLS
#     hang 1      says nothing until the other side goes
#     drop 1      closes without a word
#     reset 1     closes with RST
#     fail N      the first N connections are dropped

sub put_alpn {
    my ($dir, $name, %how) = @_;
    my $file = "$dir/" . lc $name;

    if (defined $how{answer}) {
        my $key = $how{key} || acme_key('ES256');
        write_file("$file.key", $key->private_pem());
        write_file("$file.crt", alpn_certificate(%how, key => $key));
    }

    write_file($file, json_encode({ map { $_ => $how{$_} }
        grep { exists $how{$_} }
        qw/ alpn tls plain hang drop reset fail / }));
}


sub write_file {
    my ($file, $text) = @_;

    open my $f, '>', "$file.$$" or die "Can't create $file: $!\n";
    print {$f} $text;
    close $f;
    rename "$file.$$", $file or die "Can't rename $file: $!\n";
}


# the daemon on the ports of these names, in the test's folder "alpn"

sub tls_alpn_start {
    my ($t, @ports) = @_;
    my $dir = $t->testdir() . '/alpn';

    mkdir $dir;

    my @addresses = map { /:/ ? $_ : '127.0.0.1:' . port($_) } @ports;

    $t->run_daemon(\&tls_alpn_daemon, $dir, @addresses);

    require IO::Socket::IP;

    foreach my $address (@addresses) {
        my ($host, $port) = $address =~ /^\[?(.*?)\]?:(\d+)$/;

        for (1 .. 1200) {
            last if IO::Socket::IP->new(Proto => 'tcp', PeerHost => $host,
                                        PeerPort => $port);
            select undef, undef, undef, 0.05;
        }
    }

    return $t;
}


# Each ClientHello is noted in $dir.log as a line of JSON: name, protocols,
# port; each end of a connection in $dir.end: name, bytes that came before.

sub tls_alpn_daemon {
    my ($dir, @addresses) = @_;

    require IO::Socket::IP;
    require IO::Socket::SSL;

    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    my $select = IO::Select->new(map {
        my ($host, $port) = /^\[?(.*?)\]?:(\d+)$/;
        IO::Socket::IP->new(Proto => 'tcp', Listen => 128, ReuseAddr => 1,
                            V6Only => $host =~ /:/ ? 1 : 0,
                            LocalHost => $host, LocalPort => $port)
        || die "Can't listen on $_: $!\n"
    } @addresses);

    while (my @ready = $select->can_read()) {
        foreach my $listener (@ready) {
            my $client = $listener->accept() or next;
            my $pid = fork();

            if (defined $pid && $pid == 0) {
                local $SIG{ALRM} = sub { POSIX::_exit(0) };
                alarm(60);
                tls_alpn_client($dir, $client);
                close $client;
                POSIX::_exit(0);
            }

            close $client;
        }
    }
}


sub tls_alpn_client {
    my ($dir, $client) = @_;

    my ($name, @protocols) = client_hello($client);
    return unless defined $name;

    log_add("$dir.log", name => $name, port => $client->sockport(),
            protocols => \@protocols);

    my $how = read_how("$dir/" . lc $name);

    return if $how->{drop};

    if ($how->{reset}) {
        setsockopt($client, SOL_SOCKET, Socket::SO_LINGER(),
                   pack('ii', 1, 0));
        return;
    }

    if (defined $how->{plain}) {
        syswrite $client, $how->{plain};
        return;
    }

    if ($how->{hang}) {
        1 while sysread($client, my $nothing, 8192);
        return;
    }

    my $alpn = $how->{alpn} || [ 'acme-tls/1' ];

    my $tls = IO::Socket::SSL->start_SSL($client,
        SSL_server => 1,
        SSL_cert_file => "$dir/" . lc($name) . '.crt',
        SSL_key_file => "$dir/" . lc($name) . '.key',
        @$alpn ? (SSL_alpn_protocols => $alpn) : (),
        # a key of any size, as a target may have one
        SSL_cipher_list => 'DEFAULT:@SECLEVEL=0',
        SSL_version => $how->{tls} || 'SSLv23:!SSLv3:!SSLv2') or return;

    # until the other side closes; what it said meanwhile
    my $bytes = sysread($tls, my $nothing, 1);

    if (open my $end, '>>', "$dir.end") {
        syswrite $end, "$name " . (defined $bytes ? $bytes : 'error') . "\n";
    }

    $tls->close(SSL_no_shutdown => 1);
}


sub read_how {
    my ($file) = @_;

    open my $f, '<', $file or return { drop => 1 };
    local $/;
    my $how = json_decode(scalar <$f>);
    close $f;

    if ($how->{fail}) {
        write_file($file, json_encode({ %$how, fail => $how->{fail} - 1 }));
        return { drop => 1 };
    }

    return $how;
}


# server name and protocols of a ClientHello, that stays to be read (RFC 8446,
# 4.1.2)

sub client_hello {
    my ($client) = @_;
    my ($text, $want) = ('', 5);

    my $select = IO::Select->new($client);

    while (length $text < $want) {
        $select->can_read(60) or return;
        recv($client, $text, 16384, MSG_PEEK);
        return unless length $text;
        return unless substr($text, 0, 1) eq "\x16";
        $want = 5 + unpack('n', substr($text, 3, 2)) if length $text >= 5;
        select undef, undef, undef, 0.01 if length $text < $want;
    }

    my (undef, undef, undef, $extensions)
        = unpack('x43 C/a n/a C/a n/a', $text);
    my ($name, @protocols) = ('');

    while (length $extensions) {
        (my $type, my $value, $extensions) = unpack('n n/a a*', $extensions);
        $name = unpack('x3 n/a', $value) if $type == 0;
        @protocols = unpack('x2 (C/a)*', $value) if $type == 16;
    }

    return ($name, @protocols);
}


# what the daemon was asked, of one server name or of all

sub tls_alpn_log {
    my ($t, $name) = @_;

    return grep { !defined $name || $_->{name} eq $name }
           log_read($t->testdir() . '/alpn.log');
}


1;
