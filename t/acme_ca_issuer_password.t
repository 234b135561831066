#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# Keys of CAs that are protected by a passphrase: those that are made, those of
# the operator, in each form; and what "nginx -t" says of wrong ones.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Tool;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl')
    ->has_daemon('sqlite3');
my $dir = $t->testdir();

acme_ca_module($t);
acme_ca_tool($t);

# the operator's keys, one passphrase each

my %forms = (
    pkcs8  => [ 'pkcs8', '-topk8', '-v2', 'aes-256-cbc' ],
    legacy => [ 'ec', '-aes128' ],
    pkcs12 => [ 'pkcs12', '-export', '-nocerts', '-inkey' ],
);
my @forms = sort keys %forms;

acme_ca_secret($t, 'words', join '', "nothing\n", "\n",
    map { "open $_\r\n" } @forms);
acme_ca_secret($t, 'wrong', "nothing\nopen \nopen pkcs\n");
acme_ca_secret($t, 'empty', "\n\n");
acme_ca_secret($t, 'shown', "open pkcs8\n");
chmod 0640, "$dir/shown";

foreach my $form (@forms) {
    make_ca($t, $form);

    my @command = @{$forms{$form}};
    my $said = run('openssl', @command,
        $form eq 'pkcs12' ? () : '-in', "$dir/$form.key",
        '-passout', "pass:open $form", '-out', "$dir/$form.sealed");

    -s "$dir/$form.sealed" or die "no key $form: $said\n";
    chmod 0600, "$dir/$form.sealed";
}

my $http = join '', map { <<EOF } @forms;
    acme_ca_authority $_ {
        path %%TESTDIR%%/$_;
        issuer $_.pem $_.sealed;
        issuer_password_file words;
        resolver 127.0.0.1:%%PORT_8053_UDP%%;
        http_01_ports %%PORT_8081%%;
    }
EOF

acme_ca_conf($t, http => $http,
    authority => 'issuer_password_file %%TESTDIR%%/own; crl_interval 1s;',
    server => join "\n", map { "location /$_/ { acme_ca $_; }" } @forms);

acme_ca_secret($t, 'own', "made by us\nof before\n");

$t->plan(10 + 2 * @forms + 16)->run();

###############################################################################

# keys of ours

foreach my $name (qw/ root issuer /) {
    like($t->read_file("ca/$name.key"), qr/^-----BEGIN ENCRYPTED PRIVATE KEY/,
        "$name.key is encrypted");
    like(run('openssl', 'pkey', '-in', "$dir/ca/$name.key", '-passin',
             'pass:made by us', '-noout', '-text'), qr/prime256v1/,
        'by the first line');
}

is(issue(''), 'OK', 'issued');

my ($list) = grep { !/all\.pem$/ && run('openssl', 'crl', '-in', $_, '-noout', '-CAfile',
                        "$dir/ca/root.pem") =~ /verify OK/ }
             glob "$dir/ca/crl/*.pem";
my $number = crl_number();
ok($number, 'CRL of the root');

like((tool('doctor'))[0], qr/^ok\s+key\s+issuer\.key has a passphrase/m, 'doctor');

# a new passphrase before that of the keys, and a reload

acme_ca_secret($t, 'own', "another\n\nmade by us");
ok(acme_ca_reload($t), 'reload with the second line');
is(issue(''), 'OK', 'issued after it');
cmp_ok(crl_number(), '>', $number, 'the root signed another CRL');

# keys of the operator

foreach my $form (@forms) {
    is(issue($form), 'OK', "$form: issued");
    is(cert_field($t->read_file("$form.pem"), 'subject'), "CN = $form",
        "$form: certificate");
}

###############################################################################

my $conf = $t->read_file('nginx.conf');
my $form = 'pkcs8.sealed;\s+issuer_password_file';

is((acme_ca_config_test($t, $conf))[0], 1, 'good configuration');

my @wrong = (
    [ 'wrong passphrases', $conf =~ s/$form\K words/ wrong/r,
      qr/no line of "issuer_password_file" is the passphrase of the private key in "\S+pkcs8.sealed" .* in \S+:\d+/ ],
    [ 'wrong ones of our own key', $conf =~ s!/own;!/words;!r,
      qr!private key in "\S+/ca/issuer\.key" \([^)]+\) in \S+:\d+! ],
    [ 'no passphrases', $conf =~ s/$form\K words/ empty/r,
      qr/"\S+empty" has no passphrase in \S+:\d+/ ],
    [ 'no file of them', $conf =~ s/$form words;/pkcs8.sealed;/r,
      qr/needs a passphrase, in a file that "issuer_password_file" names .* in \S+:\d+/ ],
    [ 'no such file', $conf =~ s/$form\K words/ nowhere/r,
      qr/issuer_password_file: cannot open "\S+nowhere".* in \S+:\d+/ ],
    [ 'a file for everybody', $conf =~ s/$form\K words/ shown/r,
      qr/"\S+shown" must belong to the user .* in \S+:\d+/ ],
    [ 'two files', $conf =~ s/(issuer_password_file words;)/$1 $1/r,
      qr/"issuer_password_file" directive is duplicate in \S+:\d+/ ],
);

foreach my $wrong (@wrong) {
    my ($what, $text, $why) = @$wrong;
    my ($good, $said) = acme_ca_config_test($t, $text);

    is($good, 0, "$what: refused");
    like($said, $why, "$what: why");
}

# a log has none of them

$t->stop();
unlike($t->read_file('error.log'), qr/made by us|open pkcs|open legacy/,
    'no passphrase is logged');

undef $t;

###############################################################################

sub issue {
    my ($name) = @_;
    my $acme = acme_client($t, at => $name || 'acme');

    $acme->new_account();
    my $chain = $acme->issue([ "a$name.example" ])->{chain};

    return chain_verify($chain,
                        $name eq '' ? "$dir/ca/root.pem" : "$dir/$name.pem");
}


# hexadecimal

sub crl_number {
    my ($number) = run('openssl', 'crl', '-in', $list, '-noout', '-crlnumber')
                   =~ /=0x(\w+)/;
    return hex $number;
}

###############################################################################
