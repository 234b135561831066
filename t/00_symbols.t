#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# The module exports names of its own prefixes only, as nginx loads modules into
# one namespace, and misses none of its own.

###############################################################################

use warnings;
use strict;

use File::Basename qw/ dirname /;
use Test::More;

BEGIN { chdir dirname(__FILE__) . '/..' or die "chdir: $!"; }

###############################################################################

my $so = 'build/debian/ngx_http_acme_ca_module.so';

if (($ENV{TEST_NGINX_GLOBALS} || '')
    =~ /load_module\s+"?([^;"]*ngx_http_acme_ca_module[^;"]*\.so)"?\s*;/)
{
    $so = $1;
}

plan(skip_all => "no $so") unless -f $so;

my @lines = `nm -D --defined-only $so 2>/dev/null`;

plan(skip_all => 'no nm') if $? == -1 || $? >> 8 == 127;
plan(tests => 4);

my @names = map { (split ' ')[-1] } @lines;

ok(@names > 0, 'nm lists symbols');

ok((grep { $_ eq 'ngx_modules' } @names)
    && (grep { $_ eq 'ngx_http_acme_ca_module' } @names),
    'the module is one of them');

# of the linker
my %linker = map { $_ => 1 } qw/ _init _fini _edata _end __bss_start /;

my @foreign = grep {
    !/^(acme_ca_|ngx_acme_ca_|ngx_http_acme_ca_|ngx_module)/
    && !$linker{$_}
    && !/^__(asan|ubsan|odr_asan|sanitizer)/
} map { s/@.*//r } @names;

is(join("\n", sort @foreign), '', 'no symbol of another prefix');

# nginx finds that out at its start only

my @absent = grep { /^(ngx_http_|ngx_)?acme_ca_/ }
    map { (split ' ')[-1] } `nm -D --undefined-only $so`;

is(join("\n", sort @absent), '', 'no symbol of ours is missing');

###############################################################################
