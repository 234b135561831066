#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Requests with a valid signature and mutated contents, to every resource: no
# answer is 5xx, none stays out, no worker dies, and the CA issues afterwards.
#
# ACME_CA_FUZZ_REQUESTS says how many requests, ACME_CA_FUZZ_SEED repeats the
# mutations of a run: its seed is printed.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Digest::SHA qw/ hmac_sha256 /;
use POSIX ();
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Fuzz;
use Time::HiRes qw/ time /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

use constant CLIENTS => 4;

my $requests = $ENV{ACME_CA_FUZZ_REQUESTS} || 3000;
my $seed = $ENV{ACME_CA_FUZZ_SEED} || time() % 1000000;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3')
    ->has_daemon('openssl');
my $dir = $t->testdir();

acme_ca_conf($t, challenges =>
    'http-01 tls-alpn-01 dns-01 dns-account-01 dns-persist-01',
    authority => 'validation_attempts 1;
    validation_timeout 20s; max_identifiers 20; caa_identities ca.example;
    external_account_binding optional;
    pre_authorization on; subdomain_authorization on;
    terms_of_service https://ca.example/terms; website https://ca.example/;
    profile default { } profile short { lifetime 1h; }',
    server => 'large_client_header_buffers 4 32k;')->plan(9);

# a line for each step of each request would be the heaviest load of all
my $conf = $t->read_file('nginx.conf');
$conf =~ s/(error_log \S+) debug;/$1 info;/;
$t->write_file('nginx.conf', $conf);

$t->run();

# what RFC 8555 and the extensions know
my %known = map { $_ => 1 } qw/ accountDoesNotExist alreadyRevoked badCSR
    badNonce badPublicKey badRevocationReason badSignatureAlgorithm caa
    compound connection dns externalAccountRequired incorrectResponse
    invalidContact malformed orderNotReady rateLimited rejectedIdentifier
    serverInternal tls unauthorized unsupportedContact unsupportedIdentifier
    userActionRequired invalidProfile alreadyReplaced /;

# of external accounts
my $secret = 'k' x 32;

acme_ca_sql($t, 'INSERT INTO acme_eab_credentials (kid, label, hmac_key, names,
    profiles, accounts, created_at) VALUES (' . "'fuzz', 'Fuzz', x'"
    . unpack('H*', $secret) . "', '', '', 0, 1); SELECT 1");

my @workers;
acme_ca_wait(sub { (@workers = acme_ca_workers($t)) == 2 });

###############################################################################

note("$requests requests, ACME_CA_FUZZ_SEED=$seed");

my $start = time();
my @pipes = map { client($_) } 1 .. CLIENTS;
my (%count, @bad);

foreach my $pipe (@pipes) {
    while (my $line = <$pipe>) {
        chomp $line;
        push @bad, $line and next if $line =~ s/^bad //;
        $count{$1} += $2 if $line =~ /^count (.*) (\d+)$/;
    }
    close $pipe;
}

my $sent = delete $count{sent} || 0;
my $seconds = time() - $start;

note(sprintf '%d requests in %.0f s, seed %d', $sent, $seconds, $seed);
note("    $_: $count{$_}") foreach sort keys %count;

cmp_ok($sent, '>=', $requests, 'all were sent');
is(join("\n", @bad > 10 ? (@bad[0 .. 9], '...') : @bad), '',
    'every answer is one of ACME') or diag("ACME_CA_FUZZ_SEED=$seed");
cmp_ok($count{'201'} || 0, '>', 0, 'some were good');
cmp_ok($count{'400 malformed'} || 0, '>', 0, 'some were not');

is_deeply([ acme_ca_workers($t) ], \@workers, 'no worker died');

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'no faults');
is(acme_ca_log($t, qr/exited (?:on signal|with code [1-9])|runtime error/), '',
    'no crash');

# the canary

my $got = eval { acme_client($t)->issue([ 'canary.example', 'b.example' ]) };
is($got && chain_verify($got->{chain}, "$dir/ca/root.pem"), 'OK',
    'issues afterwards') or diag($@);

is(acme_ca_faults($t), '', 'nothing that may not be');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

# a process that sends its part of the requests and says what came back

