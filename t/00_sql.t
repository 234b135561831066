#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# sql/: the migrations run in the sqlite3 shell, every statement is explained
# against their schema, is used by src/store exactly once, and reads by an
# index where requests wait for it.  embed.awk refuses what it cannot embed.

###############################################################################

use warnings;
use strict;

use Test::More;

use File::Basename qw/ basename dirname /;
use File::Temp qw/ tempdir /;

chdir(dirname(__FILE__) . '/..') or die "chdir: $!";

plan(skip_all => 'no sqlite3 program')
    if system('sqlite3 -version > /dev/null 2>&1') != 0;

# statements that no client waits for: timers, starts, the sweep

my %cold = map { $_ => 1 } qw/ signing_claim signing_find_due
    account_end_jobs job_claim job_find_due lease_list_owners lease_free_jobs
    lease_free_signer_jobs lease_free_event_hooks
    server_find issuer_find sweep_orders sweep_authz sweep_eab
    sweep_server sweep_expire sweep_revive vacuum_get_surplus meta_get_key
    audit_get_state audit_get_sealing crl_find_ending registry_remove_order
    registry_list_issuers registry_remove_server registry_remove_ocsp_signer
    issuer_list issuer_list_named issuer_find_wanted issuer_remove_wanted /;

# searched by an index that the filters say, no more than a page looks at

$cold{certificate_page} = 1;

# what two queues have in common is sorted, no more than a page looks at; the
# operator counts them

$cold{job_page} = $cold{job_list_queues} = 1;

$cold{"census_$_"} = 1 foreach qw/ accounts orders authz challenges certificates
    jobs size issuers eab radar rows /;
$cold{"radar_$_"} = 1 foreach qw/ list_late list_unfetched list_issuers
    list_over /;
$cold{"event_hook_$_"} = 1 foreach qw/ list list_lags set /;

my $dir = tempdir(CLEANUP => 1);
my $db = "$dir/ca.db";

###############################################################################

my @migrations = sort grep { basename($_) =~ /^\d/ } glob('sql/*.sql');
my $version = 0;

for my $file (@migrations) {
    $version++;

    like(basename($file), qr/^\Q@{[ sprintf('%03d', $version) ]}\E_[a-z0-9_]+/,
        "$file: its number");
    is(sql(read_file($file)), '', "$file: runs");
    is(sql('PRAGMA user_version'), $version, "$file: sets user_version");
}

is(sql('PRAGMA integrity_check'), 'ok', 'the schema is sound');
is(sql('PRAGMA application_id'), 0x41434d45, 'application_id');
like(read_file('src/store/acme_ca_store_private.h'),
    qr/ACME_CA_STORE_APPLICATION\s+0x41434d45\b/, 'and the same in C');

is(sql("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type ="
    . " 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"), '',
    'every table is STRICT');

# a status that is a word of no list would never be seen again

is(sql("SELECT t.name FROM pragma_table_list AS t, pragma_table_info(t.name)"
    . " AS c, sqlite_schema AS s WHERE c.name IN ('status', 'outcome')"
    . " AND s.name = t.name AND s.type = 'table'"
    . " AND s.sql NOT LIKE '%CHECK (' || c.name || '%'"),
    '', 'every status is checked');

# whatever grows is seen to do so; acme_ca_meta has one row

