#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# CAA (RFC 8659, RFC 8657): what its records forbid and permit, where they are
# looked for, and what a look-up that fails does in each mode.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

my $common = 'http_01_ports %%PORT_8081%%; allow address 127.0.0.0/8;';

my %other = (map { $_ => { CAA => [ 0, 'issue', 'other.example' ] } }
                 qw/ far.example tree.example lab.example /);

# names that are not here have an address and no CAA

sub name {
    my (@caa) = @_;
    return { A => '127.0.0.1', CAA => \@caa };
}

sub failing {
    my (%how) = @_;
    return { A => '127.0.0.1', %how };
}

acme_ca_conf($t, challenges => 'http-01 dns-01', authority => '
        caa_identities ca.example CA2.example;
        caa strict;
        caa off zone=lab.example;
        caa permissive zone=Soft.example;
        validation_timeout 8s;
        validation_attempts 1;',
    others => {
        open => "$common caa_identities ca.example;",
        none => $common,
    },
    dns => {
        %other,
        'ours.example'   => name([ 0, 'issue', 'ca.example' ]),
        'second.example' => name([ 0, 'issue', 'ca2.EXAMPLE' ]),
        'nobody.example' => name([ 0, 'issue', ';' ]),
        'others.example' => name([ 0, 'issue', 'other.example' ]),
        'both.example'   => name([ 0, 'issue', 'other.example' ],
                                 [ 0, 'issue', 'ca.example' ]),
        'bad.example'    => name([ 0, 'issue', '%%%%%' ]),
        'iodef.example'  => name([ 0, 'iodef', 'mailto:a@b.example' ]),
        'wild.example'   => name([ 0, 'issuewild', 'other.example' ]),
        'strange.example' => name([ 0, 'issue', 'ca.example' ],
                                  [ 128, 'tbs', 'Unknown' ]),
        'lenient.example' => name([ 0, 'issue', 'ca.example' ],
                                  [ 0, 'tbs', 'Unknown' ]),
        'method.example' => name([ 0, 'issue',
            'ca.example; validationmethods=tls-alpn-01,http-01' ]),
        'dnsonly.example' => name([ 0, 'issue',
            'ca.example; validationmethods=dns-01' ]),
        'stranger.example' => name([ 0, 'issue',
            'ca.example; accounturi=http://127.0.0.1/acme/acct/x' ]),
        'near.far.example' => name([ 0, 'issue', 'ca.example' ]),
        'alias.example'  => { CNAME => 'others.example' },
        'left.example'   => { CNAME => 'right.other', nofollow => 1 },
        'right.other'    => name([ 0, 'issue', 'other.example' ]),
        'onlywild.example' => name([ 0, 'issuewild', 'ca.example' ],
                                   [ 0, 'issue', 'other.example' ]),
        'nowild.example' => name([ 0, 'issue', 'ca.example' ],
                                 [ 0, 'issuewild', ';' ]),
        'broken.example' => failing(TYPE257 => '00'),
        'fail.example'   => failing(rcode => { CAA => 'SERVFAIL' }),
        'refused.example' => failing(rcode => { CAA => 'REFUSED' }),
        'silent.example' => failing(silent => 'CAA'),
        'fail.soft.example'   => failing(rcode => { CAA => 'SERVFAIL' }),
        'silent.soft.example' => failing(silent => 'CAA'),
        'broken.soft.example' => failing(TYPE257 => '00'),
        'hard.soft.example'   => name([ 0, 'issue', 'other.example' ]),
        'soft.example'        => { CAA => [ 0, 'issue', 'ca.example' ] },
        'up.fail.far.example' => failing(rcode => { CAA => 'SERVFAIL' }),
        'deny.lab.example'    => name([ 0, 'issue', ';' ]),
        'fail.lab.example'    => failing(rcode => { CAA => 'SERVFAIL' }),
    })->plan(99)->run();

my $acme = acme_client($t);
$acme->new_account();

acme_ca_dns($t, 'mine.example' => name([ 0, 'issue',
    "ca.example; accounturi=$acme->{kid}; validationmethods=http-01" ]));

###############################################################################

# name, type of the error ('': valid), what its detail says, who was asked