sub client {
    my ($n) = @_;

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;
    return $out if $pid;

    $| = 1;
    srand($seed * CLIENTS + $n);

    my $c = { n => $n, count => {}, names => 0, old => [],
              keys => [ map { acme_key('ES256') } 1 .. 12 ] };

    eval {
        foreach my $i (0 .. POSIX::ceil($requests / CLIENTS) - 1) {
            renew($c) if $i % 150 == 0;
            judge($c, $i, request($c));
            $c->{count}{sent}++;
        }
    };
    print "bad client $n: ", $@ =~ s/\n/ /gr, "\n" if $@;

    print "count $_ $c->{count}{$_}\n" foreach keys %{$c->{count}};
    POSIX::_exit(0);
}


# an account with an order in each state; those before stay in use

sub renew {
    my ($c) = @_;

    my $acme = acme_client($t, key =>
                           $c->{count}{sent} ? 'ES256'
                               : fuzz_pick(qw/ ES256 EdDSA /));
    my $urls = $acme->directory();

    $acme->new_account({ contact => [ 'mailto:a@example.com' ] });

    my $s = { acme => $acme, urls => $urls, account => $acme->{kid},
              key => acme_key('ES256') };

    $s->{issued} = $acme->issue([ name($c) ], key => $s->{key});
    $s->{id} = certificate_id($s->{issued}{chain});
    $s->{ready} = $acme->ready_order([ name($c), name($c) ]);
    $s->{pending} = $acme->new_order([ name($c) ]);

    die "newOrder: $s->{pending}{body}\n"
        if $s->{pending}{status} != 201;

    $s->{authz} = [ map { @{$s->{$_}->json()->{authorizations}} }
                        qw/ ready pending / ];
    $s->{challenge} = [ map { map { $_->{url} }
                                  @{$acme->post($_)->json()->{challenges}} }
                            @{$s->{authz}} ];

    foreach my $url (@{$s->{authz}}) {
        my $challenge = $acme->challenge($acme->post($url)) or next;
        $acme->provision($challenge->{token});
    }

    unshift @{$c->{old}}, $c->{state} if $c->{state};
    splice @{$c->{old}}, 3 if @{$c->{old}} > 3;
    $c->{state} = $s;
}


sub name {
    my ($c) = @_;
    return "f$c->{n}-" . ++$c->{names} . '.example';
}


# What a good client would send, before anything is done to it: URL, payload
# (a tree; nothing for POST-as-GET), "jwk" if the key signs itself

