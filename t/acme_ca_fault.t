#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Faults of the database while nginx runs: clients are told at once, with
# Retry-After and a problem document, the log says what to do, and the service
# comes back by itself when the fault is gone.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use IO::Handle;
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Piped;
use Time::HiRes qw/ sleep time /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();
my $home = "$dir/ca";
my $db = "$home/ca.db";
my @files = map { "$db$_" } '', '-wal', '-shm';

acme_ca_conf($t)->plan(65)->run();

my $acme = acme_client($t);
$acme->new_account();
my $order = $acme->new_order([ 'before.example' ]);
my $issued = $acme->issue([ 'issued.example' ]);

is($order->{status}, 201, 'order before all faults');

###############################################################################

# another program holds the write lock

my $holder = holder();

refused('locked database', qr/another process holds the database/);
reads('locked database');

# nobody queues behind those who wait for the same lock: all are told in the
# time of one

is_deeply([ map { my $line = <$_>; close $_; $line }
            map { piped(\&asker) } 1 .. 8 ],
    [ ("503 serverInternal\n") x 8 ], 'locked database: many at once');
close $holder;
comes_back('lock released');

###############################################################################

# read-only: what is open stays so; for new workers it is not

mode(0400, @files);
new_workers();

refused('read-only database', qr/cannot be written|readable and writable/);
mode(0600, @files);
comes_back('writable database');

# and a folder in which no journal can be made

sql('PRAGMA wal_checkpoint(TRUNCATE)');
unlink @files[1, 2];
mode(0500, $home);
new_workers();

refused('read-only folder', qr/cannot be (?:written|opened)/);
mode(0700, $home);
comes_back('writable folder');

###############################################################################

# the database is away

rename $_, "$_.away" for @files;

refused('no database', qr/\Q$db\E.*was moved or removed/);
reads('no database');
rename "$_.away", $_ for @files;
comes_back('database is there again');

# away for new workers as well

rename $_, "$_.away" for @files;
new_workers();

refused('no database for new workers', qr/cannot find "\Q$db\E"/);
rename "$_.away", $_ for @files;
comes_back('database is there again for new workers');

###############################################################################

# damaged; the bytes come back

sql('PRAGMA wal_checkpoint(TRUNCATE)');
my $bytes = read_text($db);

overwrite($db, substr($bytes, 0, 4096) . 'x' x (length($bytes) - 4096));
new_workers();

my $reply = ask();
like($reply->outcome(), qr/^50[03] serverInternal$/, 'damaged database');
ok(acme_ca_wait(sub { logged() =~ /damaged|malformed/ }),
    'damaged database: advice');

overwrite($db, $bytes);
comes_back('repaired database');

# cut short, as by a copy of a backup onto the file

sql('PRAGMA wal_checkpoint(TRUNCATE)');
$bytes = read_text($db);
truncate $db, 4096;

like(ask()->outcome(), qr/^50[03] serverInternal$/, 'cut database');
like($acme->post($order->location())->outcome(), qr/^50[03] serverInternal$/,
    'cut database: read');

overwrite($db, $bytes);
comes_back('whole database');

###############################################################################

# a full disk, where we may make one

SKIP: {
    skip 'no root', 9 unless $> == 0;

    $t->stop();
    mkdir "$dir/small";
    chmod 0755, "$dir/small";

    skip 'cannot mount', 9
        if system("mount -t tmpfs -o size=1m,mode=0755 tmpfs $dir/small"
                  . ' 2>/dev/null') != 0;

    $t->write_file_expand('nginx.conf', Test::Nginx::AcmeCa::conf_text(
        path => '%%TESTDIR%%/small/ca'));
    unlink "$dir/nginx.pid";
    $t->run();

    my $small = $acme->another();
    is($small->new_account()->{status}, 201, 'account on a small disk');
    my $known = $small->new_order([ 'known.example' ]);

    open my $f, '>', "$dir/small/filler";
    $f->autoflush(1);
    1 while syswrite $f, 'x' x 4096;

    # the journal may have room left
    for (1 .. 300) {
        $reply = $small->new_order([ "n$_.example" ]);
        last if $reply->{status} != 201;
    }

    fault($reply, 'full disk');
    like(logged(), qr/disk is full|failed or is full/, 'full disk: advice');
    is($small->post($known->location())->{status}, 200, 'full disk: reads');

    close $f;
    unlink "$dir/small/filler";

    ok(acme_ca_wait(sub {
        $small->new_order([ 'again.example' ])->{status} == 201;
    }), 'space again');
    is($small->post($known->location())->{status}, 200,
        'what was acknowledged is there');

    $t->stop();
    is(system("umount $dir/small"), 0, 'no disk any more');

    $t->write_file_expand('nginx.conf', Test::Nginx::AcmeCa::conf_text());
    unlink "$dir/nginx.pid";
    $t->run();
}

