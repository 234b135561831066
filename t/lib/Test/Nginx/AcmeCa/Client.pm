package Test::Nginx::AcmeCa::Client;

# Copyright (C) the nginx-acme-ca authors
#
# An ACME client (RFC 8555) for tests.  It does what it is told: each request
# may replace every part of what is sent, and every reply comes back as it
# was, whether it is an error or not.

use warnings;
use strict;

use Digest::SHA qw/ hmac_sha256 hmac_sha384 hmac_sha512 /;
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw/ decode_base64 /;
use Test::Nginx qw/ log_in log_out /;
use Test::Nginx::AcmeCa::Csr;
use Test::Nginx::AcmeCa::Jose;
use Time::HiRes qw/ time sleep /;

sub new {
    my ($class, %opts) = @_;

    my $self = bless {
        directory  => $opts{directory},
        timeout    => $opts{timeout} || 60,
        agent      => exists $opts{agent} ? $opts{agent} : 'acme-ca-test/1',
        ca         => $opts{ca},
        host       => $opts{host},
        via        => $opts{via},
        keep_alive => exists $opts{keep_alive} ? $opts{keep_alive} : 1,
        tokens     => $opts{tokens},
        poll       => $opts{poll} || 0.05,
        kid        => $opts{kid},
        nonces     => [],
        pid        => $$,
        links      => {},
    }, $class;

    $self->{key} = acme_key($opts{key} || 'ES256');

    return $self;
}


# another client of the same server: a new account key unless one is given

sub another {
    my ($self, %opts) = @_;

    return ref($self)->new(
        (map { $_ => $self->{$_} } qw/ directory timeout agent ca host
             via keep_alive tokens poll /), %opts);
}


# HTTP

sub get {
    my ($self, $url, %opts) = @_;
    return $self->request('GET', $url, %opts);
}


sub head {
    my ($self, $url, %opts) = @_;
    return $self->request('HEAD', $url, %opts);
}


# headers: list of [ name, value ]; body: text.  "raw" is sent in place of
# head and body.

sub request {
    my ($self, $method, $url, %opts) = @_;
    my ($scheme, $authority, $path)
        = $url =~ m!^(https?)://([^/]+)(/.*)?$!
        or die "bad URL '$url'\n";

    $path = '/' unless defined $path;

    my @headers = @{$opts{headers} || []};
    my %given = map { lc $_->[0] => 1 } @headers;

    unshift @headers, [ 'User-Agent', $self->{agent} ]
        if defined $self->{agent} && !$given{'user-agent'};
    unshift @headers, [ 'Host', $self->{host} || $authority ]
        unless $given{host};
    push @headers, [ 'Connection', 'close' ] unless $self->{keep_alive};
    push @headers, [ 'Content-Length', length $opts{body} ]
        if defined $opts{body} && !$given{'content-length'}
           && !$given{'transfer-encoding'};

    my $text = defined $opts{raw} ? $opts{raw}
        : "$method $path HTTP/1.1\r\n"
          . join('', map { "$_->[0]: $_->[1]\r\n" } @headers) . "\r\n"
          . (defined $opts{body} ? $opts{body} : '');

    # links of a child process are its own
    if ($self->{pid} != $$) {
        $self->{links} = {};
        $self->{pid} = $$;
    }

    my $reused = $self->{links}{"$scheme:$authority"} ? 1 : 0;
    my $reply = $self->exchange($method, $scheme, $authority, $text);

    # the server may close an idle connection at any time
    $reply = $self->exchange($method, $scheme, $authority, $text)
        if !$reply && $reused;

    $reply ||= bless { status => 0, reason => $@ || 'no reply',
                       headers => [], body => '' },
                     'Test::Nginx::AcmeCa::Reply';

    my $nonce = $reply->header('Replay-Nonce');
    push @{$self->{nonces}}, $nonce if defined $nonce;

    return $reply;
}


