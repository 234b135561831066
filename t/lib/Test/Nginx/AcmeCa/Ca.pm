package Test::Nginx::AcmeCa::Ca;

# Copyright (C) the nginx-acme-ca authors
#
# Certificate authorities of an operator, by openssl(1): FILE.pem and FILE.key
# in the test's folder.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ make_ca /;


# Makes a CA certificate:
#
#     make_ca($t, 'root');
#     make_ca($t, 'issuer', name => 'Issuer', parent => 'root');
#     make_ca($t, 'cross', name => 'Issuer', key => 'issuer', parent => 'other');
#
#     name           the common name: the file's by default
#     key            the file whose key it is; one that is not there is made
#     parent         the file that signs it; itself by default
#     kind           of a new key, as openssl req takes it: EC of P-256
#     days           30
#     constraints    CA:TRUE
#     usage          keyCertSign, cRLSign
#     extensions     lines of more of them

sub make_ca {
    my ($t, $file, %opts) = @_;

    my $run = \&Test::Nginx::AcmeCa::run;
    my $dir = $t->testdir();
    my $key = "$dir/" . (defined $opts{key} ? $opts{key} : $file) . '.key';

    my %of = (
        name => $file,
        kind => [ qw/ -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 / ],
        days => 30,
        constraints => 'CA:TRUE',
        usage => 'keyCertSign, cRLSign',
        extensions => '',
        %opts,
    );

    $t->write_file('ca.ext', <<EOF);
basicConstraints = critical, $of{constraints}
keyUsage = critical, $of{usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
$of{extensions}
EOF

    my $said = $run->('openssl', 'req', '-new', '-subj', "/CN=$of{name}",
        -e $key ? ('-key', $key) : (@{$of{kind}}, '-nodes', '-keyout', $key),
        '-out', "$dir/$file.csr");

    $said .= $run->('openssl', 'x509', '-req', '-in', "$dir/$file.csr",
        '-days', $of{days}, '-extfile', "$dir/ca.ext",
        '-out', "$dir/$file.pem", '-set_serial', 1 + int(rand(1 << 30)),
        defined $of{parent} ? ('-CA', "$dir/$of{parent}.pem",
                               '-CAkey', "$dir/$of{parent}.key")
                            : ('-signkey', $key));

    die "no CA $file: $said\n" unless -s "$dir/$file.pem";
}


1;
