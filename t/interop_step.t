#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# step, the client of step-ca, with its own server: names and addresses in one
# certificate.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Interop;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('step');
my $dir = $t->testdir();

interop_conf($t)->plan(11)->run();

###############################################################################

step_ok('names', 'one', 'a.example', 'b.example');
interop_issued($t, 'names', interop_slurp("$dir/one.crt"),
    'a.example b.example');

step_ok('address', 'two', 'c.example', '127.0.0.1');
interop_issued($t, 'address', interop_slurp("$dir/two.crt"),
    'c.example 127.0.0.1');

my ($status, $text) = interop_client($t, command('gone', 'gone.example'));
isnt($status, 0, 'a name that nobody knows');

undef $t;

###############################################################################

sub step_ok {
    my ($name, @args) = @_;

    return interop_ok($t, $name, command(@args));
}


sub command {
    my ($file, @names) = @_;

    return ("STEPPATH=$dir/step", 'step', 'ca', 'certificate', $names[0],
        "$dir/$file.crt", "$dir/$file.key", '--acme',
        acme_ca_url(tls => 1) . '/directory', '--root', interop_root($t),
        '--contact', 'mailto:admin@example.com', '--standalone', '--http-listen',
        '127.0.0.1:' . port(8083), map { ('--san', $_) } @names);
}

###############################################################################
