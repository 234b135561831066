#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Mistakes in nginx.conf: each is an error of "nginx -t" that names the file
# and the line; and what is no mistake.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http /);

acme_ca_module($t);

# no nginx runs, but Test::Nginx looks at its log
$t->write_file('error.log', '');

# in the authority block

my @bad = map { s/^\s+//r } grep { /\S/ } split /\n/, <<'END';
    path;
    path "";
    path /a; path /b;
    base_url ca.example;
    base_url http:///acme;
    base_url http://a/; base_url http://b/;
    base_url ftp://ca.example/;
    base_url https://;
    base_url https://ca.example/?x;
    base_url https://ca.example/#x;
    base_url "https://ca.example/a b";
    resolver;
    resolver ca.example;
    resolver 127.0.0.1:0;
    resolver 127.0.0.1:70000;
    resolver 127.0.0.1:53x;
    resolver "";
    resolver 127.0.0.1; resolver 127.0.0.2;
    resolver zone=a.example;
    resolver 127.0.0.1 zone=;
    resolver 127.0.0.1 zone=a..example;
    resolver 127.0.0.1 zone=.a.example;
    resolver 127.0.0.1 zone=a.example.;
    resolver zone=a.example 127.0.0.1;
    resolver 127.0.0.1:0 zone=a.example;
    resolver 127.0.0.1 zone=a; resolver 127.0.0.2 zone=A;
    dns_require_ad;
    dns_require_ad maybe;
    dns_require_ad on; dns_require_ad off;
    issuer /nowhere.pem;
    issuer a b; issuer c d;
    issuer /nowhere.pem /nowhere.key;
    signer;
    signer sign;
    signer "/a b";
    signer /a?b;
    signer /a; signer /b;
    signer /a timeout=0;
    signer /a timeout=soon;
    signer /a deadline=0;
    signer /a calls=0;
    signer /a calls=many;
    signer /a format=der;
    signer /a revoke=b;
    signer /a other=1;
    signer /a timeout=2s deadline=1s;
    signer_trusted_certificate;
    signer /a; signer_trusted_certificate /nowhere.pem;
    signer /a; signer_trusted_certificate test.conf;
    signer_trusted_certificate test.conf;
    challenges;
    challenges dns-99;
    challenges dns-persist-01;
    challenges dns-persist-01; caa_identities "a example";
    challenges dns-persist-01; caa_identities a b c d e f g h i j k;
    allow;
    allow dns;
    allow name a.example;
    allow dns a..example;
    allow dns *.a.example;
    allow dns .;
    allow dns 10.0.0.1;
    allow dns a.example "";
    allow address ::/129;
    deny dns -a.example;
    deny ip 10.0.0.0/33;
    deny ip a.example;
    allow address 10.0.0;
    http_01_ports;
    http_01_ports 0;
    http_01_ports 65536;
    http_01_ports http;
    http_01_ports 80; http_01_ports 81;
    tls_alpn_01_ports -1;
    rate_limit;
    rate_limit new_orders;
    rate_limit orders 1/1h;
    rate_limit new_orders 1;
    rate_limit new_orders 1/;
    rate_limit new_orders /1h;
    rate_limit new_orders 0/1h;
    rate_limit new_orders x/1h;
    rate_limit new_orders 1/0;
    rate_limit new_orders 1/x;
    rate_limit new_orders 1/2y;
    rate_limit new_orders 1001/1s;
    rate_limit new_orders 2000000/30d;
    rate_limit new_orders 1/1h burst=0;
    rate_limit new_orders 1/1h burst=x;
    rate_limit new_orders 1/1h burst=11;
    rate_limit new_orders 1/1h delay=1;
    rate_limit new_orders 1/1h; rate_limit new_orders 2/1h;
    renewal_info;
    renewal_info maybe;
    renewal_info on; renewal_info off;
    renewal_info_retry_after 0;
    renewal_info_retry_after x;
    renewal_info_explanation ca.example;
    max_identifiers 0;
    max_identifiers 1001;
    max_identifiers 5; max_identifiers 6;
    max_identifiers many;
    order_lifetime 0;
    order_lifetime 1h; order_lifetime 2h;
    order_lifetime 99999999999999999999;
    order_lifetime soon;
    authorization_lifetime 0;
    retention ever;
    authorization_reuse maybe;
    pre_authorization on; authorization_reuse off;
    subdomain_authorization;
    validation_timeout 10ms;
    validation_timeout x;
    validation_deadline 0;
    validation_attempts 0;
    validation_attempts 101;
    validation_concurrency 0;
    validation_concurrency 100001;
    zone 1k;
    zone x;
    zone 1m; zone 2m;
    nonce_lifetime 0;
    terms_of_service terms;
    terms_changed 2027-01-31;
    terms_of_service https://a.example/; terms_changed soon;
    terms_of_service https://a.example/; terms_changed 2027-13-01;
    terms_of_service https://a.example/; terms_changed 2027-01-31 30d;
    terms_of_service https://a.example/; terms_changed 2027-01-31 grace=x;
    terms_of_service https://a.example/; terms_changed 2027-01-31; terms_changed 2027-02-28;
    website ca.example;
    caa_identities;
    caa_identities a.example; caa_identities b.example;
    caa;
    caa maybe;
    caa strict;
    caa permissive;
    caa strict zone=a.example;
    caa_identities a.example; caa strict; caa off;
    caa_identities a.example; caa strict a.example;
    caa_identities a.example; caa strict zone=;
    caa_identities a.example; caa strict zone=.a.example;
    caa_identities a.example; caa strict zone=a.example zone=b.example;
    caa_identities a.example; caa off zone=a.example; caa strict zone=A.example;
    contact;
    contact perhaps;
    contact optional min=1;
    contact required; contact optional;
    contact optional max=0;
    contact optional max=101;
    contact optional max=;
    contact optional max=5 more;
    contact_domains;
    contact_domains a.example; contact_domains b.example;
    profile;
    profile a/b { }
    profile A { }
    profile a { } profile a { }
    profile a;
    default_profile nobody;
    profile a { } default_profile default;
    default_profile a; default_profile b;
    profile "" { }
    profile a { profile b { } }
    profile a { backdate soon; }
    profile a { lifetime 1h; backdate 1h; }
    profile a { must_staple maybe; }
    profile a { must_staple on; }
    profile a { must_staple csr; }
    profile a { ocsp_url ocsp; }
    profile a { crl_url ldap://ca.example/; }
    profile a { issuer_url http://a/; issuer_url http://b/; }
    profile a { no_rev_avail yes; }
    profile a { no_rev_avail on; crl_url http://ca.example/crl; }
    profile a { ocsp_url http://ca.example/ocsp; no_rev_avail on; }
    profile a { must_staple csr; ocsp_url http://a/; no_rev_avail on; }
    profile a { max_identifiers 0; }
    profile a { max_identifiers 6; } max_identifiers 5;
    profile a { common_name csr; common_name first; }
    profile a { description a; description b; }
    key_types p256;
    acme_ca_authority b { }
    location / { }
    include /nowhere.conf;
    unknown 1;
    listen 80;
    lifetime 1d;
    profile a { lifetime 0; }
    profile a { lifetime x; }
    profile a { lifetime 1d; lifetime 2d; }
    profile a { key_types; }
    profile a { key_types dsa; }
    profile a { extended_key_usage mail; }
    profile a { common_name last; }
    profile a { path /x; }
    profile a { unknown 1; }
END

my @good = map { s/^\s+//r } grep { /\S/ } split /\n/, <<'END';
    base_url http://ca.example;
    base_url https://ca.example:8443/a/b/;
    resolver 127.0.0.1 127.0.0.2:53 [::1] [::1]:5353;
    resolver 127.0.0.1; resolver [::1]:53 127.0.0.1 zone=Corp.internal;
    resolver 127.0.0.1 zone=a; resolver 127.0.0.2 zone=b.a; dns_require_ad on;
    challenges http-01 tls-alpn-01;
    challenges dns-01 dns-account-01 dns-persist-01; caa_identities a B.example;
    allow dns a.example; allow dns .b.example; deny dns *;
    allow ip 10.0.0.0/8; deny ip fd00::/8; deny address 10.1.2.3;
    http_01_ports 80 8080; tls_alpn_01_ports 443 8443;
    max_identifiers 1; order_lifetime 1h; authorization_lifetime 1s;
    validation_timeout 100ms; validation_deadline 1m; validation_attempts 1;
    pre_authorization on; subdomain_authorization on; authorization_reuse on;
    zone 8m; nonce_lifetime 10m; retention 1d;
    terms_of_service https://a.example/; website http://a.example/;
    terms_of_service https://a.example/; terms_changed 2027-01-31;
    terms_of_service https://a.example/; terms_changed 2027-01-31T12:00:00Z grace=30d;
    caa_identities a.example b.example;
    caa off; caa off zone=a.example;
    caa strict; caa_identities a.example;
    caa_identities a; caa permissive; caa off zone=b; caa strict zone=a.b;
    contact required max=1; contact_domains a.example b.example;
    profile a { } profile b { lifetime 1d; } default_profile b;
    profile a { key_types p256 rsa4096; extended_key_usage server client; }
    profile a { common_name first; backdate 5m; description "some text"; }
    include nowhere/*.conf;
    include included.conf;
    profile b { include profile.conf; }
END

# the rest of http, with the line of the mistake

my @blocks = (
    [ 'two of a name', 'acme_ca_authority a { }' . "\n"
      . 'acme_ca_authority a { }', 7 ],
    [ 'no name', 'acme_ca_authority { }', 6 ],
    [ 'name', 'acme_ca_authority "A b" { }', 6 ],
    [ 'long name', 'acme_ca_authority ' . 'a' x 33 . ' { }', 6 ],
    [ 'authority in server', 'server { acme_ca_authority a { } }', 6 ],
    [ 'acme_ca in server', 'server { acme_ca; }', 6 ],
    [ 'acme_ca twice', location('/a/', 'acme_ca; acme_ca;'), 6 ],
    [ 'two names', location('/a/', 'acme_ca a b;'), 6 ],
    [ 'empty name', location('/a/', 'acme_ca "";'), 6 ],
    [ 'one path for two', "acme_ca_authority a { path /x; }\n"
      . 'acme_ca_authority b { path /x/; }', 7 ],
    [ 'one folder for two', "acme_ca_authority a { path %%TESTDIR%%; }\n"
      . 'acme_ca_authority b { path %%TESTDIR%%/./.; }', 7 ],
    [ 'no such authority', location('/a/', 'acme_ca nobody;'), 6 ],
    [ 'regular expression', location('~ ^/a/', 'acme_ca;'), 6 ],
    [ 'exact location', location('= /a', 'acme_ca;'), 6 ],
    [ 'named location', location('@a', 'acme_ca;'), 6 ],
    [ 'unended', 'acme_ca_authority a {', 8 ],
    [ 'authority without a block', 'acme_ca_authority a;', 6 ],
    [ 'nested regular expression',
      location('/a/', 'location ~ x { acme_ca; }'), 6 ],
    [ 'acme_ca in http', 'acme_ca;', 6 ],
    [ 'path in http', 'path /a;', 6 ],
    [ 'profile in server', 'server { profile a { } }', 6 ],
    [ 'challenges in location', location('/a/', 'challenges http-01;'), 6 ],
    [ 'acme_ca in limit_except',
      location('/a/', 'limit_except GET { acme_ca; }'), 6 ],
    [ 'acme_ca in if', location('/a/', 'if ($args) { acme_ca; }'), 6 ],
);

$t->write_file('included.conf', "max_identifiers 5;\nprofile c { }\n");
$t->write_file('profile.conf', "lifetime 1d;\n");
$t->write_file('mistaken.conf', "max_identifiers 5;\nunknown 1;\n");

$t->plan(@bad + @good + @blocks + 5);

###############################################################################

foreach my $text (@bad) {
    my ($good, $said) = config_test("acme_ca_authority a {\n$text\n}\n"
                                    . location('/a/', 'acme_ca a;'));

    # a word that is missing in the middle is found at the end of the block
    like($good ? "good: $said" : $said,
        qr/\[emerg\] .* in \S*(?:test\.conf:[6-8]\b|nowhere)|nowhere\.conf/,
        $text);
}

foreach my $text (@good) {
    my ($good, $said) = config_test("acme_ca_authority a {\n$text\n}\n"
                                    . location('/a/', 'acme_ca a;'));

    ok($good, $text) or diag($said);
}

foreach my $case (@blocks) {
    my ($name, $text, $line) = @$case;
    my ($good, $said) = config_test($text);

    like($good ? "good: $said" : $said,
        qr/\[emerg\] .* in \S*test\.conf:$line\b/, $name);
}

# the file and the line of what is included

my ($good, $said) = config_test(
    "acme_ca_authority a {\ninclude mistaken.conf;\n}");
like($said, qr/unknown directive "unknown" in \S*mistaken\.conf:2\b/,
    'mistake in an included file');

# nothing but the one line

($good, $said) = config_test(location('/acme/', 'acme_ca;'));
ok($good, 'one line') or diag($said);
($good, $said) = config_test(location('/acme', 'acme_ca;'));
ok($good, 'location without a slash at the end') or diag($said);
($good, $said) = config_test(location('^~ /acme/', 'acme_ca;'));
ok($good, 'location before regular expressions') or diag($said);
($good, $said) = config_test('acme_ca_authority unused { }');
ok($good, 'authority that is not used') or diag($said);

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub location {
    my ($name, $text) = @_;
    return "server { listen 127.0.0.1:8080; location $name { $text } }";
}


sub config_test {
    my ($http) = @_;

    # $http begins in line 6, in whatever form the globals are
    my $globals = ($ENV{TEST_NGINX_GLOBALS} || '') =~ tr/\n/ /r;

    return acme_ca_config_test($t, "pid test.pid; $globals\nevents {\n}\n\n"
                                   . "http { access_log off;\n$http\n}\n");
}

###############################################################################
