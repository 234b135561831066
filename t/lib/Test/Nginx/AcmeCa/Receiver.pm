package Test::Nginx::AcmeCa::Receiver;

# Copyright (C) the nginx-acme-ca authors
#
# Who is told events, for Test::Nginx's run_daemon(): receiver_start($t, 8090)
# in the test's folder "receiver".  What it was told is read from its log.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ receiver_start put_receiver receiver_log receiver_taken
    receiver_events receiver_wait receiver_names receiver_twice receiver_hook
    receiver_signed receiver_schema receiver_faults /;

use Cwd qw/ abs_path /;
use Digest::SHA qw/ hmac_sha256_hex /;
use File::Basename qw/ dirname /;
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa ();
use Test::Nginx::AcmeCa::Daemon;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Schema;
use Test::Nginx::AcmeCa::Server;
use Time::HiRes qw/ sleep /;

my $schema = abs_path(dirname(__FILE__) . '/../../../../..')
    . '/contrib/event/events.schema.json';


sub receiver_start {
    my ($t, $port) = @_;
    my $dir = $t->testdir() . '/receiver';

    mkdir $dir;

    $t->run_daemon(\&receiver_daemon, $dir, port($port));
    $t->waitforsocket('127.0.0.1:' . port($port));

    return $t;
}


# How it answers POSTs to a location, from now on:
#
#     status 200          what it says
#     retry_after 0
#     hang 1              nothing, until the connection is closed
#     drop 1              nothing: it closes the connection
#     delay SECONDS       before it takes what it was told
#     hold FILE           nothing before there is this file

sub put_receiver {
    my ($t, $uri, %how) = @_;
    my $file = $t->testdir() . '/receiver/how' . $uri =~ s!/!.!gr;

    open my $f, '>', "$file.$$" or die "Can't create $file: $!\n";
    print {$f} json_encode(\%how);
    close $f;
    rename "$file.$$", $file or die "Can't rename $file: $!\n";
}


# requests so far, hashes: uri, fields, body, status (0: no answer)

sub receiver_log {
    my ($t, $uri) = @_;

    return grep { !defined $uri || $_->{uri} eq $uri }
           log_read($t->testdir() . '/receiver/log');
}


# those that were answered with 2xx

sub receiver_taken {
    return grep { $_->{status} =~ /^2/ } receiver_log(@_);
}


# what was taken, in its order, each as often as it was

sub receiver_events {
    return map { @{json_decode($_->{body})->{events}} } receiver_taken(@_);
}


# until there are so many of them, or of those that the function likes

sub receiver_wait {
    my ($t, $uri, $n, $which) = @_;
    my @events;

    Test::Nginx::AcmeCa::acme_ca_wait(sub {
        @events = grep { !$which || $which->($_) } receiver_events($t, $uri);
        @events >= $n;
    });

    return @events;
}


# the names that it was told of, when there are so many

sub receiver_names {
    my ($t, $uri, $n) = @_;
    my @events = $n ? receiver_wait($t, $uri, $n) : receiver_events($t, $uri);

    return map { $_->{data}{certificate}{names}[0] =~ s/^dns://r } @events;
}


# what was taken more than once

sub receiver_twice {
    my ($t, $uri) = @_;
    my %n;

    $n{$_->{id}}++ foreach receiver_events($t, $uri);

    return join ' ', grep { $n{$_} > 1 } sort keys %n;
}


# how far it is, by the database

sub receiver_hook {
    my ($t, $uri) = @_;
    my ($row) = Test::Nginx::AcmeCa::acme_ca_sql($t,
        "SELECT * FROM acme_event_hooks WHERE uri = '$uri'");

    return $row;
}


# what bodies are to be like

sub receiver_schema {
    open my $f, '<', $schema or die "Can't open $schema: $!\n";
    local $/;

    return json_decode(scalar <$f>);
}


# what is wrong with all bodies so far; a member that the schema does not name is

sub receiver_faults {
    my ($t, $uri) = @_;

    my $document = receiver_schema();
    my $schema = Test::Nginx::AcmeCa::Schema->new($document, strict => 1);

    return map { $schema->check('body', $document, json_decode($_->{body})) }
        receiver_log($t, $uri);
}


# "", or what is wrong with a request's signature

sub receiver_signed {
    my ($request, @keys) = @_;

    my $line = $request->{fields}{'acme-ca-signature'};
    return 'none' unless defined $line;

    my ($at, $macs) = $line =~ /^t=(\d+)((?:,v1=[0-9a-f]{64})+)$/;
    return "malformed: $line" unless defined $macs;
    return "old: $at" if abs(time() - $at) > 300;

    foreach my $key (@keys) {
        my $mac = hmac_sha256_hex("$at.$request->{body}", $key);
        return "wrong: $line" if index($macs, ",v1=$mac") == -1;
    }

    return length($macs) == 68 * @keys ? '' : "more than that: $line";
}


sub receiver_daemon {
    my ($dir, $port) = @_;

    serve($port, 60, sub { receiver_client($dir, @_) });
}


sub receiver_client {
    my ($dir, $client) = @_;

    my ($uri, $body, %fields) = read_request($client) or return;

    my $how = receiver_how($dir, $uri);
    my $status = $how->{status} || 200;
    my $silent = $how->{hang} || $how->{drop};

    sleep($how->{delay}) if $how->{delay};
    hold($how->{hold}) if defined $how->{hold};

    log_add("$dir/log", uri => $uri, fields => \%fields, body => $body,
            status => $silent ? 0 : $status);

    sysread($client, my $nothing, 1) if $how->{hang};
    return if $silent;

    print {$client} "HTTP/1.1 $status Is So\r\nConnection: close\r\n"
        . ($how->{retry_after} ? "Retry-After: $how->{retry_after}\r\n" : '')
        . ($status == 204 ? "\r\n" : "Content-Length: 4\r\n\r\nso.\n");
}


sub receiver_how {
    my ($dir, $uri) = @_;

    open my $f, '<', "$dir/how" . $uri =~ s!/!.!gr or return {};
    local $/;

    return json_decode(scalar <$f>);
}


1;
