#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The manual page and the completions of acme-ca know the commands and options
# that it knows, and no others; they are installed.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx::AcmeCa;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $tool = "$FindBin::Bin/../contrib/acme-ca";
my @general = qw/ path json admin user-file cert key cacert unix-socket /;
my %flag = map { $_ => 1 } qw/ json accounts all follow force dry-run /;

###############################################################################

# what the tool knows

my %known;

foreach my $row (split /\n/, run($tool, 'commands')) {
    my ($word, $second, $arg, @options) = split ' ', $row;
    $known{$second eq '-' ? $word : "$word $second"} = \@options;
}

cmp_ok(scalar(keys %known), '>', 30, 'commands');

my $usage = run($tool, 'help');

foreach my $command (sort keys %known) {
    like($usage, qr/^    \Q$command\E(?: |$)/m, "usage: $command");
}

foreach my $option (sort map { @$_ } values %known) {
    like($usage, qr/--\Q$option\E\b/, "usage: --$option")
        unless $known{"--$option"}++;
}

delete @known{grep { /^--/ } keys %known};

###############################################################################

# the manual page

my $page = read_file('contrib/acme-ca.1');
my (%documented, %described, $command);

foreach my $line (split /\n/, $page) {
    undef $command if $line =~ /^\.(?:It Xo|Ss|Sh)\b/;

    if ($line =~ /^\.Cm (.*)/ && !defined $command) {
        $command = $1;
        $documented{$command} = [];

    } elsif ($line =~ /^\.Op Fl Fl ([a-z-]+)(.*)/ && defined $command) {
        push @{$documented{$command}}, $1;
        is($2 eq '' ? 1 : 0, $flag{$1} || 0, "manual: value of $command --$1");

    } elsif ($line =~ /^\.It Fl Fl ([a-z-]+)/ && defined $command) {
        push @{$described{$command}}, $1;
    }
}

delete @documented{grep { /[,.]$/ || !$known{$_} && /^(?:help|commands)/ }
    keys %documented};

my ($commands) = $page =~ /^\.Sh COMMANDS\n(.*?)^\.Sh /ms;
my %listed = map { $_ => 1 } $commands =~ /^\.It Xo\n\.Cm (.*)$/mg;

is_deeply([ sort keys %listed ], [ sort keys %known ], 'manual: commands');

foreach my $command (sort keys %known) {
    is_deeply([ sort @{$documented{$command} || []} ],
        [ sort @{$known{$command}} ], "manual: options of $command");

    foreach my $option (@{$described{$command} || []}) {
        ok((grep { $_ eq $option } @{$known{$command}}),
            "manual: $command has --$option");
    }
}

like($page, qr/^\.It Fl Fl \Q$_\E\b/m, "manual: --$_") foreach @general;

# what has no function for the admin location is done on files

my %remote = map { $_ => 1 } map { read_file($_) =~ /^by_admin_(\w+)\(\)/mg }
    glob 'contrib/lib/acme-ca/*.sh';
my ($by_admin) = $page =~ /^\.Sh BY THE ADMIN LOCATION\n(.*?)\n\.Cm explain/ms;

is_deeply([ sort $by_admin =~ /^\.Cm ([a-z ]*[a-z])/mg ],
    [ grep { !$remote{s/[ -]/_/gr} } sort keys %known ],
    'manual: what the admin location does not do');

SKIP: {
    skip 'no groff', 1 unless program('groff');
    is(run('groff', '-ww', '-mdoc', '-Tutf8', '-z', 'contrib/acme-ca.1'), '',
        'manual: groff has nothing to say');
}

SKIP: {
    skip 'no mandoc', 1 unless program('mandoc');

    # but of pages that are not installed
    is(run('mandoc', '-Tlint', 'contrib/acme-ca.1', 'contrib/debian/acme-ca-run.1')
        =~ s/^.*(?:referenced manual not found|outdated mandoc\.db).*\n//mgr, '',
        'manual: mandoc has nothing to say');
}

###############################################################################

# completion

my @files = ([ 1, 'certificate', 'import' ], [ 0, 'certificate', 'show' ],
    [ 0, 'certificate', 'import', 'one' ], [ 1, 'issuer', 'import', 'one' ]);

