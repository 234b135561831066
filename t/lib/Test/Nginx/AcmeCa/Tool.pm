package Test::Nginx::AcmeCa::Tool;

# Copyright (C) the nginx-acme-ca authors
#
# Runs contrib/acme-ca:
#
#     acme_ca_tool($t);
#
#     my ($text, $status) = tool('eab', 'list');     # --path TESTDIR/ca
#     ($text, $status) = admin('eab', 'list');       # --admin, of /admin/
#     ($text, $status) = run_tool('--admin', $url, 'eab', 'list');
#     my $json = json('eab', 'list');                # the same with --json
#     $json = admin_json('eab', 'list');
#     $json = run_json('--admin', $url, 'eab', 'list');
#     my $n = sql('SELECT count(*) FROM acme_orders');
#
# What the last one said, and its exit status, are in $text and $status too.

use warnings;
use strict;

use base qw/ Exporter /;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use Test::More ();
use Test::Nginx;
use Test::Nginx::AcmeCa;

our @EXPORT = qw/ acme_ca_tool acme_ca_tool_path tool admin run_tool json
    admin_json run_json sql $text $status /;

our ($text, $status);

my $t;

my $tool = abs_path(dirname(__FILE__) . '/../../../../..') . '/contrib/acme-ca';


sub acme_ca_tool {
    ($t) = @_;
}


sub acme_ca_tool_path {
    return $tool;
}


sub tool {
    return run_tool('--path', $t->testdir() . '/ca', @_);
}


sub admin {
    return run_tool(by_admin(), @_);
}


sub by_admin {
    return ('--admin', 'http://127.0.0.1:' . port(8080) . '/admin');
}


# (what it said, its exit status)

sub run_tool {
    my (@args) = @_;

    $text = run($tool, @args);
    $status = $? >> 8;
    Test::Nginx::log_core('||', "acme-ca @args: $status\n$text");

    return ($text, $status);
}


sub json {
    return run_json('--path', $t->testdir() . '/ca', @_);
}


sub admin_json {
    return run_json(by_admin(), @_);
}


sub run_json {
    my ($text, $status) = run_tool('--json', @_);

    Test::More::diag("acme-ca @_: $text") if $status;

    return eval { json_decode($text) } || { broken => $text };
}


sub sql {
    my ($sql) = @_;

    return acme_ca_sql_value($t, $sql);
}

1;