sub exchange {
    my ($self, $method, $scheme, $authority, $text) = @_;
    my $name = "$scheme:$authority";
    my $reply;

    eval {
        local $SIG{ALRM} = sub { die "timeout\n" };
        local $SIG{PIPE} = sub { die "sigpipe\n" };
        alarm($self->{timeout});

        my $link = $self->{links}{$name} ||= $self->connect($scheme,
                                                            $authority);
        log_out($text);
        print {$link->{socket}} $text or die "write: $!\n";

        $reply = read_reply($link, $method);
        alarm(0);
    };
    my $failed = $@;
    alarm(0);

    delete $self->{links}{$name} if !$reply || $reply->{close};

    log_in($reply ? $reply->{head} . "\n" . $reply->{body}
                  : "failed: $failed");
    $@ = $failed;

    return $reply;
}


sub connect {
    my ($self, $scheme, $authority) = @_;

    # a gateway to another version of HTTP is told all in plain HTTP/1.1
    ($scheme, $authority) = ('http', $self->{via}) if $self->{via};

    my ($host, $port) = $authority =~ /^(.*?)(?::(\d+))?$/;

    $port ||= $scheme eq 'https' ? 443 : 80;

    my $socket = IO::Socket::INET->new(Proto => 'tcp',
                                       PeerAddr => $host, PeerPort => $port)
        or die "can't connect to $authority: $!\n";

    if ($scheme eq 'https') {
        require IO::Socket::SSL;
        my @verify = defined $self->{ca}
            ? (SSL_verify_mode => 1, SSL_ca_file => $self->{ca},
               SSL_verifycn_scheme => 'http', SSL_verifycn_name => $host,
               SSL_hostname => $host =~ /[a-z]/i ? $host : '')
            : (SSL_verify_mode => 0);
        push @verify, SSL_use_cert => 1, @{$self->{cert}} if $self->{cert};
        IO::Socket::SSL->start_SSL($socket, @verify)
            or die 'TLS: ' . IO::Socket::SSL::errstr() . "\n";
    }

    $socket->autoflush(1);

    return { socket => $socket, buffer => '' };
}


sub more {
    my ($link) = @_;

    my $n = sysread($link->{socket}, $link->{buffer}, 65536,
                    length $link->{buffer});
    die "read: $!\n" unless defined $n;

    return $n;
}


sub read_reply {
    my ($link, $method) = @_;
    my $reply;

    # 100 is no more than a promise of the one that counts
    do {
        $reply = read_one_reply($link, $method);
    } while ($reply->{status} == 100);

    return $reply;
}


sub read_one_reply {
    my ($link, $method) = @_;

    while ($link->{buffer} !~ /\r?\n\r?\n/) {
        more($link) or die "closed\n";
    }

    $link->{buffer} =~ s/\A(.*?)\r?\n\r?\n//s;
    my $head = $1;
    my ($line, @lines) = split /\r?\n/, $head;
    my ($version, $status, $reason)
        = $line =~ m!^HTTP/(1\.\d) (\d{3})(?: (.*))?$!
        or die "bad status line '$line'\n";

    my $reply = bless {
        status => $status, reason => $reason, head => $head, body => '',
        headers => [ map { [ /^([^:]+):\s*(.*?)\s*$/ ] } @lines ],
    }, 'Test::Nginx::AcmeCa::Reply';

    my $connection = $reply->header('Connection') || '';
    $reply->{close} = $version eq '1.0' || $connection =~ /close/i;

    return $reply if $method eq 'HEAD' || $status =~ /^(?:1..|204|304)$/;

    my $length = $reply->header('Content-Length');

    if (($reply->header('Transfer-Encoding') || '') =~ /chunked/i) {
        read_chunks($link, $reply);

    } elsif (defined $length) {
        while (length $link->{buffer} < $length) {
            more($link) or die "closed in the body\n";
        }
        $reply->{body} = substr($link->{buffer}, 0, $length, '');

    } else {
        1 while more($link);
        $reply->{body} = $link->{buffer};
        $reply->{close} = 1;
    }

    return $reply;
}


sub read_chunks {
    my ($link, $reply) = @_;

    while (1) {
        more($link) or die "closed in a chunk\n"
            until $link->{buffer} =~ s/\A([0-9a-f]+)[^\n]*\r\n//i;
        my $size = hex($1);

        while (length $link->{buffer} < $size + 2) {
            more($link) or die "closed in a chunk\n";
        }

        $reply->{body} .= substr($link->{buffer}, 0, $size);
        substr($link->{buffer}, 0, $size + 2, '');

        return if $size == 0;
    }
}


# ACME

sub directory {
    my ($self) = @_;

    $self->{urls} ||= $self->get($self->{directory})->json();

    return $self->{urls};
}


