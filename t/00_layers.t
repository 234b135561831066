#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The rooms of src/ include downwards only; nginx's and libraries' headers are
# known only where docs/architecture.md says so.

###############################################################################

use warnings;
use strict;

use File::Basename qw/ basename dirname /;
use Test::More;

BEGIN { chdir dirname(__FILE__) . '/..' or die "chdir: $!"; }

###############################################################################

# room => rooms below that it may include

my %rooms = (
    base     => '',
    jose     => 'base',
    pki      => 'base',
    zone     => 'base',
    store    => 'base',
    policy   => 'base',
    validate => 'base pki',
    protocol => 'base jose pki zone store policy validate',
    admin    => 'base jose pki zone store policy protocol',
    net      => 'base validate',
    worker   => 'base jose pki zone store policy validate protocol net',
    http     => 'base jose zone store policy protocol admin worker',
);

my %pure = map { $_ => 1 }
    qw/ base jose pki zone store policy validate protocol admin /;

# headers of others => who may include them: a room, or files of that name

my %fenced = (
    qr/^sqlite3\.h$/     => 'store',
    qr/^acme_ca_sql\.h$/ => 'store',
    qr/^yajl\//          => 'base',
    qr/^ares/            => 'net',
    qr/^ngx_http/        => 'http net/ngx_acme_ca_fetch net/ngx_acme_ca_ca',
    qr/^openssl\//       => 'base jose pki zone store protocol net worker http',
    qr/^ngx_(event|channel|process|thread|resolver|stream)/
                         => 'net worker http',
);

# all that a pure room knows of nginx

my %words = map { $_ => 1 } qw/ ngx_config.h ngx_core.h /;

###############################################################################

my @files = sort glob 'src/*/*.[ch]';

plan(tests => 4);

ok(@files > 0, 'sources found');

my (%room_of, @strangers);

for my $file (@files) {
    my ($room) = $file =~ m!^src/([^/]+)/!;
    push @strangers, $file unless exists $rooms{$room};
    $room_of{basename($file)} = $room;
}

push @strangers, glob 'src/*.[ch] src/*/*/*.[ch]';

is(join("\n", @strangers), '', 'every source is in a room of the table');

my (@arrows, @unknown);

for my $file (@files) {
    my ($room) = $file =~ m!^src/([^/]+)/!;
    my %below = map { $_ => 1 } $room, split ' ', $rooms{$room} || '';

    for my $include (includes($file)) {
        my ($name, $where, $local) = @$include;

        if (my $other = $room_of{$name}) {
            push @arrows, "$where: $room includes $name of $other"
                unless $below{$other};
            next;
        }

        for my $re (keys %fenced) {
            next unless $name =~ $re;

            push @arrows, "$where: $room includes $name"
                unless grep { $_ eq $room || $file =~ m!^src/$_[\w]*\.[ch]$! }
                    split ' ', $fenced{$re};
        }

        push @arrows, "$where: $room, a pure room, includes $name"
            if $pure{$room} && $name =~ /^ngx_/ && !$words{$name};

        push @unknown, "$where: no file $name in src"
            if $local && $name !~ /^acme_ca_(sql|openapi)\.h$/;
    }
}

is(join("\n", @arrows), '', 'no include points upwards');
is(join("\n", @unknown), '', 'every "include" is a file of src');

###############################################################################

sub includes {
    my ($file) = @_;
    my @found;

    open my $fh, '<', $file or die "Can't open $file: $!\n";

    while (my $line = <$fh>) {
        next unless $line =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
        push @found, [ $2, "$file:$.", $1 eq '"' ];
    }

    close $fh;

    return @found;
}

###############################################################################