###############################################################################

# nothing that was acknowledged is lost

is($acme->post($order->location())->json()->{status}, 'pending',
    'order is there');
is($acme->post($issued->{certificate_url})->{body}, $issued->{chain},
    'certificate is there');
is($acme->issue([ 'after.example' ])->{order}->json()->{status}, 'valid',
    'issues as before');
is(acme_ca_faults($t), '', 'nothing that may not be');

is(() = $t->read_file('error.log') =~ /exited on signal/g, 0,
    'no worker died');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

my $mark;

# a request that has to be written

sub ask {
    $mark = length $t->read_file('error.log');
    return $acme->new_order([ 'ask.example' ]);
}


# a process that does so and says what it was told, within some seconds

sub asker {
    my $client = $acme->another(key => $acme->{key}, kid => $acme->{kid},
                                keep_alive => 0, timeout => 30);
    my $reply = eval { $client->new_order([ 'ask.example' ]) };
    print $reply ? $reply->outcome() : $@, "\n";
}


# told at once and well, with advice in the log

sub refused {
    my ($name, $advice) = @_;

    my $from = time();
    fault(ask(), $name);
    cmp_ok(time() - $from, '<', 60, "$name: in time");

    ok(acme_ca_wait(sub { $t->read_file('error.log') =~ $advice }),
        "$name: advice") or diag(logged());
}


sub fault {
    my ($reply, $name) = @_;

    is($reply->outcome(), '503 serverInternal', $name)
        or diag("$reply->{reason}: $reply->{body}");
    like($reply->header('Retry-After') || '', qr/^\d+$/,
        "$name: Retry-After");
    isnt($reply->header('Replay-Nonce'), undef, "$name: nonce");
}


# what only reads goes on

sub reads {
    my ($name) = @_;

    is($acme->get($acme->{directory})->{status}, 200, "$name: directory");
    is($acme->head($acme->url('newNonce'))->{status}, 200, "$name: nonce");
    is($acme->post($order->location())->{status}, 200, "$name: order");
}


sub comes_back {
    my ($name) = @_;

    ok(acme_ca_wait(sub { ask()->{status} == 201 }), $name);
    is($acme->post($order->location())->{status}, 200, "$name: order");
}


# what was logged since the last request, of error and worse

sub logged {
    return join "\n", grep { /\[(?:error|crit|alert|emerg)\]/ }
        split /\n/, substr($t->read_file('error.log'), $mark || 0);
}


# a program that holds the write lock until its input ends

sub holder {
    open my $pipe, '|-', 'sqlite3', '-bail', $db or die "No sqlite3: $!\n";
    $pipe->autoflush(1);
    print {$pipe} ".timeout 10000\nBEGIN IMMEDIATE;\n"
        . ".shell touch $dir/held\n";
    acme_ca_wait(sub { -e "$dir/held" });

    return $pipe;
}


sub mode {
    my ($mode, @names) = @_;
    chmod $mode, grep { -e } @names;
}


# the master puts others in their places

sub new_workers {
    my %old = map { $_ => 1 } acme_ca_workers($t);

    kill 'QUIT', keys %old;
    acme_ca_wait(sub {
        my @now = acme_ca_workers($t);
        return @now == 2 && !grep { $old{$_} } @now;
    });
}


sub sql {
    return acme_ca_sql($t, $_[0]);
}


sub read_text {
    open my $f, '<', $_[0] or die "Can't open $_[0]: $!\n";
    binmode $f;
    local $/;
    return scalar <$f>;
}


# in its place: the same file

sub overwrite {
    my ($name, $bytes) = @_;

    open my $f, '+<', $name or die "Can't open $name: $!\n";
    binmode $f;
    syswrite $f, $bytes;
    close $f;
}

###############################################################################