sub good {
    my ($c, $s) = @_;
    my $urls = $s->{urls};
    my $old = @{$c->{old}} ? fuzz_pick(@{$c->{old}}) : $s;

    # objects of another account, too
    $old = $s if rand() < 0.9;

    my %resources = (
        directory => sub { (acme_ca_url() . '/directory') },
        nonce => sub { ($urls->{newNonce}) },
        newAccount => sub {
            ($urls->{newAccount}, { contact => [ 'mailto:a@example.com' ],
                termsOfServiceAgreed => \ 'true',
                rand() < 0.4 ? (externalAccountBinding => binding($c, $s))
                             : (),
                rand() < 0.3 ? (onlyReturnExisting => \ 'true') : () }, 1)
        },
        newOrder => sub {
            ($urls->{newOrder}, { identifiers => [
                map { { type => 'dns', value => name($c),
                        rand() < 0.1 ? (ancestorDomain => 'example') : () } }
                    1 .. 1 + rand(3) ],
                rand() < 0.1 ? (replaces => $s->{id}) : (),
                rand() < 0.2 ? (notBefore => '2026-11-21T00:00:00Z',
                                notAfter => '2030-11-21T00:00:00Z') : (),
                rand() < 0.2 ? (profile => fuzz_pick(qw/ default short /))
                             : () })
        },
        newAuthz => sub {
            ($urls->{newAuthz}, {
                identifier => { type => 'dns', value => name($c) },
                rand() < 0.3 ? (subdomainAuthAllowed => \ 'true') : () })
        },
        revoke => sub {
            ($urls->{revokeCert}, {
                certificate => certificate($old),
                rand() < 0.7 ? (reason => \ fuzz_pick(0 .. 11)) : () },
             rand() < 0.2)
        },
        keyChange => sub { key_change($c, $s) },
        account => sub {
            ($old->{account}, rand() < 0.3 ? () : {
                contact => [ 'mailto:b@example.com' ],
                rand() < 0.02 ? (status => 'deactivated') : () })
        },
        orders => sub { ("$old->{account}/orders") },
        order => sub { (fuzz_pick(map { $_->location() }
                                      @$old{qw/ ready pending /})) },
        finalize => sub {
            (fuzz_pick(map { $_->json()->{finalize} }
                           @$old{qw/ ready ready pending /}),
             { csr => request_of($c, $s) })
        },
        authz => sub {
            (fuzz_pick(@{$old->{authz}}), rand() < 0.7 ? ()
                : { status => rand() < 0.9 ? 'active' : 'deactivated' })
        },
        challenge => sub {
            (fuzz_pick(@{$old->{challenge}}), rand() < 0.3 ? () : {})
        },
        certificate => sub { ($old->{issued}{certificate_url}) },
        renewalInfo => sub {
            ("$urls->{renewalInfo}/" . fuzz_pick($old->{id}, '.', 'AA.AA',
                fuzz_bytes($old->{id}) =~ s/[^!-~]|%/_/gr))
        },
        nothing => sub { (acme_ca_url() . '/' . fuzz_pick('nothing', '',
            'order', 'order/', 'account/x', 'order/' . 'A' x 22,
            'certificate/' . '-' x 43, 'admin', 'health')) },
    );

    my $name = fuzz_weighted(newOrder => 14, finalize => 14, newAccount => 8,
        account => 8, authz => 8, keyChange => 7, revoke => 7, newAuthz => 5,
        order => 5, challenge => 4, orders => 3, certificate => 3,
        renewalInfo => 3, nothing => 3, nonce => 2, directory => 2);

    my ($url, $payload, $jwk) = $resources{$name}->();

    return ($url, defined $payload ? fuzz_tree($payload) : undef, $jwk);
}


sub certificate {
    my ($s) = @_;
    my $der = Test::Nginx::AcmeCa::Client::pem_to_der($s->{issued}{chain});

    return b64u(rand() < 0.6 ? fuzz_bytes($der) : $der);
}


sub request_of {
    my ($c, $s) = @_;
    my @names = map { $_->{value} } @{$s->{ready}->json()->{identifiers}};

    push @names, fuzz_pick('x.example', $names[0], "a\0b", '*.example', '')
        if rand() < 0.3;
    shift @names if rand() < 0.2;

    my $csr = acme_csr(key => $s->{key}, dns => \@names,
                       rand() < 0.3 ? (cn => fuzz_pick(@names, 'x')) : (),
                       rand() < 0.2 ? (ip => [ '127.0.0.1' ]) : (),
                       rand() < 0.2 ? (version => int rand(4)) : ());

    return b64u(rand() < 0.7 ? fuzz_bytes($csr) : $csr);
}


# RFC 8555, 7.3.4

sub binding {
    my ($c, $s) = @_;
    my $key = rand() < 0.3 ? acme_key('ES256') : fuzz_pick(@{$c->{keys}});
    my $header = fuzz_tree({ alg => 'HS256', kid => 'fuzz',
                             url => $s->{urls}{newAccount} });
    my $payload = fuzz_tree($key->jwk());

    my $signed = b64u(fuzz_json(rand() < 0.5 ? fuzz_mutate($header)
                                             : $header)) . '.'
                 . b64u(fuzz_json(rand() < 0.3 ? fuzz_mutate($payload)
                                               : $payload));

    $c->{bound} = $key if rand() < 0.8;

    my ($protected, $text) = split /\./, $signed;

    return { protected => $protected, payload => $text,
             signature => b64u(hmac_sha256($signed, $secret)) };
}


# RFC 9773, 4.1

sub certificate_id {
    my ($chain) = @_;

    my ($aki) = cert_text($chain)
        =~ /Authority Key Identifier:\s*(?:keyid:)?([0-9A-F:]+)/;
    $aki =~ s/://g;

    my $serial = pack 'H*', cert_field($chain, 'serial');
    $serial = "\0$serial" if ord($serial) >= 0x80;

    return b64u(pack 'H*', $aki) . '.' . b64u($serial);
}