sub url {
    my ($self, $name) = @_;

    my $url = $self->directory()->{$name};
    die "no $name in the directory\n" unless defined $url;

    return $url;
}


# the newest unused nonce, or a new one

sub nonce {
    my ($self) = @_;

    $self->head($self->url('newNonce')) unless @{$self->{nonces}};

    return pop @{$self->{nonces}};
}


sub fresh_nonce {
    my ($self) = @_;

    $self->{nonces} = [];

    return $self->nonce();
}


# A signed request.  $payload: undef for POST-as-GET, text as it is, or a
# reference that becomes JSON.
#
#     key, kid       other than the client's; "jwk => 1" sends the key itself
#     nonce          this one (undef: none at all); no retry of badNonce then
#     url            in the protected header
#     protected      members that replace or remove (undef) those of the
#                    protected header, or the whole header as text
#     alg, signature, members   see Test::Nginx::AcmeCa::Jose
#     content_type   undef sends none
#     headers        more header lines
#     body           the whole body, in place of a JWS

sub post {
    my ($self, $url, $payload, %opts) = @_;
    my $reply;

    # RFC 8555, 6.5: a client retries badNonce with the nonce of the error
    for my $try (1 .. 10) {
        my $body = defined $opts{body} ? $opts{body}
            : json_encode($self->jws($url, $payload, %opts));

        $reply = $self->send_jws($url, $body, %opts);

        last if exists $opts{nonce} || defined $opts{body}
                || $reply->type() ne 'badNonce';
    }

    return $reply;
}


sub send_jws {
    my ($self, $url, $body, %opts) = @_;
    my @headers = @{$opts{headers} || []};
    my $type = exists $opts{content_type} ? $opts{content_type}
        : 'application/jose+json';

    push @headers, [ 'Content-Type', $type ] if defined $type;

    return $self->request('POST', $url, headers => \@headers, body => $body);
}


# the JWS that post() would send, as a hash

sub jws {
    my ($self, $url, $payload, %opts) = @_;
    my $key = $opts{key} || $self->{key};
    my $protected = $opts{protected};

    if (!defined $protected || ref $protected) {
        my %header = (alg => $key->{alg},
                      url => defined $opts{url} ? $opts{url} : $url);

        my $nonce = exists $opts{nonce} ? $opts{nonce} : $self->nonce();
        $header{nonce} = $nonce if defined $nonce;

        my $kid = defined $opts{kid} ? $opts{kid} : $self->{kid};

        if ($opts{jwk} || !defined $kid) {
            $header{jwk} = $key->jwk();

        } else {
            $header{kid} = $kid;
        }

        $protected = { %header, %{$protected || {}} };
    }

    $payload = !defined $payload ? '' : ref $payload ? json_encode($payload)
        : $payload;

    return $key->jws(protected => $protected, payload => $payload,
                     map { $_ => $opts{$_} }
                     grep { exists $opts{$_} } qw/ alg signature members /);
}


sub new_account {
    my ($self, $payload, %opts) = @_;

    my $reply = $self->post($self->url('newAccount'),
                            { termsOfServiceAgreed => JSON::PP::true,
                              %{$payload || {}} },
                            jwk => 1, %opts);

    $self->{kid} = $reply->location()
        if $reply->{status} =~ /^20[01]$/ && !$opts{key};

    return $reply;
}


# RFC 8555, 7.3.4: the "externalAccountBinding" of this client's key.
#
#     alg            HS256, HS384, HS512: how the MAC is made
#     protected      members that replace or remove (undef) those of the
#                    protected header
#     payload        text, in place of the account's key
#     mac            raw bytes, or a function (mac) => bytes
#     members        more members of the JWS, undef removes one

