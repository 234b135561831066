#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# newOrder and orders: what is refused and how, rules, profiles, dates, the list
# of orders, and that nobody sees those of another.

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

acme_ca_conf($t, authority => 'max_identifiers 5; order_lifetime 1h;
        allow dns .example; deny dns .secret.example; deny dns no.example;
        allow ip 127.0.0.0/8; deny ip 127.0.0.9;
        profile default { description "a"; }
        profile short { description "b"; lifetime 1d; }')->plan(89)->run();

my $acme = acme_client($t);
$acme->new_account();

###############################################################################

# what an order is

my $reply = $acme->new_order([ 'B.example', 'a.example', '127.0.0.1' ]);
my $json = $reply->json();
my $url = $reply->location();

is($reply->{status}, 201, 'new order');
like($url, qr!/acme/order/[\w-]+$!, 'location');
is($json->{status}, 'pending', 'status');
is_deeply([ sort map { "$_->{type} $_->{value}" } @{$json->{identifiers}} ],
    [ 'dns a.example', 'dns b.example', 'ip 127.0.0.1' ], 'identifiers');
is(scalar @{$json->{authorizations}}, 3, 'authorizations');
is($json->{finalize}, "$url/finalize", 'finalize');
ok(abs(seconds($json->{expires}) - 3600) < 600, 'expires');
is_deeply($acme->post($url)->json(), $json, 'the same by POST-as-GET');

my $authz = $acme->post($json->{authorizations}[0]);
is($authz->json()->{status}, 'pending', 'authorization');
like($acme->challenge($authz)->{token}, qr/^[\w-]{22,}$/, 'token');

is(scalar @{$acme->new_order([ 'c.example', 'C.EXAMPLE', 'c.example' ])
    ->json()->{identifiers}}, 1, 'duplicates are one');

###############################################################################

# identifiers that are refused

my @bad = (
    [ '', qr/malformed|rejectedIdentifier/ ],
    map { [ $_, qr/malformed|rejectedIdentifier|unsupportedIdentifier/ ] }
        '*.a.example', '*.*.example', 'a.*.example', '*', 'a..example',
        '.a.example', 'a.example.', '-a.example', 'a-.example', 'a_b.example',
        'a b.example', 'a/b.example', 'a.example:80', "a\0.example",
        'xn--.example', 'a.xn--abc-.example', 'xn--a.example',
        "\x{e9}.example", 'x' x 64 . '.example', 'x.' x 127 . 'example',
        { type => 'dns', value => '127.0.0.1' },
        { type => 'dns', value => '127.1' },
        { type => 'dns', value => '0x7f.0.0.1' },
        { type => 'dns', value => '2130706433' },
        { type => 'dns', value => '::1' },
        { type => 'dns', value => '[::1]' },
        { type => 'ip', value => 'a.example' },
        { type => 'ip', value => '127.0.0.01' },
        { type => 'ip', value => '127.1' },
        { type => 'ip', value => '127.0.0.0/8' },
        { type => 'ip', value => '::ffff:127.0.0.1' },
        'no.example', 'a.secret.example', 'a.example.org', '127.0.0.9',
        '10.0.0.1',
        { type => 'email', value => 'a@a.example' },
        { type => 'dns' }, { value => 'a.example' },
        { type => 'dns', value => 1 }, { type => 1, value => 'a.example' },
);

foreach my $case (@bad) {
    my ($name, $want) = @$case;
    my $text = ref $name ? json_encode($name) : $name;

    like($acme->new_order([ $name ])->outcome(), qr/^40[03] $want$/,
        "refused: " . substr($text, 0, 40) =~ s/[^ -~]/?/gr);
}

is($acme->new_order([ 'no.example' ])->type(), 'rejectedIdentifier',
    'denied name');
is($acme->new_order([ { type => 'email', value => 'a@b' } ])->type(),
    'unsupportedIdentifier', 'type');

$reply = $acme->new_order([ 'a.example', 'no.example', '127.0.0.9' ]);
my $sub = $reply->json()->{subproblems} || [];
is_deeply([ sort map { $_->{identifier}{value} } @$sub ],
    [ '127.0.0.9', 'no.example' ], 'subproblems');
is(scalar(grep { $_->{type} =~ /:rejectedIdentifier$/ } @$sub), 2,
    'types of subproblems');

is($acme->new_order([ map { "n$_.example" } 1 .. 6 ])->outcome(),
    '400 malformed', 'many');
is($acme->new_order([ map { "n$_.example" } 1 .. 5 ])->outcome(), '201',
    'not too many');
is($acme->new_order([])->outcome(), '400 malformed', 'none');
is($acme->post($acme->url('newOrder'), $_)->outcome(), '400 malformed',
    'payload ' . json_encode($_))
    foreach {}, { identifiers => 'a.example' }, { identifiers => {} },
            { identifiers => [ 'a.example' ] };

###############################################################################

# profile and dates

$reply = $acme->new_order([ 'p.example' ], more => { profile => 'short' });
is($reply->outcome(), '201', 'profile');
is($reply->json()->{profile}, 'short', 'profile of the order');
is($acme->new_order([ 'p.example' ], more => { profile => 'none' })
    ->outcome(), '400 invalidProfile', 'unknown profile');
is($acme->new_order([ 'p.example' ], more => { profile => 1 })->outcome(),
    '400 malformed', 'profile number');

my $now = time();
my @dates = (
    [ 201, notAfter => rfc3339($now + 86400) ],
    [ 201, notBefore => rfc3339($now + 60),
      notAfter => rfc3339($now + 86400) ],
    [ '400 malformed', notAfter => rfc3339($now - 60) ],
    [ '400 malformed', notBefore => rfc3339($now - 86400) ],
    [ '400 malformed', notAfter => rfc3339($now + 86400 * 91) ],
    [ '400 malformed', notBefore => rfc3339($now + 7200),
      notAfter => rfc3339($now + 3600) ],
    [ '400 malformed', notAfter => 'tomorrow' ],
    [ '400 malformed', notAfter => '2030-02-30T00:00:00Z' ],
    [ '400 malformed', notAfter => 1 ],
);

foreach my $case (@dates) {
    my ($want, %dates) = @$case;
    is($acme->new_order([ 'd.example' ], more => \%dates)->outcome(), $want,
        'dates ' . json_encode(\%dates) =~ s/\d{4}-\S+?Z/date/gr);
}

###############################################################################

# the list of orders

my $list = $acme->post("$acme->{kid}/orders");
is($list->{status}, 200, 'list');
my $count = acme_ca_sql_value($t, 'SELECT count(*) FROM acme_orders');
is(scalar @{$list->json()->{orders}}, $count, 'all orders');
is(scalar(grep { $_ eq $url } @{$list->json()->{orders}}), 1, 'ours');

$acme->new_order([ "l$_.example" ]) for 1 .. 60;
my ($next, %seen) = "$acme->{kid}/orders";
for (1 .. 5) {
    $list = $acme->post($next);
    $seen{$_}++ foreach @{$list->json()->{orders}};
    ($next) = $list->links('next');
    last unless defined $next;
}
is(scalar keys %seen, $count + 60, 'all pages');
is($acme->post("$acme->{kid}/orders?cursor=x")->outcome(), '404 malformed',
    'cursor of nobody');

###############################################################################

# another account

my $other = $acme->another();
$other->new_account();

foreach my $path ($url, "$url/finalize", $json->{authorizations}[0],
                  $acme->challenge($authz)->{url}, "$acme->{kid}/orders")
{
    my $payload = $path =~ /finalize/ ? { csr => 'AAAA' } : undef;
    is($other->post($path, $payload)->outcome(), '404 malformed',
        "of another: " . ($path =~ m!/acme/(\w+)!)[0]);
}

is($acme->post($json->{authorizations}[0], { status => 'deactivated' })
    ->json()->{status}, 'deactivated', 'authorization deactivated');
is($acme->post($url)->json()->{status}, 'invalid', 'and its order invalid');

###############################################################################

# from now to a date

sub seconds {
    my ($date) = @_;
    require Time::Local;

    my ($y, $m, $d, $hour, $min, $sec) = $date =~ /(\d+)/g;
    return Time::Local::timegm($sec, $min, $hour, $d, $m - 1, $y) - time();
}

###############################################################################
