#!/usr/bin/perl

# (C) the nginx-acme-ca authors

# Certificates of every key type judged by other programs: openssl verify
# -x509_strict, and zlint where it is installed.  t/unit/x509 says how.

###############################################################################

use warnings;
use strict;

use FindBin;

###############################################################################

# 00_unit.t may build at the same time

$ENV{BUILD} ||= "$FindBin::Bin/../build/x509";

exec "$FindBin::Bin/unit/x509" or die "could not run t/unit/x509: $!\n";

###############################################################################
