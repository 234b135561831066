package Test::Nginx::AcmeCa::Jose;

# Copyright (C) the nginx-acme-ca authors
#
# Account keys and JWS (RFC 7515, 7517, 7518, 7638, 8037) for tests: every
# part of a JWS can be replaced, so that a test can send what no client would.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ b64u b64u_decode json_encode json_decode acme_key /;

use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Digest::SHA qw/ sha256 hmac_sha256 /;
use JSON::PP;
use MIME::Base64 qw/ encode_base64 decode_base64 /;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# algorithm => kind of key, hash, RSA padding
my %algorithms = (
    ES256 => [ 'EC', 'SHA256' ],
    ES384 => [ 'EC', 'SHA384' ],
    ES512 => [ 'EC', 'SHA512' ],
    RS256 => [ 'RSA', 'SHA256', 'v1.5' ],
    RS384 => [ 'RSA', 'SHA384', 'v1.5' ],
    RS512 => [ 'RSA', 'SHA512', 'v1.5' ],
    PS256 => [ 'RSA', 'SHA256', 'pss', 32 ],
    PS384 => [ 'RSA', 'SHA384', 'pss', 48 ],
    PS512 => [ 'RSA', 'SHA512', 'pss', 64 ],
    EdDSA => [ 'OKP' ],
);

my %curves = (
    ES256 => [ 'secp256r1', 'P-256' ],
    ES384 => [ 'secp384r1', 'P-384' ],
    ES512 => [ 'secp521r1', 'P-521' ],
);


sub b64u {
    my ($bytes) = @_;

    my $text = encode_base64($bytes, '');
    $text =~ tr!+/!-_!;
    $text =~ s/=+\z//;

    return $text;
}


sub b64u_decode {
    my ($text) = @_;

    $text =~ tr!-_!+/!;

    return decode_base64($text . '=' x (-length($text) % 4));
}


sub json_encode { return $json->encode($_[0]) }

sub json_decode { return $json->decode($_[0]) }


# acme_key("ES256"), acme_key("RS256", bits => 3072, e => 3),
# acme_key("ES256", curve => "secp256k1")

sub acme_key {
    my ($alg, %opts) = @_;

    return $alg if ref $alg;

    my $kind = $algorithms{$alg} or die "unknown algorithm $alg\n";
    my $pk;

    if ($kind->[0] eq 'EC') {
        $pk = Crypt::PK::ECC->new();
        $pk->generate_key($opts{curve} || $curves{$alg}[0]);

    } elsif ($kind->[0] eq 'RSA') {
        $pk = Crypt::PK::RSA->new();
        $pk->generate_key(($opts{bits} || 2048) / 8, $opts{e} || 65537);

    } else {
        $pk = Crypt::PK::Ed25519->new();
        $pk->generate_key();
    }

    return bless { alg => $alg, kind => $kind->[0], pk => $pk,
                   curve => $opts{curve} };
}


# the public JWK as a hash; "private => 1" adds what must never be sent

sub jwk {
    my ($self, %opts) = @_;

    return { %{$self->{jwk}} } if $self->{jwk} && !$opts{private};

    my $jwk = json_decode($self->{pk}->export_key_jwk(
                              $opts{private} ? 'private' : 'public'));
    delete $jwk->{kid};

    return $jwk;
}


sub thumbprint {
    my ($self) = @_;
    my %members = (EC => [ qw/ crv kty x y / ], RSA => [ qw/ e kty n / ],
                   OKP => [ qw/ crv kty x / ]);
    my $jwk = $self->jwk();

    return b64u(sha256(json_encode({ map { $_ => $jwk->{$_} }
                                     @{$members{$self->{kind}}} })));
}


# raw bytes of the signature as RFC 7518 wants them

sub sign {
    my ($self, $data, $alg) = @_;

    $alg = $self->{alg} unless defined $alg;

    return '' if $alg eq 'none';
    return hmac_sha256($data, json_encode($self->jwk())) if $alg =~ /^HS/;

    my $how = $algorithms{$alg};
    $how = $algorithms{$self->{alg}} if !$how || $how->[0] ne $self->{kind};

    return $self->{pk}->sign_message_rfc7518($data, $how->[1])
        if $self->{kind} eq 'EC';

    return $self->{pk}->sign_message($data) if $self->{kind} eq 'OKP';

    return $self->{pk}->sign_message($data, $how->[1], @{$how}[2 .. $#$how]);
}


# SubjectPublicKeyInfo, DER

sub spki {
    my ($self) = @_;

    return $self->{spki} if $self->{spki};
    return $self->{pk}->export_key_der('public_short')
        if $self->{kind} eq 'EC';
    return $self->{pk}->export_key_der('public') if $self->{kind} eq 'OKP';

    my $pem = $self->{pk}->export_key_pem('public_x509');
    $pem =~ s/-----[^-]+-----//g;

    return decode_base64($pem);
}


sub private_pem {
    my ($self) = @_;

    my $pem = $self->{pk}->export_key_pem(
                  $self->{kind} eq 'EC' ? 'private_short' : 'private');
    $pem =~ s/ED25519 (?=PRIVATE)//g;

    return $pem;
}


# The JWS of a request as a hash (flattened JSON serialization).
#
#     protected   hash; a member of undef is left out; or text, sent as it is
#     payload     text
#     alg         the algorithm to sign by, when the header should lie
#     signature   raw bytes, or a function (signature, signed text) => bytes
#     members     more members of the JWS, undef removes one

sub jws {
    my ($self, %opts) = @_;

    my $protected = $opts{protected};

    if (ref $protected) {
        my %header = %$protected;
        delete $header{$_} for grep { !defined $header{$_} } keys %header;
        $protected = json_encode(\%header);
    }

    my $signed = b64u($protected) . '.' . b64u($opts{payload});
    my $alg = defined $opts{alg} ? $opts{alg}
              : ref $opts{protected} && defined $opts{protected}{alg}
                && !ref $opts{protected}{alg} ? $opts{protected}{alg}
              : $self->{alg};
    my $signature = $self->sign($signed, $alg);

    if (ref $opts{signature}) {
        $signature = $opts{signature}->($signature, $signed);

    } elsif (defined $opts{signature}) {
        $signature = $opts{signature};
    }

    my %jws = (protected => b64u($protected), payload => b64u($opts{payload}),
               signature => b64u($signature), %{$opts{members} || {}});
    delete $jws{$_} for grep { !defined $jws{$_} } keys %jws;

    return \%jws;
}


1;
