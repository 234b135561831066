#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Backup while clients issue, restore, export and import, and what the doctor
# finds.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use File::Copy qw/ copy /;
use POSIX ();
use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)
    ->has_daemon('sqlite3')->has_daemon('openssl');
acme_ca_tool($t);

acme_ca_conf($t)->plan(69)->run();

my $dir = $t->testdir();

my $acme = acme_client($t);
my $got = $acme->issue([ 'a.example' ]);
my $serial = lc cert_field($got->{chain}, 'serial');

###############################################################################

# all is well

is((tool('doctor'))[1], 0, 'doctor') or diag($text);
unlike($text, qr/^(?:warning|fault)/m, 'finds nothing') or diag($text);
like($text, qr/^ok\s+key\s+issuer\.key is that/m, 'looked at the key');

SKIP: {
    skip 'no curl', 2 if system('curl --version > /dev/null 2>&1');

    is((tool('doctor', '--url', acme_ca_url() . '/directory'))[1], 0, 'url');
    is((tool('doctor', '--url', acme_ca_url() . '/no'))[1], 1, 'no directory');
}

# an issuer of the folder, and one that was changed since

mkdir "$dir/ca/issuers", 0755;
$t->write_file("ca/issuers/abcd.$_", "a $_\n") for qw/ pem key /;
chmod 0600, "$dir/ca/issuers/abcd.key";

# a copy, while others write

my $pid = fork();

if ($pid == 0) {
    $acme->another(key => $acme->{key}, kid => $acme->{kid})
        ->new_order([ 'a.example' ]) for 1 .. 20;
    POSIX::_exit(0);
}

my $backup = json('backup', "$dir/backup");
waitpid $pid, 0;

is($backup->{certificates}, 2, 'backup');
is((stat "$dir/backup")[2] & 0777, 0700, 'for nobody else');
is((stat "$dir/backup/ca.db")[2] & 0777, 0600, 'nor the database');
ok(-e "$dir/backup/$_", $_) for qw/ root.key issuer.key issuer.pem audit.key /;
is((tool('backup', "$dir/backup"))[1], 1, 'not over another');

watch_owner("$dir/ca", sub { tool('backup', "$dir/half") }, cp => 'false');
is($status, 1, 'keys that cannot be copied');
ok(!-e "$dir/half", 'half a backup is none');
is(sql("SELECT count(*) FROM acme_audit_logs WHERE action = 'backup'"), 1,
    'audited');

is((stat "$dir/backup/issuers/abcd.key")[2] & 0777, 0600, 'issuers/');
unlink "$dir/ca/issuers/abcd.pem";
$t->write_file('ca/issuers/abcd.key', "another\n");

# what came later is not in it

$acme->issue([ 'later.example' ]);

is((run_tool('--path', "$dir/ca", 'restore', "$dir/backup"))[1], 1,
    'not while nginx runs');
like($text, qr/is in use: stop nginx first/, 'says so');

# JSON

my $lines = (tool('export'))[0];
is($status, 0, 'export');
is((grep { !eval { json_decode($_) } } split /\n/, $lines), 0, 'of JSON');
$t->write_file('export.json', $lines);

$t->stop();

# the old one stays until the new one takes its place

$t->write_file('mv', "#!/bin/sh\nfor last; do :; done\n"
    . "case \$last in */ca.db) exit 1 ;; esac\nexec /bin/mv \"\$@\"\n");
chmod 0755, "$dir/mv";

watch_owner("$dir/ca", sub { tool('restore', "$dir/backup") },
    mv => "$dir/mv");
is($status, 1, 'restore that ends early');
ok(-s "$dir/ca/ca.db", 'leaves the database that was there');

# root writes where the workers' user could lay links: not while it does

my $owner = (stat "$dir/ca")[4];

