package Test::Nginx::AcmeCa::Piped;

# Copyright (C) the nginx-acme-ca authors
#
# Clients that work at the same time: processes of which the test reads what
# they print.
#
#     my @pipes = map { piped(\&work, $_) } 1 .. 4;
#     while (my $line = readline $pipes[0]) { ... }
#
# Within say_nonces(sub { ... }) a line "nonce NONCE" is printed for each one
# that an answer brings.

use warnings;
use strict;

use base qw/ Exporter /;

use POSIX ();
use Test::Nginx::AcmeCa::Client;

our @EXPORT = qw/ piped say_nonces /;


sub piped {
    my ($code, @args) = @_;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;
    return $out if $pid;

    $| = 1;
    eval { $code->(@args); 1 } or print $@;

    POSIX::_exit(0);
}


sub say_nonces {
    my ($code) = @_;

    my $request = \&Test::Nginx::AcmeCa::Client::request;
    no warnings 'redefine';
    local *Test::Nginx::AcmeCa::Client::request = sub {
        my $reply = $request->(@_);
        my $nonce = $reply->header('Replay-Nonce');
        print "nonce $nonce\n" if defined $nonce;
        return $reply;
    };

    $code->();
}

1;