sub key_change {
    my ($c, $s) = @_;
    my $url = $s->{urls}{keyChange};
    my $new = fuzz_pick(@{$c->{keys}});
    my $old = $s->{acme}{key};

    my $header = fuzz_tree({ alg => 'ES256', jwk => $new->jwk(),
                             url => $url });
    my $payload = fuzz_tree({ account => $s->{account},
                              oldKey => $old->jwk() });

    # a good one would be the end of the account's key
    my ($one, $two) = rand() < 0.5 ? (fuzz_mutate($header), $payload)
                                   : ($header, fuzz_mutate($payload));

    return ($url, jws($new, fuzz_json($one), fuzz_json($two)));
}


sub jws {
    my ($key, $header, $payload) = @_;
    my $signed = b64u($header) . '.' . b64u($payload);

    return { protected => b64u($header), payload => b64u($payload),
             signature => b64u($key->sign($signed)) };
}


# one request with one thing wrong: (how, reply, what was sent)

sub request {
    my ($c) = @_;
    my $s = $c->{state};
    my $acme = $s->{acme};
    my ($url, $payload, $jwk) = good($c, $s);
    my $how = fuzz_weighted(payload => 52, header => 16, members => 7,
                            http => 14, path => 6, nothing => 5);
    my $key = $acme->{key};

    if ($jwk) {
        $key = delete $c->{bound}
               || (rand() < 0.5 ? $s->{key} : fuzz_pick(@{$c->{keys}}));
    }

    my $header = fuzz_tree({ alg => $key->{alg}, nonce => $acme->nonce(),
        url => $url, $jwk ? (jwk => $key->jwk()) : (kid => $s->{account}) });
    my $text = defined $payload ? fuzz_json($payload) : '';

    if ($how eq 'payload') {
        $text = $text eq '' ? fuzz_pick('{}', '[]', ' ', ('') x 5)
            : rand() < 0.85 ? fuzz_json(fuzz_mutate($payload))
            : fuzz_bytes($text);
    }

    my $protected = $how ne 'header' ? fuzz_json($header)
        : rand() < 0.85 ? fuzz_json(fuzz_mutate($header))
        : fuzz_bytes(fuzz_json($header));

    my $members = fuzz_tree(jws($key, $protected, $text));
    my $body = fuzz_json($members);

    if ($how eq 'members') {
        $body = rand() < 0.7 ? fuzz_json(fuzz_mutate($members))
                             : fuzz_bytes($body);
    }

    my %http = (method => 'POST', headers => [ [ 'Content-Type',
                                                 'application/jose+json' ] ]);

    mutate_http(\%http, \$body) if $how eq 'http';
    $url = mutate_path($url) if $how eq 'path';

    # the one resource that nobody signs for
    $http{method} = 'GET' if $url =~ /renewal/ && rand() < 0.8;

    my $reply = $acme->request($http{method}, $url, body => $body,
                               headers => $http{headers});

    return ($how, $reply, "$http{method} $url $protected $text");
}