my ($counted) = read_file('src/store/acme_ca_store_census.c')
    =~ /acme_ca_store_tables\[\] = \{(.*?)NULL/s;
is(join(' ', sort 'acme_ca_meta', $counted =~ /"(\w+)"/g), sql("SELECT
    group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name)"),
    'the metrics have the rows of all tables');

# deleting a parent looks for its children

is(sql(<<'END'), '', 'every cascade has an index');
SELECT t.name || '.' || f."from" FROM pragma_table_list AS t,
    pragma_foreign_key_list(t.name) AS f
WHERE f.on_delete = 'CASCADE' AND f.seq = 0 AND NOT EXISTS (
    SELECT 1 FROM pragma_index_list(t.name) AS i,
        pragma_index_info(i.name) AS c
    WHERE c.seqno = 0 AND c.name = f."from")
END

###############################################################################

my (%text, %script, $name, $into);

for my $file (grep { basename($_) !~ /^\d/ } glob('sql/*.sql')) {
    undef $name;

    for (split(/^/, read_file($file))) {
        if (/^-- (name|script): (\w+)$/) {
            ($into, $name) = ($1 eq 'name' ? \%text : \%script, $2);
            ok(!exists $text{$name} && !exists $script{$name},
                "$file: $name is one");
            $into->{$name} = '';

        } elsif (!/^--/ && defined $name) {
            $into->{$name} .= $_;
        }
    }
}

my $c = join('', map { read_file($_) } glob('src/store/*.c'));
my $plans = '';

for my $name (sort keys %text) {
    my $uses = () = $c =~
        /(?:(?:acme_ca_query_begin|acme_ca_store_run|acme_ca_store_page_\w+
               |acme_ca_store_issuer_set)\([^;]*?\b
            |[ ]{4}\{[ ])ACME_CA_SQL_\U$name\E[,)]/gx;

    is($uses, 1, "$name: used by C once");

    unlike(sql("EXPLAIN $text{$name}"), qr/^(?:\w+ )?error\b/im,
        "$name: prepares");

    my $plan = sql("EXPLAIN QUERY PLAN $text{$name}");
    $plans .= $plan;

    # "k" are keys that were searched for beforehand

    unlike($plan, qr/SCAN (?!k\n)|TEMP B-TREE FOR ORDER/,
        "$name: by an index")
        unless $cold{$name};
}

is(join(' ', grep { !exists $text{$_} } sort keys %cold), '',
    'the list of cold statements is true');

for my $name (sort keys %script) {
    my $uses = () = $c =~ /\bACME_CA_SCRIPT_\U$name\E\b/g;
    cmp_ok($uses, '>=', 1, "$name: used by C");
}

my %named = map { lc($_) => 1 } $c =~ /\bACME_CA_SQL_([A-Z_]+)\b/g;

delete @named{qw/ texts n version /};
is(join(' ', grep { !exists $text{$_} } sort keys %named), '',
    'C names no other statement');

unlike($c, qr/"\s*(?:SELECT|INSERT|UPDATE|DELETE|PRAGMA|BEGIN)\b/,
    'C holds no SQL');

for my $index (split(/\n/, sql("SELECT name FROM sqlite_schema WHERE type ="
    . " 'index' AND sql IS NOT NULL")))
{
    like($plans, qr/\b\Q$index\E\b/, "$index: some statement uses it");
}

###############################################################################

# embed.awk

is(embed(glob('sql/*.sql')), 0, 'embed.awk: sql/*.sql');

my $header = read_file("$dir/header.h");

like($header, qr/^#define ACME_CA_SQL_VERSION  $version$/m, 'the version');
is(() = $header =~ /^    ACME_CA_SQL_\w+,$/mg, scalar(keys %text),
    'all statements');
unlike($header, qr/-- why/, 'without their comments');

isnt(embed_text('x.sql', "-- name: a\nSELECT 1;\n"), 0, 'refused: no why');
isnt(embed_text('x.sql', "-- name: a\n-- why: b\nSELECT 1\n"), 0,
    'refused: no semicolon');
isnt(embed_text('x.sql', "-- name: a\n-- why: b\nSELECT 1;\nSELECT 2;\n"), 0,
    'refused: two statements');
isnt(embed_text('x.sql', "SELECT 1;\n"), 0, 'refused: no name');
isnt(embed_text('x.sql', "-- name: a\n-- why: b\nSELECT 1;\n" x 2), 0,
    'refused: a name that is taken');
isnt(embed_text('002_x.sql', "SELECT 1;\n"), 0,
    'refused: a migration is missing');
is(embed_text('x.sql', "-- name: a\n-- why: b\n-- and c\nSELECT '\\', \"x\";\n"),
    0, 'quotes and backslashes');
like(read_file("$dir/header.h"), qr/"SELECT '\\\\', \\"x\\";\\n"/,
    'are C');

done_testing();

###############################################################################

sub sql {
    my ($text) = @_;

    open(my $fh, '>', "$dir/in.sql") or die "$dir/in.sql: $!";
    print $fh "$text\n;\n";
    close($fh);

    my $out = `sqlite3 -batch $db < $dir/in.sql 2>&1`;
    chomp($out);

    return $out;
}

sub embed {
    return system("LC_ALL=C awk -f sql/embed.awk @_ > $dir/header.h"
        . " 2> $dir/embed.err");
}

sub embed_text {
    my ($name, $text) = @_;

    open(my $fh, '>', "$dir/$name") or die "$dir/$name: $!";
    print $fh $text;
    close($fh);

    my $rc = embed("$dir/$name");
    unlink("$dir/$name");

    return $rc;
}

sub read_file {
    my ($name) = @_;

    open(my $fh, '<', $name) or die "$name: $!";
    local $/;

    return scalar <$fh>;
}

###############################################################################
