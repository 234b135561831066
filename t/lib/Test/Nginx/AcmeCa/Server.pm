package Test::Nginx::AcmeCa::Server;

# Copyright (C) the nginx-acme-ca authors
#
# What servers of tests have in common: a process for each connection, the
# request that it brings, and a log of what they were asked, one line of JSON
# each, which the test reads while they write.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ serve read_request log_add log_read /;

use IO::Socket::INET;
use POSIX ();
use Test::Nginx::AcmeCa::Jose;


# For run_daemon(): calls the function with each connection, in a process that
# lives so many seconds at the most.

sub serve {
    my ($port, $seconds, $function) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    my $server = IO::Socket::INET->new(Proto => 'tcp', Listen => 128,
        ReuseAddr => 1, LocalHost => "127.0.0.1:$port")
        or die "Can't listen on $port: $!\n";

    while (1) {
        my $client = $server->accept() or next;
        my $pid = fork();

        if (defined $pid && $pid == 0) {
            close $server;
            $SIG{CHLD} = 'DEFAULT';
            alarm($seconds);
            eval { $function->($client); 1 } or warn "$port: $@";
            close $client;
            POSIX::_exit(0);
        }

        close $client;
    }
}


# (URI, body, fields) of a POST; nothing if it is none

sub read_request {
    my ($client) = @_;

    my $line = <$client>;
    my ($uri) = defined $line ? $line =~ m!^POST (\S+) HTTP/1! : ();
    return unless defined $uri;

    my %fields;

    while (defined($line = <$client>)) {
        $line =~ s/\r?\n\z//;
        last if $line eq '';
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*?)\s*$/;
        $fields{lc $name} = $value;
    }

    read($client, my $body, $fields{'content-length'} || 0);

    return ($uri, $body, %fields);
}


sub log_add {
    my ($file, %entry) = @_;

    open my $log, '>>', $file or die "Can't open $file: $!\n";
    syswrite $log, json_encode(\%entry) . "\n";
    close $log;
}


# all that was noted so far; a line that is being written is of later

sub log_read {
    my ($file) = @_;

    open my $log, '<', $file or return;
    local $/;
    my $text = <$log>;

    return map { json_decode($_) } $text =~ /^(.*)\n/mg;
}


1;
