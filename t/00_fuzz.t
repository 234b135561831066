#!/usr/bin/perl

# (C) the nginx-acme-ca authors

# The fuzz targets, for a few seconds each: t/fuzz/run says how, and speaks TAP.

###############################################################################

use warnings;
use strict;

use FindBin;

###############################################################################

exec "$FindBin::Bin/fuzz/run" or die "could not run t/fuzz/run: $!\n";

###############################################################################
