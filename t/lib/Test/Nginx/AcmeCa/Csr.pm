package Test::Nginx::AcmeCa::Csr;

# Copyright (C) the nginx-acme-ca authors
#
# Certificate requests (RFC 2986) for tests, written as DER by hand: right
# ones, and any wrong one a test can think of.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ acme_csr der der_oid der_sequence der_set der_octets
    der_bits der_integer der_utf8 der_signed der_extensions general_names /;

use Socket qw/ AF_INET AF_INET6 inet_pton /;

my %signatures = (
    EC  => { SHA1   => '1.2.840.10045.4.1', SHA256 => '1.2.840.10045.4.3.2',
             SHA384 => '1.2.840.10045.4.3.3',
             SHA512 => '1.2.840.10045.4.3.4' },
    RSA => { MD5    => '1.2.840.113549.1.1.4',
             SHA1   => '1.2.840.113549.1.1.5',
             SHA256 => '1.2.840.113549.1.1.11',
             SHA384 => '1.2.840.113549.1.1.12',
             SHA512 => '1.2.840.113549.1.1.13' },
    OKP => { SHA512 => '1.3.101.112' },
);

my %names = (CN => '2.5.4.3', C => '2.5.4.6', O => '2.5.4.10',
             OU => '2.5.4.11');


sub der {
    my ($tag, $content) = @_;
    my $length = length $content;

    return pack('C2', $tag, $length) . $content if $length < 128;

    my $bytes = pack('N', $length);
    $bytes =~ s/\A\0+//;

    return pack('C2', $tag, 0x80 | length $bytes) . $bytes . $content;
}


sub der_sequence { return der(0x30, join('', @_)) }

sub der_set { return der(0x31, join('', @_)) }

sub der_octets { return der(0x04, $_[0]) }

sub der_bits { return der(0x03, "\0$_[0]") }

sub der_integer { return der(0x02, pack('C', $_[0])) }

sub der_utf8 { return der(0x0c, $_[0]) }

sub der_boolean { return der(0x01, $_[0] ? "\xff" : "\0") }


sub der_oid {
    my ($first, $second, @arcs) = split /\./, $_[0];

    return der(0x06, join '', map { pack('w', $_) }
                                  $first * 40 + $second, @arcs);
}


# The request, DER.
#
#     key         an acme_key() of the certificate, or of any other kind
#     dns, ip, email, uri    lists for the subject alternative names
#     general     list of ready DER GeneralNames, added to those
#     cn          the common name; subject: [ [ O => "x" ], ... ] more
#     subject_der the whole subject, DER
#     extensions  [ [ oid, critical, DER value ], ... ]
#     no_extensions  no extension request at all
#     attributes  ready DER attributes, added
#     version     0
#     hash        SHA256
#     signature   function (DER signature, signed bytes) => bytes
#     signer      another key that signs

sub acme_csr {
    my (%opts) = @_;
    my $key = $opts{key};

    return der_signed($opts{signer} || $key, sub { der_sequence(
        der_integer($opts{version} || 0),
        subject(%opts),
        $key->spki(),
        der(0xa0, attributes(%opts))) }, %opts);
}


# what a function makes, which is given the AlgorithmIdentifier, with that and
# the signature behind it; hash and signature as of acme_csr()

sub der_signed {
    my ($signer, $code, %opts) = @_;
    my $kind = $signer->{kind};
    my $hash = $opts{hash} || ($kind eq 'OKP' ? 'SHA512' : 'SHA256');

    my $algorithm = der_sequence(der_oid($signatures{$kind}{$hash}),
                                 $kind eq 'RSA' ? der(0x05, '') : '');

    my $info = $code->($algorithm);

    my $signature = $kind eq 'OKP' ? $signer->{pk}->sign_message($info)
        : $kind eq 'EC' ? $signer->{pk}->sign_message($info, $hash)
        : $signer->{pk}->sign_message($info, $hash, 'v1.5');

    $signature = $opts{signature}->($signature, $info) if $opts{signature};

    return der_sequence($info, $algorithm, der_bits($signature));
}


sub subject {
    my (%opts) = @_;

    return $opts{subject_der} if defined $opts{subject_der};

    my @parts = @{$opts{subject} || []};
    push @parts, [ CN => $opts{cn} ] if defined $opts{cn};

    return der_sequence(map {
        my ($name, $value) = @$_;
        der_set(der_sequence(der_oid($names{$name} || $name),
                             $name eq 'C' ? der(0x13, $value)
                                          : der_utf8($value)))
    } @parts);
}


sub attributes {
    my (%opts) = @_;
    my @extensions = @{$opts{extensions} || []};

    my $names = general_names(%opts);
    unshift @extensions, [ '2.5.29.17', 0, $names ] if defined $names;

    my $attributes = $opts{attributes} || '';

    return $attributes if $opts{no_extensions} || !@extensions;

    return der_sequence(
        der_oid('1.2.840.113549.1.9.14'),
        der_set(der_extensions(@extensions))) . $attributes;
}


# [ oid, critical, DER value ], ...

sub der_extensions {
    return der_sequence(map {
        der_sequence(der_oid($_->[0]), $_->[1] ? der_boolean(1) : '',
                     der_octets($_->[2]))
    } @_);
}


# the value of a subjectAltName, or undef

sub general_names {
    my (%opts) = @_;

    my @general = (
        (map { der(0x82, $_) } @{$opts{dns} || []}),
        (map { der(0x87, address($_)) } @{$opts{ip} || []}),
        (map { der(0x81, $_) } @{$opts{email} || []}),
        (map { der(0x86, $_) } @{$opts{uri} || []}),
        @{$opts{general} || []});

    return @general ? der_sequence(@general) : undef;
}


sub address {
    my ($text) = @_;

    return inet_pton($text =~ /:/ ? AF_INET6 : AF_INET, $text);
}


1;
