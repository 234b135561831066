#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The style of the sources: nginx's own, and the limits that keep functions
# and files small.

###############################################################################

use warnings;
use strict;

use File::Basename qw/ basename dirname /;
use File::Find;
use Test::More;

BEGIN { chdir dirname(__FILE__) . '/..' or die "chdir: $!"; }

###############################################################################

# limits, in lines

use constant {
    FUNCTION    => 80,
    PARSER      => 200,     # a function marked as byte parser
    SOURCE      => 600,
    HEADER      => 320,
    COLUMNS     => 80,
};

# prefix of a room's file names

my %prefix = (
    (map { $_ => 'acme_ca_' }
        qw/ base jose pki zone store policy validate protocol admin /),
    (map { $_ => 'ngx_acme_ca_' } qw/ net worker /),
    http => 'ngx_http_acme_ca_',
);

# rooms that are given the time and never ask for it

my %pure = map { $_ => 1 }
    qw/ base jose pki zone store policy validate protocol admin /;

my $banned = join '|', qw/ malloc calloc realloc free strdup strndup strcpy
    strncpy strcat strncat sprintf snprintf vsprintf vsnprintf printf fprintf
    gets atoi atol atoll strtol strtoul strtok time rand srand random srandom
    system popen alloca setjmp longjmp /;

my $clock = join '|', qw/ ngx_time ngx_timeofday ngx_gettimeofday
    gettimeofday clock_gettime gmtime localtime ngx_time_update /;

# where reading the clock is the business: the deadline of a lock, and how
# often the same fault is logged

my %clock = (
    'src/zone/acme_ca_mutex.c'        => 'clock_gettime',
    'src/store/acme_ca_store_fault.c' => 'ngx_time',
);

my %found;

# for prototypes of what is not static
my $headers = '';

###############################################################################

my @sources = grep { -f }
    'ngx_http_acme_ca_module.c', sort(glob 'src/*/*.[ch]');

my @c = (@sources, sort(glob 't/unit/*.[ch] t/unit/*/*.[ch] t/fuzz/*.[ch]'
    . ' bench/*.[ch]'));

for my $file (grep { /\.h$/ } @sources) {
    $headers .= join("\n", strip(read_lines($file))) . "\n";
}

for my $file (@c) {
    my @lines = read_lines($file);
    layout($file, \@lines);
}

for my $file (@sources) {
    my @lines = read_lines($file);
    my @code = strip(@lines);

    tokens($file, \@code);
    sizes($file, \@lines);
    names($file) if $file =~ m!^src/!;
    functions($file, \@lines, \@code) if $file =~ /\.c$/;
}

my %seen;

for my $file (@sources) {
    my $name = basename($file);
    note_($file, 0, 'unique', "is also $seen{$name}") if $seen{$name};
    $seen{$name} = $file;
}

for my $file (texts()) {
    my @lines = read_lines($file);

    for my $i (0 .. $#lines) {
        note_($file, $i, 'space', 'space at the end of the line')
            if $lines[$i] =~ /[ \t\r]$/;
        note_($file, $i, 'todo', "$1")
            if $lines[$i] =~ /(?<![\w:\$])(TODO|FIXME|XXX)\b/;
    }
}

###############################################################################

my @rules = (
    [ copyright => 'each file has its copyright and purpose at its head' ],
    [ tabs      => 'no tabs' ],
    [ columns   => 'no line is longer than 80 columns' ],
    [ space     => 'no space at the end of a line' ],
    [ slashes   => 'no // comments' ],
    [ blank     => 'two blank lines before each function' ],
    [ name      => 'a function name is at column 0, as is its brace' ],
    [ prototype => 'every function has a prototype' ],
    [ labels    => 'one label a function at most, and goto forward only' ],
    [ banned    => 'no banned calls' ],
    [ clock     => 'pure rooms do not read the clock' ],
    [ assign    => 'no assignment in a condition' ],
    [ null      => 'pointers are compared with NULL' ],
    [ function  => 'no function is too long' ],
    [ file      => 'no file is too long' ],
    [ unique    => 'file names are unique' ],
    [ prefix    => 'file names have the prefix of their room' ],
    [ todo      => 'nothing is left to be done' ],
);