sub mutate_http {
    my ($http, $body) = @_;
    my $headers = $http->{headers};
    my $what = fuzz_pick(qw/ method type more size chunked /);

    if ($what eq 'method') {
        $http->{method} = fuzz_pick(qw/ GET HEAD PUT DELETE OPTIONS PATCH
            PROPFIND MKCOL POST /);
        $$body = '' if rand() < 0.5;

    } elsif ($what eq 'type') {
        @$headers = map { [ 'Content-Type', $_ ] } fuzz_pick('text/plain',
            'application/json', 'application/jose+json; charset=utf-8',
            'application/jose+jsonx', 'APPLICATION/JOSE+JSON', '',
            'application/jose+json, text/plain', "\xff", 'a' x 4000);
        @$headers = () if rand() < 0.1;

    } elsif ($what eq 'more') {
        push @$headers, fuzz_pick([ 'Accept', fuzz_bytes('text/*;q=0.1') ],
            [ 'If-None-Match', '*' ], [ 'If-Match', '"a"' ], [ 'Range', 'bytes=0-1,3-,-5' ],
            [ 'Expect', '100-continue' ], [ 'Cookie', 'a=b' x 999 ],
            [ 'If-Modified-Since', 'Sat, 21 Nov 2026 00:00:00 GMT' ],
            [ 'User-Agent', "\xff\x01%s" x 100 ], [ 'X-Request-ID', "'\"" ],
            [ 'Accept-Encoding', 'gzip' ], [ 'Host', 'a.example:99' ],
            [ 'Host', "x\xffy" ], [ 'Content-Type', 'text/html' ],
            [ 'X-Forwarded-For', '1.2.3.4, ::1' ]);
        $headers->[-1][1] =~ s/[\r\n\0]/ /g;

    } elsif ($what eq 'size') {
        $$body = fuzz_pick('', ' ', $$body . ' ' x 60000, ' ' x 65536,
            $$body . ' ' x 70000, "\0" x 10, '[' x 65000, $$body x 2);

    } else {
        push @$headers, [ 'Transfer-Encoding', 'chunked' ];
        my @pieces = unpack '(a' . fuzz_pick(1, 7, 100, 5000) . ')*', $$body;
        $$body = join('', map { sprintf("%x\r\n%s\r\n", length $_, $_) }
                              @pieces) . "0\r\n\r\n";
    }
}


sub mutate_path {
    my ($url) = @_;
    my ($base, $path) = $url =~ m!^(\w+://[^/]+)(/.*)$!;
    my $how = fuzz_pick(qw/ bytes id query slash encode /);

    if ($how eq 'bytes') {
        $path = '/acme/' . fuzz_bytes(substr($path, 6));

    } elsif ($how eq 'id') {
        $path =~ s!([A-Za-z0-9_-]{16,})!fuzz_pick('A' x length $1,
            scalar reverse($1), lc $1, '-' x length $1, substr($1, 1))!e;

    } elsif ($how eq 'query') {
        $path .= fuzz_pick('?', '?a=b', '?cursor=1', '?cursor=-1', '#x',
                           '?cursor=' . 9 x 40, '?%00', '?cursor=%');

    } elsif ($how eq 'slash') {
        $path = fuzz_pick("$path/", "/$path", $path =~ s!/!//!gr,
                          "$path/../directory", '/acme/./directory');

    } else {
        $path =~ s/([a-z])/sprintf '%%%02X', ord $1/e;
    }

    # what nginx would take for the end of the request
    $path =~ s/[\0-\x20\x7f]/_/g;

    return $base . $path;
}


# says what is wrong with a reply

sub judge {
    my ($c, $i, $how, $reply, $sent) = @_;
    my $outcome = $reply->outcome();
    my $wrong;

    $c->{count}{$outcome}++;

    # what nginx says before it knows the location
    return if $reply->{status} =~ /^40[045]$/ && $how =~ /^(?:path|http)$/
        && $reply->{body} =~ m!<hr><center>nginx!;

    renew($c) if $reply->{body} =~ /account is (?:deactivated|revoked)/;

    if ($reply->{status} == 0) {
        $wrong = "no answer: $reply->{reason}";

    } elsif ($reply->{status} =~ /^(?:3|206|412)/) {
        $wrong = 'not for a signed request';

    } elsif ($reply->{status} >= 500) {
        $wrong = 'a fault';

    } elsif ($reply->{status} >= 400 && $reply->{body} ne '') {
        $wrong = 'no problem document' if !$reply->type();
        $wrong = 'unknown type' if !$known{$reply->type()};
        $wrong = 'another status'
            if ($reply->json()->{status} || 0) ne $reply->{status};

    } elsif ($reply->{body} =~ /^\{/) {
        $wrong = 'no JSON' if !%{$reply->json()};
    }

    return unless $wrong;

    $sent = substr($sent, 0, 2000) . '...' if length $sent > 2000;
    $_ =~ s/([^ -~])/sprintf '\x%02x', ord $1/ge foreach $sent, $wrong;

    print "bad client $c->{n}, request $i ($how): $wrong: $outcome "
          . $reply->{body} =~ s/\n/ /gr . ' to ' . $sent . "\n";
}

###############################################################################
