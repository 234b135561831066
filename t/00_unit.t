#!/usr/bin/perl

# (C) the nginx-acme-ca authors

# The unit tests of the pure rooms: t/unit/run says how, and speaks TAP.

###############################################################################

use warnings;
use strict;

use FindBin;

###############################################################################

exec "$FindBin::Bin/unit/run" or die "could not run t/unit/run: $!\n";

###############################################################################