sub binding {
    my ($self, $kid, $key, %opts) = @_;
    my $alg = $opts{alg} || 'HS256';

    my %header = (alg => $alg, kid => $kid, url => $self->url('newAccount'),
                  %{$opts{protected} || {}});
    delete $header{$_} for grep { !defined $header{$_} } keys %header;

    my $payload = defined $opts{payload} ? $opts{payload}
                                         : json_encode($self->{key}->jwk());
    my $signed = b64u(json_encode(\%header)) . '.' . b64u($payload);

    my %mac = (HS256 => \&hmac_sha256, HS384 => \&hmac_sha384,
               HS512 => \&hmac_sha512);
    my $mac = $mac{$alg}->($signed, $key);
    $mac = ref $opts{mac} ? $opts{mac}->($mac) : $opts{mac}
        if defined $opts{mac};

    my ($protected, $body) = split /\./, $signed;
    my %jws = (protected => $protected, payload => $body,
               signature => b64u($mac), %{$opts{members} || {}});
    delete $jws{$_} for grep { !defined $jws{$_} } keys %jws;

    return \%jws;
}


sub find_account {
    my ($self, %opts) = @_;

    my $reply = $self->post($self->url('newAccount'),
                            { onlyReturnExisting => JSON::PP::true },
                            jwk => 1, %opts);

    $self->{kid} = $reply->location() if $reply->{status} == 200;

    return $reply;
}


sub account {
    my ($self, $payload, %opts) = @_;
    return $self->post($self->{kid}, $payload, %opts);
}


# names: "a.example", "127.0.0.1", "::1", or { type => ..., value => ... }

sub new_order {
    my ($self, $names, %opts) = @_;
    my $more = delete $opts{more} || {};

    return $self->post($self->url('newOrder'),
                       { identifiers => [ map { identifier($_) } @$names ],
                         %$more }, %opts);
}


sub identifier {
    my ($name) = @_;

    return $name if ref $name;

    return { type => $name =~ /^[\d.]+$|:/ ? 'ip' : 'dns', value => $name };
}


sub key_authorization {
    my ($self, $token) = @_;
    return "$token." . $self->{key}->thumbprint();
}


# the challenge of that type in an authorization, or undef

sub challenge {
    my ($self, $authz, $type) = @_;

    my ($challenge) = grep { $_->{type} eq ($type || 'http-01') }
                           @{$authz->json()->{challenges} || []};

    return $challenge;
}


# puts the answer where the http-01 daemon finds it; see Daemon.pm

sub provision {
    my ($self, $token, %how) = @_;

    die "the client has no folder of tokens\n" unless $self->{tokens};

    Test::Nginx::AcmeCa::Daemon::put_token($self->{tokens}, $token,
        body => $self->key_authorization($token), %how);
}


# provisions and asks for the validation of one authorization

sub respond {
    my ($self, $authz_url, %how) = @_;

    my $challenge = $self->challenge($self->post($authz_url))
        or die "no http-01 challenge in $authz_url\n";
    $self->provision($challenge->{token}, %how);

    return $self->post($challenge->{url}, {});
}


# reads until the status is not pending or processing, or one of those given

sub poll {
    my ($self, $url, %opts) = @_;
    my $until = $opts{until} || qr/^(?!pending|processing)/;
    my $end = time() + 60;
    my $reply;

    do {
        sleep($self->{poll}) if $reply;
        $reply = $self->post($url);
        return $reply if $reply->{status} != 200;

        my $status = eval { $reply->json()->{status} };
        return $reply if defined $status && $status =~ $until;
    } while (time() < $end);

    return $reply;
}


sub finalize {
    my ($self, $order, $csr, %opts) = @_;
    return $self->post($order->json()->{finalize}, { csr => b64u($csr) },
                       %opts);
}


sub revoke {
    my ($self, $certificate, %opts) = @_;
    my $reason = delete $opts{reason};

    # RFC 8555, 7.6: signed by the certificate's key, the key itself is sent
    $opts{jwk} = 1 if $opts{key} && !defined $opts{kid};

    return $self->post($self->url('revokeCert'),
                       { certificate => b64u(pem_to_der($certificate)),
                         defined $reason ? (reason => $reason) : () },
                       %opts);
}


# RFC 8555, 7.3.5.  inner => { options of jws() }, inner_payload => { ... },
# outer options as for post().  The client goes over to the new key if the
# server did.

sub key_change {
    my ($self, $new, %opts) = @_;
    my $url = $self->url('keyChange');
    my $inner_opts = delete $opts{inner} || {};
    my $inner_payload = delete $opts{inner_payload} || {};

    my $inner = $self->jws($url, { account => $self->{kid},
                                   oldKey => $self->{key}->jwk(),
                                   %$inner_payload },
                           key => $new, jwk => 1, nonce => undef,
                           %$inner_opts);

    my $reply = $self->post($url, $inner, %opts);

    $self->{key} = $new if $reply->{status} == 200;

    return $reply;
}