my @cases = (
    [ 'plain.example', '', undef, 'plain.example example' ],
    [ 'a.b.c.example', '', undef, 'a.b.c.example b.c.example c.example example'
    ],
    [ 'ours.example', '', undef, 'ours.example' ],
    [ 'second.example', '' ], [ 'both.example', '' ], [ 'iodef.example', '' ],
    [ 'wild.example', '' ], [ 'lenient.example', '' ],
    [ 'method.example', '' ], [ 'mine.example', '' ],

    [ 'nobody.example', 'caa', "issue ';' names no CA", 'nobody.example' ],
    [ 'others.example', 'caa', "issue 'other.example' names another CA" ],
    [ 'bad.example', 'caa', "issue '%%%%%' is malformed" ],
    [ 'strange.example', 'caa', "tbs 'Unknown' is critical" ],
    [ 'dnsonly.example', 'caa', 'but not this way of validation' ],
    [ 'stranger.example', 'caa', 'but not this account' ],

    # climbing: the nearest records decide
    [ 'host.far.example', 'caa', 'CAA of far.example forbids host.far.example',
      'host.far.example far.example' ],
    [ 'x.near.far.example', '', undef, 'x.near.far.example near.far.example' ],
    [ 'a.b.tree.example', 'caa', 'CAA of tree.example',
      'a.b.tree.example b.tree.example tree.example' ],
    [ 'alias.example', 'caa', 'CAA of alias.example', 'alias.example' ],
    [ '*.left.example', 'caa', 'CAA of left.example', 'left.example' ],

    # wildcards: "issuewild" before "issue"; RFC 8657 by another challenge
    [ '*.plain.example', '', undef, 'plain.example example' ],
    [ '*.ours.example', '' ], [ '*.onlywild.example', '' ],
    [ '*.dnsonly.example', '' ],
    [ 'onlywild.example', 'caa', 'CAA of onlywild.example' ],
    [ 'nowild.example', '' ],
    [ '*.nowild.example', 'caa', "forbids *.nowild.example: issuewild ';'" ],
    [ '*.wild.example', 'caa', "issuewild 'other.example' names another CA" ],
    [ '*.method.example', 'caa', 'but not this way of validation' ],
    [ '*.x.far.example', 'caa', 'CAA of far.example forbids *.x.far.example',
      'x.far.example far.example' ],

    # strict: what cannot be known forbids
    [ 'fail.example', 'dns', 'CAA of fail.example is unknown',
      'fail.example' ],
    [ 'refused.example', 'dns', 'CAA of refused.example is unknown' ],
    [ 'broken.example', 'dns', 'malformed' ],
    [ 'silent.example', 'dns', 'CAA of silent.example is unknown' ],
    [ 'up.fail.far.example', 'dns', 'CAA of up.fail.far.example is unknown' ],

    # permissive: it counts as no records
    [ 'fail.soft.example', '', undef, 'fail.soft.example soft.example' ],
    [ 'broken.soft.example', '' ], [ 'silent.soft.example', '' ],
    [ 'hard.soft.example', 'caa', 'CAA of hard.soft.example' ],

    # off
    [ 'deny.lab.example', '', undef, '' ],
    [ 'fail.lab.example', '', undef, '' ],
    [ 'lab.example', '', undef, '' ],
);

acme_ca_dns($t, 'lab.example' => name([ 0, 'issue', ';' ]));

# who waits for a server that says nothing has little time left for all else:
# the others are out of the way by then

foreach my $wave (qr/^(?!silent)/, qr/^silent/) {
    verdict($_) foreach map { [ begin($acme, $_->[0]), @$_ ] }
                        grep { $_->[0] =~ $wave } @cases;
}

# the audit row tells what was asked and found

