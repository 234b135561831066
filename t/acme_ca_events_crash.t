#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Event hooks, when something ends in between: workers that are killed, a
# reload, a restart, another key, hooks that come and go.  All stays queued, is
# told in its order, and, but for the kill, once.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Receiver;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http proxy cryptx /)
    ->has_daemon('sqlite3');
my $dir = $t->testdir();

# "exited on signal 9" is an alert; what else there is, is looked for below
$t->todo_alerts();

# the second line of the file, later
my $new_key = 'a key for the time after this one';

receiver_start($t, 8090);
configure({ '/all' => 'revoked timeout=1m',
            '/revoked' => 'revoked timeout=1s' });
$t->plan(19)->run();

my $key = key();
my $acme = acme_client($t);
$acme->new_account();

###############################################################################

my @names = map { "n$_.example" } 1 .. 6;
my @chains = map { $acme->issue([ $_ ])->{chain} } @names;

# kill -9 while it is told

put_receiver($t, '/revoked', hold => "$dir/never");
$acme->revoke($chains[0]);
receiver_names($t, '/all', 1);
ok(acme_ca_wait(sub { !receiver_hook($t, '/all')->{lease_until} }),
    'the other one was told');
ok(acme_ca_wait(sub { receiver_hook($t, '/revoked')->{lease_until} }),
    'it is told');
kill 'KILL', acme_ca_workers($t);
put_receiver($t, '/revoked');
ok(acme_ca_wait(sub { grep { $_ eq $names[0] }
    receiver_names($t, '/revoked') }), 'killed workers: told by others');
ok(acme_ca_wait(sub { !receiver_hook($t, '/revoked')->{lease_until} }),
    'and written');

# a reload while it is told, with another key beside the old one, another hook,
# and one that goes

put_receiver($t, '/all', hold => "$dir/reloaded");
$acme->revoke($chains[2]);
ok(acme_ca_wait(sub { receiver_hook($t, '/all')->{lease_until} }),
    'it is told');

open my $f, '>>', "$dir/ca/event.key" or die "event.key: $!\n";
print {$f} "$new_key\n";
close $f;

configure({ '/all' => 'revoked', '/more' => 'revoked retry=1s' });
ok(acme_ca_reload($t), 'reloaded');
put_receiver($t, '/all');
$t->write_file('reloaded', '');
$acme->revoke($chains[3]);
is(join(' ', receiver_names($t, '/more', 1)), $names[3],
    'a new hook begins at the end');
is(join(' ', receiver_names($t, '/all', 3)), "@names[0, 2, 3]",
    'the old one goes on');
is(receiver_twice($t, '/all'), '', '/all: each once');
is(receiver_hook($t, '/revoked'), undef, 'one that went is forgotten');
is(receiver_signed((receiver_taken($t, '/more'))[0], $key, $new_key), '',
    'signed with both keys');

# what happened before the end is told after it

put_receiver($t, '/more', status => 503);
$acme->revoke($chains[4]);
ok(acme_ca_wait(sub { receiver_hook($t, '/more')->{attempts} }), 'not taken');
$t->stop();
put_receiver($t, '/more');
$t->run();
is((receiver_names($t, '/more', 2))[1], $names[4], 'told after a restart');
is(receiver_twice($t, '/more'), '', '/more: each once');
ok(acme_ca_wait(sub { !receiver_hook($t, '/more')->{attempts} }),
    'and written');

# nothing of the log goes that a hook has not had

put_receiver($t, '/more', status => 503);
$acme->revoke($chains[5]);
ok(acme_ca_wait(sub { receiver_hook($t, '/more')->{attempts} }), 'not taken');
my $place = receiver_hook($t, '/more')->{log_id};
my $last = acme_ca_sql_value($t, 'SELECT max(id) FROM acme_audit_checkpoints');
ok(acme_ca_wait(sub { $place < ($last = acme_ca_sql_value($t,
    'SELECT max(id) FROM acme_audit_checkpoints')) }), 'signed meanwhile');
my $seal = "UPDATE acme_ca_meta SET audit_sealed = $last";
isnt(system("sqlite3 -bail '$dir/ca/ca.db' '$seal' > /dev/null 2>&1"), 0,
    'the log is not sealed before it was told');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\](?!.*exited on signal 9$)/), '',
    'no other alerts');

undef $t;

###############################################################################

sub configure {
    my ($hooks) = @_;

    my $authority = join '', map { "        event_hook $_ $hooks->{$_};\n" }
        sort keys %$hooks;

    acme_ca_conf($t, workers => 3, daemons => $t->{_configured}++ ? 0 : 1,
        authority => "audit_checkpoint 2s;\n$authority",
        server => 'location ~ ^/(all|revoked|more)$ { internal;'
            . ' proxy_pass http://127.0.0.1:%%PORT_8090%%; }');
}


sub key {
    my ($line) = split /\n/, $t->read_file('ca/event.key');
    return $line;
}

###############################################################################