# An order made ready: order, authorizations answered and valid.  Dies when a
# step answers something else.

sub ready_order {
    my ($self, $names, %opts) = @_;

    $self->new_account() unless defined $self->{kid};

    my $order = expect(201, 'newOrder', $self->new_order($names, %opts));

    foreach my $url (@{$order->json()->{authorizations}}) {
        my $authz = expect(200, 'authorization', $self->post($url));
        next if $authz->json()->{status} eq 'valid';

        my $challenge = $self->challenge($authz)
            or die "no http-01 challenge: $authz->{body}\n";
        $self->provision($challenge->{token});
        expect(200, 'challenge', $self->post($challenge->{url}, {}));

        $authz = $self->poll($url);
        die "authorization: $authz->{body}\n"
            if $authz->json()->{status} ne 'valid';
    }

    my $ready = $self->poll($order->location());
    push @{$ready->{headers}}, [ 'Location', $order->location() ]
        unless $ready->location();

    return $ready;
}


# The whole flow.  { order, url, key, certificate_url, chain (PEM) }

sub issue {
    my ($self, $names, %opts) = @_;
    my $key = $opts{key} || acme_key('ES256');
    my $csr = $opts{csr} || acme_csr(key => $key,
        dns => [ grep { identifier($_)->{type} eq 'dns' } @$names ],
        ip  => [ grep { identifier($_)->{type} eq 'ip' } @$names ]);

    my $ready = $self->ready_order($names, $opts{more}
                                           ? (more => $opts{more}) : ());
    my $order = expect(200, 'finalize', $self->finalize($ready, $csr));

    $order = $self->poll($ready->location(),
                         until => qr/^(?:valid|invalid)$/)
        if $order->json()->{status} ne 'valid';

    my $url = $order->json()->{certificate}
        or die "no certificate: $order->{body}\n";
    my $chain = expect(200, 'certificate', $self->post($url));

    return { order => $order, url => $ready->location(), key => $key,
             certificate_url => $url, chain => $chain->{body},
             reply => $chain };
}


sub expect {
    my ($status, $what, $reply) = @_;

    die "$what: $reply->{status} $reply->{reason}: $reply->{body}\n"
        if $reply->{status} != $status;

    return $reply;
}


# the first certificate of a PEM text; DER stays as it is

sub pem_to_der {
    my ($text) = @_;

    return $text unless $text =~ /-----BEGIN [^-]+-----(.*?)-----END/s;

    return decode_base64($1);
}


package Test::Nginx::AcmeCa::Reply;

use warnings;
use strict;

# the first header line of that name, or undef

sub header {
    my ($self, $name) = @_;

    foreach my $header (@{$self->{headers}}) {
        return $header->[1]
            if defined $header->[0] && lc $header->[0] eq lc $name;
    }

    return undef;
}


sub header_all {
    my ($self, $name) = @_;

    return map { $_->[1] }
           grep { defined $_->[0] && lc $_->[0] eq lc $name }
                @{$self->{headers}};
}


sub location { return $_[0]->header('Location') }


# targets of Link header lines with that relation

sub links {
    my ($self, $rel) = @_;

    return map { /^<([^>]*)>\s*;\s*rel="\Q$rel\E"/ ? $1 : () }
               $self->header_all('Link');
}


sub json {
    my ($self) = @_;

    $self->{json} = eval { Test::Nginx::AcmeCa::Jose::json_decode(
                               $self->{body}) }
        unless exists $self->{json};

    return $self->{json} || {};
}


# "malformed" of urn:ietf:params:acme:error:malformed, "" if none

sub type {
    my ($self) = @_;

    return '' unless ($self->header('Content-Type') || '')
                     =~ m!^application/problem\+json!;

    my $json = $self->json();
    my $type = ref $json eq 'HASH' && defined $json->{type}
        ? $json->{type} : '';
    $type =~ s/^urn:ietf:params:acme:error://;

    return $type;
}


# "400 malformed", "201": status and error type in one, for is()

sub outcome {
    my ($self) = @_;
    my $type = $self->type();

    return $type eq '' ? $self->{status} : "$self->{status} $type";
}


1;
