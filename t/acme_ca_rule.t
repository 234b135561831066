#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Named rules: who may have which names, wildcards, addresses, profiles, and how
# many; the rule's name in the refusal and in the audit log.

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

# an account is known when it exists: rules come from a file that is rewritten

sub rules {
    $t->write_file('rules.conf', join "\n", @_);
}

$t->write_file('rules.conf', '');

acme_ca_conf($t, challenges => 'dns-01 http-01', authority => <<'EOF')
        pre_authorization on;
        allow dns .example; deny dns no.web.example; allow ip 127.0.0.0/8;
        profile default { }
        profile short { lifetime 1d; }
        include %%TESTDIR%%/rules.conf;
EOF
    ->plan(38)->run();

my $acme = acme_client($t);
my $other = $acme->another();
$acme->new_account();
$other->new_account();

my ($id) = $acme->{kid} =~ m!/account/([\w-]+)$!;
my $thumbprint = $other->{key}->thumbprint();

is($acme->new_order([ 'a.example' ])->outcome(), '201', 'no rules');

###############################################################################

# accounts: by id and by thumbprint

reload('rule one {
            account ' . $id . ';
            names .web.example web.example;
            ip 127.0.0.1;
            wildcards off;
            profiles short default;
            max_identifiers 3;
            allow;
        }
        rule secret { names secret.two.example; deny; }
        rule two { account ' . $thumbprint . '; names .two.example; allow; }');

is($acme->new_order([ 'a.web.example', 'web.example', '127.0.0.1' ])
    ->outcome(), '201', 'allowed');
is($other->new_order([ 'a.two.example', '*.b.two.example' ])->outcome(),
    '201', 'allowed to the other');

my $reply = $acme->new_order([ 'a.two.example' ]);
is($reply->outcome(), '400 rejectedIdentifier', 'of another rule');
is($reply->json()->{detail}, 'no rule allows it to this client', 'detail');
is($acme->new_order([ '127.0.0.2' ])->outcome(), '400 rejectedIdentifier',
    'address');
is($other->new_order([ 'a.web.example' ])->outcome(),
    '400 rejectedIdentifier', 'not the other account\'s');

$reply = $other->new_order([ 'secret.two.example' ]);
is($reply->outcome(), '400 rejectedIdentifier', 'denied');
is($reply->json()->{detail}, 'the rule "secret" denies it', 'by that rule');
is($other->new_order([ '*.two.example' ])->outcome(),
    '400 rejectedIdentifier', 'a wildcard that it is among');

$reply = $acme->new_order([ '*.a.web.example' ]);
is($reply->outcome(), '400 rejectedIdentifier', 'wildcard');
is($reply->json()->{detail}, 'the rule "one" allows no wildcards', 'detail');

$reply = $acme->new_order([ map { "$_.web.example" } 1 .. 4 ]);
is($reply->outcome(), '400 compound', 'too many');
is(scalar @{$reply->json()->{subproblems}}, 4, 'subproblems');
like($reply->json()->{subproblems}[0]{detail},
    qr/rule "one" allows orders of at most 3 identifiers, not 4/, 'detail');

is($acme->new_order([ 'no.web.example' ])->json()->{detail},
    'the name is denied by the rule "no.web.example"',
    'what the authority denies no rule allows');

is($acme->new_order([ 'a.web.example' ], more => { profile => 'short' })
    ->outcome(), '201', 'profile');

# pre-authorization

my $pre = $acme->url('newAuthz');
is($acme->post($pre, { identifier => { type => 'dns',
    value => 'p.web.example' } })->outcome(), '201', 'newAuthz');
is($acme->post($pre, { identifier => { type => 'dns',
    value => 'p.two.example' } })->outcome(), '403 rejectedIdentifier',
    'newAuthz refused');

# the audit log

is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'new-order' AND outcome = 'refused'
          AND reason LIKE '%the rule \"secret\" denies it'"), 2,
    'refusal in the audit log');
is(acme_ca_sql_value($t, "SELECT json_extract(details, '\$.rules')
    FROM acme_audit_logs WHERE action = 'new-order' AND outcome = 'done'
    AND details LIKE '%a.two.example%'"), '["two","two"]',
    'rules in the audit log');

###############################################################################

# rules are asked again when an order is finalized

my $ready = $acme->ready_order([ 'f.web.example' ]);

reload('rule late { names f.web.example; deny; }');

$reply = $acme->finalize($ready, acme_csr(key => acme_key('ES256'),
                                          dns => [ 'f.web.example' ]));
is($reply->outcome(), '400 rejectedIdentifier', 'finalize');
is($reply->json()->{detail}, 'the rule "late" denies it', 'detail');
is($acme->new_order([ 'g.web.example' ])->outcome(), '201',
    'rules that only deny leave the rest');

###############################################################################

# addresses, profiles, external accounts

reload('rule here { address 127.0.0.0/8; profiles short; allow; }');

$reply = $acme->new_order([ 'a.example' ]);
is($reply->outcome(), '400 invalidProfile', 'default profile');
like($reply->json()->{detail}, qr/rule "here" .* profile "default"/,
    'detail');
is($acme->new_order([ 'a.example' ], more => { profile => 'short' })
    ->outcome(), '201', 'the profile of the rule');

reload('rule there { address 10.0.0.0/8 fd00::/8; allow; }');
is($acme->new_order([ 'a.example' ])->outcome(), '400 rejectedIdentifier',
    'another address');

reload('rule team { eab team; allow; }');
is($acme->new_order([ 'a.example' ])->outcome(), '400 rejectedIdentifier',
    'no external account');

acme_ca_sql($t, "INSERT INTO acme_eab_credentials
    (kid, hmac_key, label, names, profiles, accounts, created_at)
    VALUES ('k', zeroblob(32), 'team', '', '', 1, 1);
    UPDATE acme_accounts SET eab_id = (SELECT max(id)
    FROM acme_eab_credentials) WHERE id = (SELECT min(id)
    FROM acme_accounts)");
is($acme->new_order([ 'a.example' ])->outcome(), '201', 'external account');

reload('rule mtls { client_certificate *; allow; }');
is($acme->new_order([ 'a.example' ])->outcome(), '400 rejectedIdentifier',
    'no client certificate');

###############################################################################

# mistakes in rules

my @bad = (
    'rule a { }', 'rule a { allow; deny; }', 'rule A { allow; }',
    'rule a { allow; } rule a { deny; }', 'rule a { trust; }',
    'rule a { address 127.0.0.1; trust; }', 'rule a { names *; trust; }',
    'rule a { profiles none; allow; }',
);

my @left = grep {
    my ($good) = acme_ca_config_test($t, "%%TEST_GLOBALS%%
events { }\nhttp {
        %%TEST_GLOBALS_HTTP%%
        acme_ca_authority x { path %%TESTDIR%%/x; $_ }
        server { listen 127.0.0.1:8099; location /acme/ { acme_ca x; } } }");
    $good
} @bad;

is(join("\n", @left), '', 'mistakes are found');

undef $t;

###############################################################################

sub reload {
    rules(@_);

    ok(acme_ca_reload($t), 'reloaded');
    $_->{links} = {} foreach $acme, $other;
}

###############################################################################
