#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Every directive has its section in README.md with Syntax, Default and
# Context, every section its directive; nginx.conf.example has them all and
# passes nginx -t; no relative link leads nowhere; what docs/conformance says
# that tests show is in those tests; files of docs/architecture.md exist, and
# every file of src/ stands there.

###############################################################################

use warnings;
use strict;

use File::Basename qw/ dirname /;
use File::Spec;
use File::Temp qw/ tempdir /;
use Test::More;

BEGIN { chdir dirname(__FILE__) . '/..' or die "chdir: $!"; }

###############################################################################

plan(tests => 13);

my %directives = directives();
my %sections = sections('README.md');

ok(keys %directives > 0, 'directives found');

is(join("\n", grep { !$sections{$_} } sort keys %directives), '',
    'every directive has a section in README.md');

is(join("\n", grep { !$directives{$_} } sort keys %sections), '',
    'every section of a directive has its directive');

my @gaps;

for my $name (sort keys %sections) {
    for my $word (qw/ Syntax Default Context /) {
        push @gaps, "$name: no $word"
            unless $sections{$name} =~ /^[\s>|*_-]*$word\b/m;
    }
}

is(join("\n", @gaps), '', 'every section has Syntax, Default and Context');

# links

my @broken;

for my $file ('README.md', glob('docs/*.md docs/*/*.md')) {
    my $text = read_file($file);
    $text =~ s/^(```|~~~).*?^\1//gms;
    $text =~ s/`[^`\n]*`//g;

    while ($text =~ /\]\(\s*<?([^)\s>]+)/g) {
        my $link = $1;
        next if $link =~ /^([a-z][a-z0-9+.-]*:|#)/i;

        $link =~ s/[#?].*//;
        my $path = File::Spec->catfile(dirname($file), $link);

        push @broken, "$file: $link" unless -e $path;
    }
}

is(join("\n", @broken), '', 'every relative link leads somewhere');

# files that architecture.md names

my @gone;

for my $row (grep { /^\| `(?:ngx_)?/ } split /\n/,
    read_file('docs/architecture.md'))
{
    my (undef, $names) = split / *\| */, $row;

    for my $name ($names =~ /`((?:ngx_http_|ngx_)?acme_ca[\w*]*\.[ch])`/g) {
        my @there = glob "src/*/$name";
        push @gone, $name unless @there && -f $there[0];
    }
}

is(join("\n", @gone), '', 'every file of architecture.md is there');

# and the other way round

my %rows = map { $_ => 1 } map { glob "src/*/$_" }
    map { /`((?:ngx_http_|ngx_)?acme_ca[\w*]*\.c)`/g }
    grep { /^\| `(?:ngx_)?/ } split /\n/, read_file('docs/architecture.md');

is(join("\n", grep { !$rows{$_} } sort glob 'src/*/*.c'), '',
    'every file has its row in architecture.md');

# conformance

my ($statements, @unshown) = conformance(glob('docs/conformance/*.md'));

ok($statements, 'statements of conformance found');
is(join("\n", @unshown), '', 'every one is shown by tests that there are');

# the example

my $example = -f 'nginx.conf.example' ? read_file('nginx.conf.example') : '';

# what is no default of a working CA may be in a comment: "# issuer a b;"

my %comment = map { $_ => 1 } qw/ issuer alternate_chain signer
    signer_trusted_certificate issuer_password_file event_hook event_key /;

my @absent = grep {
    my $start = $comment{$_} ? qr/^\s*#?\s*/m : qr/^\s*/m;
    $example !~ /$start\Q$_\E(?:\s[^;{\n]*)?[;{]/m
} sort keys %directives;

is(join("\n", @absent), '', 'nginx.conf.example has every directive');

SKIP: {
    my $nginx = $ENV{TEST_NGINX_BINARY} || '';
    my $globals = $ENV{TEST_NGINX_GLOBALS} || '';

    skip 'no TEST_NGINX_BINARY', 3 unless -x $nginx;

    my ($ok, $out) = nginx_test($nginx, $globals, $example);
    ok($ok, 'nginx.conf.example passes nginx -t') or diag($out);

    my $all = $example;
    my $names = join '|', keys %comment;
    $all =~ s/^(\s*)#\s*((?:$names)\s[^;\n]*;)/$1$2/gm;

    ($ok, $out) = nginx_test($nginx, $globals, $all);
    ok($ok, 'and with its commented directives') or diag($out);

    # the tests before can fail
    ($ok, $out) = nginx_test($nginx, $globals,
        $example =~ s/^(\s*acme_ca_authority\b[^\n]*\n)/$1bogus on;\n/mr);
    like($out, qr/bogus/, 'a mistake in it does not pass');
}

###############################################################################

# names of all tables of directives

sub directives {
    my %found;

    for my $file ('ngx_http_acme_ca_module.c', glob('src/*/*.c')) {
        next unless -f $file;
        my $text = read_file($file);

        while ($text =~ /^(?:static\s+)?(?:const\s+)?
            \w*(?:command|directive)\w*_t\s+
            \w+\[\]\s*=\s*\{(.*?)^\};/gmsx)
        {
            my $table = $1;
            $found{$1} = $file
                while $table =~ /\{\s*ngx_string\("([^"]+)"\)/g;
        }
    }

    # of nginx itself, repeated in a block of ours
    delete $found{include};

    return %found;
}

# headings of README.md whose section has a Syntax; one may name several
# directives: "allow, deny"

sub sections {
    my ($file) = @_;
    my (%found, @names, $fence);

    for my $line (split /\n/, read_file($file)) {
        $fence = !$fence if $line =~ /^(```|~~~)/;

        if (!$fence && $line =~ /^#+\s+(.*)$/) {
            @names = map { s/[`*\s]//gr } split /,/, $1;
            next;
        }

        $found{$_} .= "$line\n" for @names;
    }

    for my $name (keys %found) {
        delete $found{$name}
            unless $found{$name} =~ /^[\s>|*_-]*Syntax\b/m;
    }

    # nginx's own
    delete $found{include};

    return %found;
}

# A row is | section | level | statement | state | shown by |.  What shows it is
# `name`: "text of that test", "another"; `unit/name` is one of t/unit.  A row
# without it says why: n.a., in part, or diverges.

sub conformance {
    my (@rows, @faults, %source);

    for my $file (@_) {
        push @rows, map { [ $file, $_ ] }
            grep { /^\| [\d., ]+ \| (?:[A-Z]|says)/ } split /\n/, read_file($file);
    }

    for my $row (@rows) {
        my ($file, $line) = @$row;
        my (undef, $section, $level, undef, $state, $shown)
            = split / *(?<!\\)\| */, $line;
        my $where = "$file: $section $level";
        my $test;

        push @faults, "$where: state \"$state\""
            unless $state =~ /^(yes\b|in part\b|diverges\b|n\.a\.)/;
        push @faults, "$where: no test"
            unless $shown || $state =~ /^(n\.a\.|diverges)/;

        while ($shown =~ /`([^`]+)`|"((?:[^"\\]|\\.)*)"/g) {

            if (defined $1) {
                ($test) = grep { -f } $1 =~ m!^unit/(.*)! ? "t/unit/$1_test.c"
                    : ("t/acme_ca_$1.t", "t/$1.t");
                push @faults, "$where: no test $1" unless $test;
                next;
            }

            my $text = $2 =~ s/\\"/"/gr;

            $source{$test || ''} ||= test_text($test || '');
            push @faults, "$where: not in $test: $text"
                unless index($source{$test || ''}, $text) >= 0;
        }
    }

    return (scalar @rows, @faults);
}

# the text of a test, its strings whole

sub test_text {
    my ($file) = @_;

    my $text = read_file($file);

    $text =~ s/"\s*\n\s*"//g if $file =~ /\.c$/;
    $text =~ s/(['"])\s*\.\s*\1//g if $file =~ /\.t$/;
    $text =~ s/\\(["'])/$1/g;

    return $text;
}

# The example names folders of an installed system: each absolute path is one
# of a temporary folder here.  A key and its certificate are made for whatever
# names one.

sub nginx_test {
    my ($nginx, $globals, $conf) = @_;

    my $d = tempdir('acme-ca-docs-XXXXXXXX', TMPDIR => 1, CLEANUP => 1);
    chmod 0755, $d;

    $conf =~ s/^\s*(load_module|user|pid|error_log)\s[^;]*;//gm;
    $conf =~ s/\blisten\s+(\d+)/listen 127.0.0.1:1$1/g;
    $conf =~ s!(?<=[\s"])(/(?:var|etc|run|srv|usr|opt)/[^\s;"]*)!$d$1!g;

    my %paths = map { $_ => 1 } $conf =~ m!\Q$d\E(/[^\s;"]+)!g;

    for my $path (sort keys %paths) {
        my $dir = $path =~ m!\.\w+$! ? dirname($path) : $path;
        system('mkdir', '-p', "$d$dir");
    }

    # every file gets both, in one: each reader finds its part

    my @made = ('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$d/key.pem",
        '-out', "$d/cert.pem", '-days', '3650', '-subj', '/CN=Example',
        '-addext', 'keyUsage=critical,keyCertSign,cRLSign');

    open my $olderr, '>&', \*STDERR or die "dup: $!\n";
    open STDERR, '>', '/dev/null';
    system(@made);
    open STDERR, '>&', $olderr;

    for my $path (grep { /\.(pem|crt|key)$/ } sort keys %paths) {
        my $from = $path =~ /key/ ? 'key.pem' : 'cert.pem';
        write_file("$d$path", read_file("$d/$from"));
    }

    for my $path (grep { /\.pass$/ } sort keys %paths) {
        write_file("$d$path", "a passphrase\n");
        chmod 0600, "$d$path";
    }

    my @temp = map {
        "${_}_temp_path $d/$_;"
    } grep {
        $conf !~ /^\s*${_}_temp_path/m
    } qw/ client_body proxy fastcgi uwsgi scgi /;

    $conf =~ s/^(\s*http\s*\{)/$1\n@temp\n/m;
    $conf = "events { }\n$conf" unless $conf =~ /^\s*events\b/m;

    write_file("$d/nginx.conf", "$globals\npid $d/nginx.pid;\n"
        . "error_log stderr;\n$conf");

    my $out = `'$nginx' -t -p $d/ -c $d/nginx.conf -e stderr 2>&1`;

    return ($? == 0, $out);
}

sub read_file {
    my ($file) = @_;

    open my $fh, '<', $file or return '';
    local $/;
    my $text = <$fh>;
    close $fh;

    return $text;
}

sub write_file {
    my ($file, $text) = @_;

    open my $fh, '>', $file or die "Can't write $file: $!\n";
    print $fh $text;
    close $fh;
}

###############################################################################
