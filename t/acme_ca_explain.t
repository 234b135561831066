#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# "explain" of the admin location answers what newOrder answers, for a table of
# clients and names, and says which rule it was; nothing is written.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Admin;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('sqlite3');

# rules that name an account come when it exists

$t->write_file('rules.conf', '');

acme_ca_conf($t, challenges => 'dns-01 http-01', authority => <<'EOF',
        external_account_binding optional;
        max_identifiers 5;
        allow dns .example; deny dns no.web.example; allow ip 127.0.0.0/8;
        profile default { }
        profile short { lifetime 1d; max_identifiers 2; }
        profile other { lifetime 2d; }
        rate_limit new_orders 1000/1h;
        include %%TESTDIR%%/rules.conf;
EOF
    location => 'allow 127.0.0.1; deny all;',
    http => <<'EOF', server => <<'EOF');
acme_ca_authority needs {
        path %%TESTDIR%%/needs;
        challenges http-01;
        external_account_binding required;
    }
EOF
        location /admin/ {
            acme_ca_admin default full;
            allow 127.0.0.1; deny all;
        }

        location /needs/ { acme_ca needs; }

        location /needs-admin/ {
            acme_ca_admin needs;
            allow 127.0.0.1; deny all;
        }
EOF

$t->run();

my $admin = acme_admin($t);
my %clients = map { $_ => acme_client($t) } qw/ one two team ended plain /;
my $kid = credential('team', names => [ '.team.example', '127.0.0.0/30' ],
                     profiles => [ 'other' ]);

for my $name (sort keys %clients) {
    my $client = $clients{$name} = $clients{one}->another()
        unless $name eq 'one';
    $client = $clients{$name};

    $client->new_account($name eq 'team'
        ? { externalAccountBinding => $client->binding($kid->{kid},
            b64u_decode($kid->{hmac_key})) } : {});
}

my ($one) = $clients{one}{kid} =~ m!/account/([\w-]+)$!;
my $two = $clients{two}{key}->thumbprint();

$t->write_file('rules.conf', <<"EOF");
    rule never { names secret.example; deny; }
    rule one {
        account $one; names .web.example web.example; ip 127.0.0.1;
        wildcards off; profiles short default; max_identifiers 3; allow;
    }
    rule two { account $two; names .two.example; allow; }
    rule team { eab team; names .team.example; allow; }
    rule lab { address 127.0.0.0/8; names .lab.example; ip 127.0.0.2; trust; }
    rule far { address 10.0.0.0/8; names .far.example; allow; }
    rule mtls { client_certificate "CN=robot" dns:r.example;
                names .robot.example; trust; }
    rule short { names .short.example; profiles short; allow; }
EOF

reload();

$clients{ended}->post($clients{ended}{kid}, { status => 'deactivated' });

###############################################################################

# client, names, profile (if asked for), the rules that decide