SKIP: {
    skip 'no bash', 8 + 2 * keys %known unless program('bash');

    is_deeply([ complete('') ], [ sort { $a cmp $b } keys %{{ map { $_ => 1 }
        'help', 'commands', map { (split)[0] } keys %known }} ],
        'bash: first words');
    is_deeply([ complete('certificate', 'exp') ], [ 'expire', 'expiring' ],
        'bash: second words');
    is_deeply([ complete('--path', '/nowhere', 'eab', 'r') ], [ 'revoke' ],
        'bash: values of options are no words');
    is_deeply([ complete('--json', 'renewal', 'd') ], [ 'drop' ],
        'bash: some have none');

    foreach my $case (@files) {
        my ($offered, @words) = @$case;
        is_deeply([ complete(@words, 'contrib/build-') ],
            $offered ? [ map { "contrib/build-$_" } 'deb', 'module' ] : [],
            "bash: files after @words");
    }

    foreach my $command (sort keys %known) {
        my ($word, $second) = split ' ', $command;

        is_deeply([ complete(split(' ', $command), '--') ],
            [ sort map { "--$_" } keys %{{ map { $_ => 1 } @general,
                @{$known{$command}} }} ], "bash: options of $command");

        ok(!$second || grep({ $_ eq $second } complete($word, $second)),
            "bash: $command");
    }
}

SKIP: {
    skip 'no zsh', 7 + keys %known unless program('zsh');

    is_deeply([ zsh_complete('') ], [ sort { $a cmp $b } keys %{{ map { $_ => 1 }
        'help', 'commands', map { (split)[0] } keys %known }} ],
        'zsh: first words');
    is_deeply([ zsh_complete('--path', '/nowhere', 'eab', 'r') ],
        [ qw/ create list revoke show / ], 'zsh: second words');
    is_deeply([ zsh_complete('--path', '/') ], [ 'FILES' ], 'zsh: a folder');

    foreach my $case (@files) {
        my ($offered, @words) = @$case;
        is_deeply([ zsh_complete(@words, 'contrib/build-') ],
            $offered ? [ 'FILES' ] : [], "zsh: files after @words");
    }

    foreach my $command (sort keys %known) {
        is_deeply([ zsh_complete(split(' ', $command), '--') ],
            [ sort map { "--$_" } keys %{{ map { $_ => 1 } @general,
                @{$known{$command}} }} ], "zsh: options of $command");
    }
}

###############################################################################

# installed

my $make = run('make', '-n', 'install', 'DESTDIR=/nowhere');

foreach my $file ('contrib/acme-ca.1', 'contrib/completion/bash/acme-ca',
    'contrib/completion/zsh/_acme-ca')
{
    like($make, qr/install -m 644 \Q$file\E\s/, "make install: $file");
    like(read_file('contrib/debian/install') . read_file(
        'contrib/debian/manpages'), qr/^\Q$file\E/m, "make deb: $file");
}

done_testing();

###############################################################################

sub program {
    my ($name) = @_;
    return grep { -x "$_/$name" } split /:/, $ENV{PATH};
}


# what bash would offer, sorted

sub complete {
    my (@words) = @_;

    return sort { $a cmp $b } split /\n/, run('bash', '-c', <<'END', 'bash',
. contrib/completion/bash/acme-ca
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_acme_ca
printf '%s\n' "${COMPREPLY[@]}"
END
        $tool, @words);
}


# what zsh chooses from, sorted: the function that it calls, with its surroundings

sub zsh_complete {
    my (@words) = @_;

    return sort { $a cmp $b } keys %{{ map { $_ => 1 } split /\n/,
        run('zsh', '-f', '-c', <<'END', 'zsh', $tool, @words) }};
compadd() { shift; print -rl -- "$@" }
_files() { print FILES }
fpath=(contrib/completion/zsh)
autoload -U _acme-ca
words=("$@")
CURRENT=$#
PREFIX=$words[CURRENT]
_acme-ca
true
END
}


sub read_file {
    my ($file) = @_;

    open my $f, '<', $file or return '';
    local $/;
    return scalar <$f>;
}

###############################################################################
