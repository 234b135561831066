#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# contrib/acme-ca-run: an authority of its own by one command, in the background
# and in the foreground; the same folder is the same authority; what it refuses.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Cwd qw/ abs_path /;
use POSIX qw/ WNOHANG /;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Client;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl');
my $dir = $t->testdir();

chmod 0755, $dir;
acme_ca_module($t);
acme_ca_daemons($t);

my $program = abs_path("$FindBin::Bin/../contrib/acme-ca-run");
my $state = "$dir/state";
my $port = port(8080);

$t->write_file('extra.conf', 'allow address 127.0.0.0/8;');
$t->write_file('wrong.conf', 'nonsense;');

my @module = ($ENV{TEST_NGINX_GLOBALS} || '')
    =~ /load_module\s+(\S+ngx_http_acme_ca_module\.so);/;

my @options = ('--state', $state, '--plain', '--listen', "127.0.0.1:$port",
    '--workers', 1, '--nginx', $Test::Nginx::NGINX,
    '--resolver', '127.0.0.1:' . port(8053), '--http-01-port', port(8081),
    @module ? ('--module', @module) : ());

my @extra = ('--conf-extra', "$dir/extra.conf");

# whatever runs when the test ends
my $foreground;
END { kill 'KILL', grep { $_ } nginx(), $foreground if $state; }

$t->plan(21);

###############################################################################

# what is wrong is said before anything is made

foreach my $case ([ '--nonsense' ], [ '--listen', 'nowhere' ],
    [ '--listen', '127.0.0.1:70000' ], [ '--http-01-port', 'x' ],
    [ '--workers', 0 ], [ '--state' ], [ 'word' ])
{
    is((program(@$case))[1], 2, "wrong usage: @$case");
}

ok(!-e $state, 'nothing was made');

my ($text, $status) = program(@options, '--conf-extra', "$dir/wrong.conf");
is($status, 1, 'a directive that is none');
like($text, qr/unknown directive "nonsense" in \S+wrong\.conf:1/, 'which one');

# in the background

($text, $status) = program(@options, @extra, '--daemon');
is($status, 0, 'a daemon') or diag($text);
like($text, qr!http://127\.0\.0\.1:$port/acme/directory!, 'its URL');

my $chain = issue('a.example');
is(chain_verify($chain, "$state/root.pem"), 'OK', 'a certificate');

($text, $status) = program(@options, @extra, '--daemon');
is($status, 1, 'a second one in the same folder');
like($text, qr/runs already/, 'and why not');

kill 'QUIT', nginx();
ok(acme_ca_wait(sub { !-e "$state/nginx.pid" }), 'it stops');

# in the foreground: the same authority

$foreground = start(@options, @extra);
ok(acme_ca_wait(sub { nginx() && http_get('/acme/directory') =~ /newOrder/ }),
    'in the foreground') or diag($t->read_file('run.log'));
is(chain_verify(issue('b.example'), "$state/root.pem"), 'OK', 'by the same root');
is(chain_verify($chain, "$state/root.pem"), 'OK', 'which it had before');

kill 'INT', $foreground;
ok(acme_ca_wait(sub { waitpid($foreground, WNOHANG) }), 'Ctrl-C: it ends');
ok(!-e "$state/nginx.pid", 'after its nginx');
$foreground = undef;

undef $t;

###############################################################################

# what the program says, and its exit status

sub program {
    my $pid = start(@_);

    waitpid($pid, 0);

    return ($t->read_file('run.log'), $? >> 8);
}


# what stays in the background must not keep our own output open; a signal that
# somebody had us ignore could not be caught

sub start {
    my (@arguments) = @_;

    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/run.log";
        open STDERR, '>&', \*STDOUT;
        $SIG{$_} = 'DEFAULT' foreach qw/ INT TERM HUP PIPE /;
        exec $program, @arguments;
        exit 127;
    }

    return $pid;
}


# the pid of the nginx that runs in the folder, if one does

sub nginx {
    open my $f, '<', "$state/nginx.pid" or return 0;
    my ($pid) = (<$f> || '') =~ /^(\d+)$/;

    return $pid && kill(0, $pid) ? $pid : 0;
}


sub issue {
    my ($name) = @_;

    my $acme = acme_client($t);
    $acme->new_account();

    return $acme->issue([ $name ])->{chain};
}

###############################################################################