my @cases = (
    [ one => [ 'a.web.example' ], undef, 'one' ],
    [ one => [ 'web.example', '127.0.0.1' ], undef, 'one one' ],
    [ one => [ '*.web.example' ], undef, '-' ],
    [ one => [ '*.a.web.example' ], undef, 'one' ],
    [ one => [ 'no.web.example' ], undef, '-' ],
    [ one => [ 'a.web.example', 'no.web.example' ], undef, 'one -' ],
    [ one => [ map { "$_.web.example" } 1 .. 4 ], undef, 'one one one one' ],
    [ one => [ map { "$_.web.example" } 1 .. 6 ], undef,
        join ' ', ('one') x 6 ],
    [ one => [ 'a.web.example' ], 'short', 'one' ],
    [ one => [ 'a.web.example' ], 'other', 'one' ],
    [ one => [ map { "$_.web.example" } 1 .. 3 ], 'short', 'one one one' ],
    [ one => [ 'a.web.example' ], 'none', 'one' ],
    [ one => [ 'secret.example' ], undef, 'never' ],
    [ one => [ '*.example' ], undef, 'never' ],
    [ one => [ 'a.two.example' ], undef, '-' ],
    [ two => [ 'a.two.example', '*.b.two.example' ], undef, 'two two' ],
    [ two => [ 'a.web.example' ], undef, '-' ],
    [ plain => [ 'a.lab.example', '127.0.0.2' ], undef, 'lab lab' ],
    [ plain => [ 'a.lab.example', 'a.short.example' ], 'short', 'lab short' ],
    [ plain => [ 'a.lab.example', 'a.far.example' ], undef, 'lab -' ],
    [ plain => [ 'a.short.example' ], undef, 'short' ],
    [ plain => [ 'a.robot.example' ], undef, '-' ],
    [ plain => [ 'a.elsewhere' ], undef, '-' ],
    [ plain => [ '10.0.0.1' ], undef, '-' ],
    [ plain => [ 'not a name' ], undef, '-' ],
    [ plain => [ 'a..example', 'a.lab.example', '' ], undef, '- lab -' ],
    [ plain => [ 'A.Lab.Example', 'a.lab.example' ], undef, 'lab lab' ],
    [ plain => [ '::1' ], undef, '-' ],
    [ team => [ 'a.team.example' ], undef, 'team' ],
    [ team => [ 'a.team.example' ], 'default', 'team' ],
    [ team => [ 'a.team.example' ], 'other', 'team' ],
    [ team => [ 'a.lab.example' ], undef, '-' ],
    [ team => [ 'a.team.example', '127.0.0.9' ], undef, 'team -' ],
    [ ended => [ 'a.lab.example' ], undef, 'lab' ],
);

$t->plan(4 * @cases + 30);

my $before = counts();

for my $case (@cases) {
    my ($name, $names, $profile, $rules) = @$case;
    my $client = $clients{$name};
    my $what = "$name: @$names" . ($profile ? " ($profile)" : '');

    my $told = $admin->post('explain', { names => $names,
        account => $client->{kid}, address => '127.0.0.1',
        $profile ? (profile => $profile) : () })->json();

    # the same question as arguments

    my $args = join '&', map({ 'name=' . escape($_) } @$names),
        'account=' . $client->{key}->thumbprint(), 'address=127.0.0.1',
        $profile ? "profile=$profile" : ();
    is_deeply($admin->get("explain?$args")->json(), $told,
        "$what: by arguments");

    $case->[4] = $told;

    is(join(' ', map { defined $_->{rule} ? $_->{rule} : '-' }
        @{$told->{names}}), $rules, "$what: rules");
}

is(counts(), $before, 'nothing was written');

for my $case (@cases) {
    my ($name, $names, $profile, $rules, $told) = @$case;
    my $what = "$name: @$names" . ($profile ? " ($profile)" : '');

    my $reply = $clients{$name}->post($clients{$name}->url('newOrder'),
        { identifiers => [ map { { type => /^[\d.]+$|:/ ? 'ip' : 'dns',
                                   value => $_ } } @$names ],
          $profile ? (profile => $profile) : () });

    is($told->{decision} eq 'deny' ? 'refused' : 'made',
        $reply->{status} == 201 ? 'made' : 'refused', "$what: truth");

    my $truth = $reply->{status} == 201
        ? { made => $reply->json()->{status} } : $reply->json();
    delete $truth->{requestId};

    is_deeply($told->{problem} || { made => $told->{decision} eq 'trust'
        ? 'ready' : 'pending' }, $truth, "$what: in the same words");
}

###############################################################################

# clients that are not here: by their address, certificate, key, credential

is(decision(names => [ 'a.far.example' ], address => '10.1.2.3'), 'allow far',
    'address');
is(decision(names => [ 'a.far.example' ], address => '::ffff:10.1.2.3'),
    'allow far', 'address of a socket of IPv6');
is(decision(names => [ 'a.far.example' ]), 'deny -', 'no address');
is(decision(names => [ 'a.robot.example' ], certificate => 'CN=robot,O=x'),
    'trust mtls', 'certificate');
is(decision(names => [ 'a.robot.example' ], certificate => 'CN=robots'),
    'deny -', 'another certificate');