watch_owner("$dir/ca", sub { tool('restore', "$dir/backup") });
is($status, 0, 'restored') or diag($text);
is($t->read_file('owners') =~ s/^$>\n//gmr, '', 'into a folder of its own');
is((stat "$dir/ca")[4], $owner, 'which it gives back');
is(sql('SELECT count(*) FROM acme_certificates'), 2, 'as it was');
ok((glob "$dir/ca/ca.db.before-*")[0], 'what was there is kept');
is($t->read_file('ca/issuers/abcd.key'), "a key\n", 'issuers/');
is($t->read_file('ca/issuers/abcd.pem'), "a pem\n", 'its certificate');
ok((glob "$dir/ca/issuers/abcd.key.before-*")[0], 'the other one is kept');
unlink glob "$dir/ca/issuers/*";
is((tool('doctor'))[1], 0, 'sound') or diag($text);

$t->run();
is($acme->find_account()->{status}, 200, 'account');
is(cert_field($acme->post($got->{certificate_url})->{body}, 'serial'),
    cert_field($got->{chain}, 'serial'), 'certificate under its URL');
is(scalar($acme->issue([ 'a.example' ])->{chain} =~ /BEGIN/), 1, 'issues');
$t->stop();

# import: the database of another place

is((tool('import', "$dir/export.json"))[1], 1, 'not over a database');

mkdir "$dir/moved";
chown $owner, -1, "$dir/moved" if $> == 0;

watch_owner("$dir/moved", sub {
    run_tool('--path', "$dir/moved", 'import', "$dir/export.json");
});
is($status, 0, 'imported') or diag($text);
is($t->read_file('owners') =~ s/^$>\n//gmr, '', 'into a folder of its own');
is((stat "$dir/moved")[4], $owner, 'which it gives back');
copy("$dir/ca/$_", "$dir/moved/$_") for qw/ root.pem audit.pem /;
is((run_tool('--path', "$dir/moved", '--json', 'certificate', 'list'))[1], 0,
    'works');
is(scalar @{json_decode($text)}, 3, 'with all certificates');
is((run_tool('--path', "$dir/moved", 'audit', 'verify'))[1], 0,
    'and its audit log') or diag($text);
is((run_tool('--path', "$dir/again", 'import', "$dir/nginx.conf"))[1], 1,
    'no export');

# nothing is lost on the way: every row, index, trigger and view, not the keys

tool('eab', 'create', '--label', 'team "A"');
tool('renewal', 'move', '--name', 'a.example', '--within', '1h');
$t->write_file('whole.json', (tool('export'))[0]);

is((run_tool('--path', "$dir/whole", 'import', "$dir/whole.json"))[1], 0,
    'all of it');
like($text, qr/copy the keys/, 'but the keys');
is_deeply([ glob "$dir/whole/*" ], [ "$dir/whole/ca.db" ], 'which are not there');

# but that its lists are due

my @lists = map { acme_ca_sql($t, "SELECT l.* FROM acme_crls AS l
    JOIN issuers AS i ON i.id = l.issuer_id WHERE i.state = 'active'",
    "$dir/$_/ca.db") } 'ca', 'whole';
is($lists[1]{$_}, 0, "a list's $_") foreach qw/ due_at lease_until /;
cmp_ok($lists[1]{number}, '>', $lists[0]{number}, 'and number');

my ($before, $after) = map { run('sqlite3',
    "$dir/$_/ca.db", '.dump', 'PRAGMA user_version', 'PRAGMA application_id')
    =~ s/^(INSERT INTO acme_crls VALUES\(\d+,\d+,\d+).*/$1/mgr
    =~ s/^(INSERT INTO acme_ca_meta .*),'\w+'/$1/mgr } 'ca', 'whole';

my %had = map { $_ => 1 } split /\n/, $before;
my %has = map { $_ => 1 } split /\n/, $after;
is_deeply([ grep { !$has{$_} } sort keys %had ], [], 'nothing is missing');
is(join("\n", grep { !$had{$_} && !/'operator','import','done'/ }
    sort keys %has), '', 'nothing is new but that it was imported');
like($after, qr/INSERT INTO $_ /, "rows of $_") foreach qw/ acme_accounts
    acme_orders acme_certificates acme_eab_credentials acme_renewal_windows
    acme_audit_logs acme_audit_checkpoints issuers acme_crls /;

###############################################################################

# what the doctor finds

chmod 0644, "$dir/ca/issuer.key";
is((tool('doctor'))[1], 1, 'an open key');
like($text, qr/^fault\s+issuer\.key\s+others can read it/m, 'is told');
chmod 0600, "$dir/ca/issuer.key";

copy("$dir/ca/root.key", "$dir/ca/issuer.key");
chmod 0600, "$dir/ca/issuer.key";
tool('doctor');
like($text, qr/^fault\s+key\s+issuer\.key is not that/m, 'another key');
copy("$dir/backup/issuer.key", "$dir/ca/issuer.key");

copy("$dir/backup/issuer.$_", "$dir/ca/issuers/abcd.$_") for qw/ pem key /;
chmod 0644, "$dir/ca/issuers/abcd.key";
tool('doctor');
like($text, qr!^fault\s+issuers/abcd\.key\s+others can read it!m,
    'one of the others that is open');
chmod 0600, "$dir/ca/issuers/abcd.key";
is((tool('doctor'))[1], 0, 'it is closed') or diag($text);
like($text, qr!^ok\s+key\s+issuers/abcd\.key is that of!m, 'and looked at');

chmod 0770, "$dir/ca/issuers";
tool('doctor');
like($text, qr/^fault\s+issuers\s+others can write there/m,
    'a folder that others can write');
chmod 0755, "$dir/ca/issuers";
chmod 0707, "$dir/ca";
tool('doctor');
like($text, qr/^fault\s+folder\s+others can write there/m,
    'the state folder');
chmod 0700, "$dir/ca";
is((tool('doctor'))[1], 0, 'it is closed, too') or diag($text);

undef $t;

###############################################################################


# who owns a folder whenever the tool copies to it or gives a file in it to
# somebody; programs may be others

sub watch_owner {
    my ($folder, $code, %others) = @_;

    mkdir "$dir/bin";
    $t->write_file('owners', '');

    foreach my $name (qw/ cp chmod mv /) {
        my ($program) = $others{$name}
            || grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
        $t->write_file("bin/$name", "#!/bin/sh\n"
            . "stat -c %u '$folder' >> '$dir/owners'\n"
            . "exec $program \"\$@\"\n");
        chmod 0755, "$dir/bin/$name";
    }

    local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
    $code->();
}

###############################################################################