my ($row) = acme_ca_sql($t, "SELECT reason, details FROM acme_audit_logs
    WHERE action = 'validate' AND reason LIKE '%a.b.tree.example%'");
like($row->{reason}, qr/^caa: CAA of tree.example forbids/, 'reason');
is_deeply([ map { "$_->{caa} $_->{result}" } grep { $_->{caa} }
                @{json_decode($row->{details})->{tried}} ],
    [ 'a.b.tree.example no records', 'b.tree.example no records',
      'tree.example forbidden' ], 'details');

# where it is off nobody is asked, and nobody above the records

unlike($t->read_file('dns.log'), qr/ CAA (?:\S+\.)?lab\.example$/m, 'off');
unlike($t->read_file('dns.log'), qr/ CAA \.?$/m, 'not the root');

# an address has no CAA

SKIP: {
    my $order = $acme->new_order([ '127.0.0.1' ]);
    skip 'no ip identifiers', 1 if $order->{status} != 201;

    my ($url) = @{$order->json()->{authorizations}};
    $acme->respond($url);
    is($acme->poll($url)->json()->{status}, 'valid', 'address');
}

# an authorization lasts as long as without CAA

my $got = $acme->ready_order([ 'ours.example' ])->json();
is($got->{status}, 'ready', 'used again');
cmp_ok(lasts($acme, $got), '>', 29 * 86400, 'thirty days');

# the authority's other ways: with names and without

foreach my $case ([ open => 'others.example', 'invalid', 'caa' ],
                  [ open => 'fail.example', 'valid' ],
                  [ open => 'ours.example', 'valid' ],
                  [ none => 'others.example', 'valid' ])
{
    my ($authority, $name, $status, $type) = @$case;
    my $client = acme_client($t, at => $authority);
    $client->new_account();
    my ($url) = begin($client, $name);

    is($client->poll($url)->json()->{status}, $status, "$authority: $name");
    is(($client->challenge($client->post($url))->{error} || {})->{type},
        $type && "urn:ietf:params:acme:error:$type", "$authority: its error");
}

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub verdict {
    my ($run) = @_;
    my ($url, $order, $name, $type, $detail, $asked) = @$run;
    my $json = $acme->poll($url)->json();
    my ($error) = map { $_->{error} || () } @{$json->{challenges}};
    $error ||= {};

    is_deeply([ $json->{status}, $error->{type} ],
        $type eq '' ? [ 'valid', undef ]
                    : [ 'invalid', "urn:ietf:params:acme:error:$type" ], $name)
        or diag json_encode($error);

    like($error->{detail}, qr/\Q$detail\E/, "$name: detail")
        if defined $detail;
    is(asked($name), $asked, "$name: asked") if defined $asked;

    return if $name ne 'others.example';

    my $state = $acme->post($order)->json();
    is($state->{status}, 'invalid', 'order');
    is($state->{error}{type}, 'urn:ietf:params:acme:error:caa',
        'type of the order');
    is($state->{error}{subproblems}[0]{identifier}{value}, $name,
        'subproblem');
    is($error->{status}, 403, 'status');
}


sub begin {
    my ($client, $name) = @_;
    my $order = $client->new_order([ $name ]);
    my ($url) = @{$order->json()->{authorizations}};

    $name =~ /^\*/ ? respond_by_dns($client, $url) : $client->respond($url);

    return ($url, $order->location());
}


sub respond_by_dns {
    my ($client, $url) = @_;
    my $authz = $client->post($url);
    my $challenge = $client->challenge($authz, 'dns-01');
    my $name = $authz->json()->{identifier}{value};

    require Digest::SHA;

    acme_ca_dns($t, "_acme-challenge.$name" => { TXT => b64u(
        Digest::SHA::sha256($client->key_authorization(
            $challenge->{token}))) });
    $client->post($challenge->{url}, {});
}


# names whose CAA was asked for, as the audit row has them

sub asked {
    my ($name) = @_;
    my $wildcard = $name =~ s/^\*\.// ? 1 : 0;
    my ($row) = acme_ca_sql($t, "SELECT details FROM acme_audit_logs
        JOIN acme_authorizations a ON a.id = authz_id
        WHERE action = 'validate' AND identifier = '$name'
            AND wildcard = $wildcard");

    return join ' ', map { $_->{caa} ? $_->{caa} : () }
                         @{json_decode($row->{details})->{tried}};
}


sub lasts {
    my ($client, $order) = @_;
    my $expires = $client->post($order->{authorizations}[0])->json()
        ->{expires};

    $expires =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)Z$/;
    require Time::Local;

    return Time::Local::timegm($6, $5, $4, $3, $2 - 1, $1) - time();
}

###############################################################################