is(decision(names => [ 'a.robot.example' ],
    certificate_names => [ 'dns:x', 'dns:r.example' ]), 'trust mtls',
    'name of a certificate');
is(decision(names => [ 'a.team.example' ], eab => $kid->{kid}), 'allow team',
    'external account');
is(decision(names => [ 'a.other.example' ], eab => $kid->{kid}), 'deny -',
    'external account: another name');
is(decision(names => [ 'a.two.example' ], account => $two), 'allow two',
    'thumbprint');
is(decision(names => [ 'a.two.example' ],
    account => unpack('H*', b64u_decode($two))), 'allow two',
    'thumbprint in hexadecimal');
is(decision(names => [ 'a.web.example' ], account => $one), 'allow one', 'id');
is(decision(names => [ 'a.web.example' ], account
    => '' . sql("SELECT id FROM acme_accounts WHERE thumbprint = x'"
        . unpack('H*', b64u_decode($clients{one}{key}->thumbprint())) . "'")),
    'allow one', 'number');

is($admin->post('explain', { names => [ 'a.lab.example' ] })->json()->{names}
    [0]{problem}{detail}, 'no rule allows it to this client', 'detail');
is_deeply($admin->post('explain', { names => [ '*.short.example' ],
    profile => 'short' })->json()->{names}[0]{challenges}, [ 'dns-01' ],
    'challenges');
is_deeply($admin->post('explain', { names => [ 'a.lab.example' ],
    address => '127.0.0.1' })->json()->{names}[0]{challenges}, [],
    'none of a trusted one');

# a credential that binds no more

$admin->post("eab/$kid->{kid}/revoke", {});
my $told = $admin->post('explain', { names => [ 'a.team.example' ],
    eab => $kid->{kid} })->json();
is($told->{problem}{detail}, 'the external account "team" is revoked',
    'revoked credential');
is($told->{decision}, 'deny', 'binds no account');
is($admin->post('explain', { names => [ 'a.team.example' ],
    account => $clients{team}{kid} })->json()->{decision}, 'allow',
    'but its account goes on');

my $needs = acme_admin($t, path => '/needs-admin');
is($needs->get("explain?name=a.example&account=$two")->json()->{problem}{type},
    'urn:ietf:params:acme:error:externalAccountRequired',
    'a new account needs one');
is($needs->get('explain?name=a.example')->json()->{decision}, 'allow',
    'any account');

# questions that are none

foreach my $case (
    [ 400, 'no names', {} ],
    [ 400, 'names', { names => 'a' } ],
    [ 400, 'address', { names => [ 'a' ], address => 'x' } ],
    [ 400, 'account', { names => [ 'a' ], account => 'x' } ],
    [ 404, 'absent', { names => [ 'a' ], account => '4711' } ],
    [ 404, 'absent id', { names => [ 'a' ], account => 'A' x 22 } ],
    [ 404, 'absent eab', { names => [ 'a' ], eab => 'x' } ],
    [ 400, 'two of them', { names => [ 'a' ], eab => $kid->{kid},
        account => $one } ],
) {
    is($admin->post('explain', $case->[2])->{status}, $case->[0],
        "bad: $case->[1]");
}

is(admin_errors(), '', 'all answers are as the document says');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub decision {
    my $told = $admin->post('explain', { @_ })->json();

    return "$told->{decision} " . join ' ', map {
        defined $_->{rule} ? $_->{rule} : '-' } @{$told->{names}};
}


sub credential {
    my ($label, %more) = @_;

    return $admin->post('eab', { label => $label, %more })->json();
}


sub escape {
    my ($text) = @_;

    $text =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ge;

    return $text;
}


sub sql {
    my ($sql) = @_;

    return acme_ca_sql_value($t, $sql);
}


sub counts {
    return join ' ', map { sql("SELECT count(*) FROM $_") }
        qw/ acme_orders acme_authorizations acme_accounts acme_audit_logs
            acme_certificates jobs acme_eab_credentials /;
}


sub reload {
    acme_ca_reload($t) or die "nginx did not reload\n";

    $_->{links} = {} foreach values %clients;
}

###############################################################################