plan(tests => @rules + 1);

ok(@sources > 0, 'sources found');

for my $rule (@rules) {
    my ($key, $name) = @$rule;
    is(join("\n", @{ $found{$key} || [] }), '', $name);
}

###############################################################################

sub note_ {
    my ($file, $i, $rule, $what) = @_;
    push @{ $found{$rule} }, $file . ':' . ($i + 1) . ": $what";
}

# what every C file keeps to

sub layout {
    my ($file, $lines) = @_;

    my $head = join "\n", @$lines[0 .. ($#$lines < 8 ? $#$lines : 8)];

    note_($file, 0, 'copyright', 'no copyright')
        unless $head =~ m!\A\n?/\*\n \* Copyright \(C\)!
            && $head =~ m!^ \* Copyright .* the nginx-acme-ca authors\n \*\n!m;

    for my $i (0 .. $#$lines) {
        my $line = $lines->[$i];

        note_($file, $i, 'tabs', 'tab') if $line =~ /\t/;
        note_($file, $i, 'columns', length($line) . ' columns')
            if length($line) > COLUMNS;
    }

    my @code = strip(@$lines);

    for my $i (0 .. $#code) {
        note_($file, $i, 'slashes', '//') if $code[$i] =~ m!//!;
    }
}

# what is seen in single lines of code

sub tokens {
    my ($file, $code) = @_;

    my ($room) = $file =~ m!^src/([^/]+)/!;

    for my $i (0 .. $#$code) {
        my $line = $code->[$i];

        note_($file, $i, 'banned', "$1()")
            if $line =~ /(?<![\w.>])($banned)\s*\(/;
        note_($file, $i, 'banned', 'strlen() of an ngx_str_t')
            if $line =~ /\b(?:ngx_)?strlen\((?:\(\w+ \*\) )?[^()]*
                (?:->|\.)data\)/x;
        note_($file, $i, 'clock', "$1()")
            if $room && $pure{$room} && $line =~ /\b($clock)\s*\(/
                && $1 ne ($clock{$file} || '');
        note_($file, $i, 'null', $line =~ s/^\s+//r)
            if $line =~ /\bif \(!\s*\w*(?:ctx|pool|ptr|log)\)/;
    }

    # a condition may take several lines

    my $text = join "\n", @$code;

    while ($text =~ /\b(?:if|while)\s*(\((?:[^()]++|(?1))*\))/g) {
        my ($condition, $at) = ($1, $-[0]);

        next unless $condition =~ /(?<![=!<>+*\/%&|^-])=(?!=)/;
        note_($file, (substr($text, 0, $at) =~ tr/\n//), 'assign',
            $condition =~ s/\s+/ /gr);
    }
}

sub sizes {
    my ($file, $lines) = @_;

    my $limit = $file =~ /\.h$/ ? HEADER : SOURCE;

    note_($file, $#$lines, 'file', @$lines . " lines of $limit")
        if @$lines > $limit;
}

sub names {
    my ($file) = @_;

    my ($room) = $file =~ m!^src/([^/]+)/!;
    my $prefix = $prefix{$room} || 'no room';

    # the header that all of a room share may have the bare prefix
    note_($file, 0, 'prefix', "begins not with $prefix")
        unless basename($file) =~ /^\Q$prefix\E/
            || basename($file, '.c', '.h') . '_' eq $prefix;
}

# a function begins where a line is "{" and ends where one is "}"

sub functions {
    my ($file, $lines, $code) = @_;

    my %prototypes;
    my $text = join "\n", @$code;

    $prototypes{$1} = 1
        while $text =~ /^static\b[^;{}=()]*?\b(\w+)\([^;{}]*\)\s*;/gm;

    for my $i (0 .. $#$code) {
        next unless $code->[$i] =~ /^\{\s*$/;

        # back to the line that has the name
        my $top = $i - 1;
        $top-- while $top > 0 && $code->[$top] =~ /^\s/;

        note_($file, $top, 'name', 'a function on the line of its type')
            if $code->[$top] =~ /^\w[\w\s*]*[\s*]\w+\([^=]*$/;

        next unless $code->[$top] =~ /^(\w+)\(/;
        my $name = $1;

        my $end = $i;
        $end++ while $end < $#$code && $code->[$end] !~ /^\}/;

        # the line of the type, and the comment before it
        my $type = $top - 1;
        $type-- while $type > 0 && $code->[$type] =~ /^\S/
            && $code->[$type] !~ /[;{}#]/ && $code->[$type - 1] =~ /^\w/
            && $code->[$type - 1] !~ /[;{}#]/;

        note_($file, $top, 'name', "$name: its type is not on a line alone")
            unless $code->[$type] =~ /^\w[\w\s*]*$/;

        note_($file, $top, 'blank', "before $name()")
            unless stands_alone($lines, $type);

        note_($file, $top, 'prototype', "of $name()")
            unless $code->[$type] =~ /^static\b/ ? $prototypes{$name}
                : $headers =~ /\b\Q$name\E\(/;

        my $length = $end - $top + 1;
        my $parser = grep { m!/\* byte parser \*/! }
            @$lines[($type > 8 ? $type - 8 : 0) .. $end];
        my $limit = $parser ? PARSER : FUNCTION;

        note_($file, $top, 'function', "$name(): $length lines of $limit")
            if $length > $limit;

        labels($file, $name, $code, $i, $end);
    }

    for my $i (0 .. $#$code) {
        note_($file, $i, 'name', 'a function on the line of its type')
            if $code->[$i] =~ /^(?:static\s+)?\w[\w\s*]*[\s*]\w+\(.*\)\s*\{/
                && $code->[$i] !~ /^\s*(?:typedef|#)/;
    }
}

# two blank lines; then comments and preprocessor lines, apart by one at most

sub stands_alone {
    my ($lines, $i) = @_;

    my $conditional = 0;

    while (--$i > 1) {
        my $line = $lines->[$i];

        if ($line eq '') {
            next if $lines->[$i - 1] ne '';
            return $i < 2 || $lines->[$i - 2] ne '';
        }

        if ($line =~ /^#/) {
            $conditional = 1;

        } elsif ($line =~ m!\*/$!) {
            $i-- while $i > 0 && $lines->[$i] !~ m!^\s*/\*!;

        } else {
            return $conditional;
        }
    }

    return 0;
}

sub labels {
    my ($file, $name, $code, $from, $to) = @_;

    my %at;

    for my $i ($from .. $to) {
        next unless $code->[$i] =~ /^\s{0,4}(\w+):\s*$/ && $1 ne 'default';
        $at{$1} = $i;
    }

    note_($file, $from, 'labels', "$name(): " . join ' ', sort keys %at)
        if keys %at > 1;

    for my $i ($from .. $to) {
        next unless $code->[$i] =~ /\bgoto (\w+);/;
        note_($file, $i, 'labels', "$name(): goto $1 goes back")
            if !defined $at{$1} || $at{$1} < $i;
    }
}

# lines without comments and without what is in quotes

sub strip {
    my $text = join "\n", @_;

    $text =~ s{("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(/\*.*?\*/)}
        {defined $1 ? substr($1, 0, 1) . substr($1, 0, 1)
            : $2 =~ s/[^\n]//gr}gse;

    return split /\n/, $text, -1;
}

sub read_lines {
    my ($file) = @_;

    open my $fh, '<', $file or die "Can't open $file: $!\n";
    local $/;
    my $text = <$fh>;
    close $fh;

    $text =~ s/\n\z//;

    return split /\n/, $text, -1;
}

# all that people read, this file apart

sub texts {
    my @texts;

    my @top = grep { -e } qw/ config ngx_http_acme_ca_module.c src sql t docs
        nginx.conf.example README.md Makefile CHANGES contrib bench .ci /;

    find({ no_chdir => 1, wanted => sub {
        return unless -f && -T && !-l;
        return if m!^t/fuzz/corpus/! || m!^t/00_style\.t$! || /\.(pem|der)$/;
        push @texts, $_;
    } }, @top);

    return sort @texts;
}

###############################################################################
