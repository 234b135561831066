#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Terms of service that changed (RFC 8555, 7.3.3): who agreed before gets nothing
# new until it agrees again, and keeps what it has.

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
my $terms = 'https://ca.example/terms-2';
my $common = "resolver 127.0.0.1:%%PORT_8053%%; allow address 127.0.0.0/8;"
    . " http_01_ports %%PORT_8081%%; pre_authorization on;"
    . " terms_of_service $terms;";

# when it is, is in a file, for nobody knows how long what comes before takes

sub changed {
    my ($date) = @_;

    $t->write_file('changed.conf', "terms_changed $date;");
    $t->write_file('grace.conf', "terms_changed $date grace=1h;");
}

changed(rfc3339(time() + 86400));

acme_ca_conf($t, authority => "pre_authorization on;
        terms_of_service $terms; include %%TESTDIR%%/changed.conf;",
    http => <<"END")->plan(28)->run();
acme_ca_authority grace {
        path %%TESTDIR%%/grace;
        base_url http://127.0.0.1:%%PORT_8082%%/grace;
        $common include %%TESTDIR%%/grace.conf;
    }

    acme_ca_authority never {
        path %%TESTDIR%%/never;
        base_url http://127.0.0.1:%%PORT_8082%%/never;
        $common
    }

    acme_ca_authority past {
        path %%TESTDIR%%/past;
        base_url http://127.0.0.1:%%PORT_8082%%/past;
        $common terms_changed 2020-01-31;
    }

    server {
        listen 127.0.0.1:%%PORT_8082%%;
        location /grace/ { acme_ca grace; }
        location /never/ { acme_ca never; }
        location /past/ { acme_ca past; }
    }
END

my %acme = (default => acme_client($t));

for my $name (qw/ grace never past /) {
    $acme{$name} = acme_client($t, directory =>
        'http://127.0.0.1:' . port(8082) . "/$name/directory");
}

###############################################################################

# before the change

for my $name (sort keys %acme) {
    is($acme{$name}->new_account()->{status}, 201, "$name: account");
}

my $acme = $acme{default};
my $got = $acme->issue([ 'a.example' ]);
is($got->{order}->json()->{status}, 'valid', 'certificate');

my $open = $acme->new_order([ 'open.example' ]);
is($open->{status}, 201, 'order');

# the change comes while nginx runs

my $change = time() + 2;

changed(rfc3339($change));
ok(acme_ca_reload($t), 'a change is near');
is(agreed_after_change(), 0, 'agreed before the change');
acme_ca_wait(sub { time() > $change });

# after it

my $reply = $acme->new_order([ 'b.example' ]);
is($reply->outcome(), '403 userActionRequired', 'new order');
is($reply->json()->{instance}, $terms, 'where to read');
is_deeply([ $reply->links('terms-of-service') ], [ $terms ], 'in a Link, too');
is($acme->post($acme->url('newAuthz'),
        { identifier => { type => 'dns', value => 'b.example' } })->outcome(),
    '403 userActionRequired', 'new authorization');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE outcome = 'refused' AND reason LIKE 'userActionRequired: %'"), 2,
    'in the audit log');

# what it has goes on

my ($url) = @{$open->json()->{authorizations}};
$acme->respond($url);
is($acme->poll($url)->json()->{status}, 'valid', 'validation');
is($acme->finalize($open, acme_csr(key => acme_key('ES256'),
        dns => [ 'open.example' ]))->json()->{status},
    'valid', 'finalization');
is($acme->post($got->{certificate_url})->{status}, 200, 'download');
is($acme->revoke($got->{chain})->{status}, 200, 'revocation');

# nothing but agreement is one

is($acme->new_account()->{status}, 200, 'another look at the account');
is($acme->post($acme->{kid}, { contact => [ 'mailto:a@example.com' ] })
    ->{status}, 200, 'an update of something else');
is($acme->new_order([ 'b.example' ])->outcome(), '403 userActionRequired',
    'still refused');

$reply = $acme->post($acme->{kid}, { termsOfServiceAgreed => JSON::PP::true });
ok($reply->json()->{termsOfServiceAgreed}, 'agrees');
is(agreed_after_change(), 1, 'when');
is($acme->new_order([ 'b.example' ])->{status}, 201, 'new order');
is(acme_ca_sql_value($t, "SELECT count(*) FROM acme_audit_logs
    WHERE action = 'agree-terms' AND outcome = 'done'"), 1, 'in the audit log');

# where nothing has changed so far

for my $name (qw/ grace never past /) {
    is($acme{$name}->new_order([ 'a.example' ])->{status}, 201, $name);
}

is(acme_ca_log($t, qr/\[(?:alert|emerg|crit)\]/), '', 'log');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub agreed_after_change {
    return acme_ca_sql_value($t, "SELECT count(*) FROM acme_accounts
        WHERE terms_agreed_at >= $change");
}

###############################################################################
