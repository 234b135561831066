#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# A key that takes its time, as one in a token may: while it signs, whatever
# needs no signature is answered.  Whoever becomes active meanwhile is the one
# that has signed what is recorded.

# A library makes each signature of a worker with such a key wait as long as a
# file is there.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Piped;
use Test::Nginx::AcmeCa::Tool qw/ acme_ca_tool tool sql /;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $t = Test::Nginx->new()->has(qw/ http cryptx /)->has_daemon('openssl')
    ->has_daemon('sqlite3')->has_daemon('cc');
my $dir = $t->testdir();
acme_ca_tool($t);

# an instrumented nginx brings its own library, which has to be the first
plan(skip_all => 'an instrumented nginx') if $ENV{LD_PRELOAD}
    || $t->has_module('fsanitize');

# the log of audits and OCSP responses have other keys

$t->write_file('slow.c', <<EOF2);

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

static pid_t  master;

__attribute__((constructor))
static void
start(void)
{
    master = getpid();
}

static void
slow(EVP_PKEY *key)
{
    int  i, fd;

    if (getpid() == master || key == NULL
        || EVP_PKEY_get_bits(key) != 384 || access("$dir/slow", F_OK) != 0)
    {
        return;
    }

    fd = open("$dir/signing", O_WRONLY|O_CREAT|O_APPEND, 0666);
    (void) !write(fd, ".", 1);
    close(fd);

    for (i = 0; i < 12000 && access("$dir/slow", F_OK) == 0; i++) {
        usleep(5000);
    }
}

int
EVP_DigestSign(EVP_MD_CTX *md, unsigned char *signature, size_t *len,
    const unsigned char *data, size_t n)
{
    int  (*next)(EVP_MD_CTX *, unsigned char *, size_t *,
                 const unsigned char *, size_t) =
             dlsym(RTLD_NEXT, "EVP_DigestSign");

    slow(EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(md)));

    return next(md, signature, len, data, n);
}

int
X509_sign_ctx(X509 *x509, EVP_MD_CTX *md)
{
    int  (*next)(X509 *, EVP_MD_CTX *) = dlsym(RTLD_NEXT, "X509_sign_ctx");

    slow(EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(md)));

    return next(x509, md);
}

EOF2

system('cc', '-shared', '-fPIC', '-o', "$dir/slow.so", "$dir/slow.c", '-ldl',
       '-lcrypto')
    == 0 or plan(skip_all => 'no slow.so');

acme_ca_conf($t, server => 'location /ocsp/ { acme_ca_ocsp; }',
    authority => 'issuer_key_type p384; issuer_overlap 1h;')->plan(27);

{
    local $ENV{LD_PRELOAD} = "$dir/slow.so";

    # the workers, who are somebody else, say that they sign
    chmod 0777, $dir;
    $t->run();
}

my $acme = acme_client($t);
$acme->new_account();

# the next issuer waits for its turn

tool('issuer', 'rotate');
acme_ca_reload($t);
ok(acme_ca_wait(sub { states() eq 'active next' }), 'two issuers');
my ($first, $second) = ids();

###############################################################################

# what the CA makes for itself

my %own = (
    'server certificate' => 'acme_server_certificates',
    'OCSP signer' => 'acme_ocsp_signers',
);

foreach my $what (sort keys %own) {
    my $newest = "SELECT coalesce(max(id), 0) FROM $own{$what}";
    my $before = sql($newest);

    slow(1);
    acme_ca_sql($t, $what =~ /OCSP/
        ? "UPDATE acme_certificates SET not_before = not_before - 30 * 86400,
               not_after = strftime('%s') + 86400 WHERE id IN
               (SELECT certificate_id FROM acme_ocsp_signers
                WHERE issuer_id = $first)"
        : 'DELETE FROM acme_server_certificates');

    ok(acme_ca_wait(sub { signing() }), "$what: is being signed");
    is(writes(), '201 ' x 8, "$what: others write");
    is(sql($newest), $what =~ /OCSP/ ? $before : 0, "$what: not yet");

    slow(0);
    ok(acme_ca_wait(sub { sql($newest) > $before
                          || $what !~ /OCSP/ && sql($newest) > 0 }),
        "$what: renewed");
}

is(sql('SELECT count(*) FROM acme_server_certificates'), 1,
    'server certificate: once');
is(sql("SELECT count(*) FROM acme_ocsp_signers WHERE issuer_id = $first"), 1,
    'OCSP signer: once');

###############################################################################

# certificates of clients: those of one worker do not wait for each other

my @ready = map { $acme->ready_order([ "n$_.example" ]) } 1 .. 4;

slow(1);
my @finalizes = map { my $one = $_; piped(sub { print finalize($one) }) } @ready;

ok(acme_ca_wait(sub { signing() == 4 }), 'four are being signed');
is(writes(), '201 ' x 8, 'others write');
is_deeply([ map { status($_) } @ready ], [ ('ready') x 4 ], 'still ready');

slow(0);
is_deeply([ map { read_all($_) } @finalizes ], [ ('200 valid') x 4 ],
    'signed');

###############################################################################

# another issuer becomes active while the one before signs: for a client, and
# for ourselves

my $order = $acme->ready_order([ 'between.example' ]);
my $last = sql('SELECT max(id) FROM acme_certificates');

slow(1);
acme_ca_sql($t, 'DELETE FROM acme_server_certificates');
my $finalize = piped(sub { print finalize($order) });

# each worker signs for the CA itself
ok(acme_ca_wait(sub { signing() == 3 }), 'are being signed');

my ($said) = tool('issuer', 'rotate');
is(states(), 'retired active', 'another issuer is active') or diag($said);

slow(0);
is(read_all($finalize), '200 valid', 'signed');
ok(acme_ca_wait(sub {
    sql('SELECT count(*) FROM acme_server_certificates') > 0 }), 'renewed');

is(sql("SELECT group_concat(DISTINCT issuer_id) FROM acme_certificates
        WHERE id > $last"), $second, 'by the new issuer only');

my $chain = $acme->post($acme->post($order->location())->json()->{certificate})
    ->{body};
is(chain_verify($chain, "$dir/ca/root.pem"), 'OK', 'verified');

my ($above) = $chain =~ /END CERTIFICATE-----\s+(-----BEGIN.*)/s;
is($above, sql("SELECT chain_pem FROM issuers WHERE id = $second"),
    'with the chain of the new one');

###############################################################################

# a worker that leaves meanwhile takes the signature with it

$order = $acme->ready_order([ 'leaving.example' ]);
my @old = acme_ca_workers($t);

slow(1);
$finalize = piped(sub { print finalize($order) });
ok(acme_ca_wait(sub { signing() }), 'is being signed');
acme_ca_reload($t);
is(scalar(grep { kill 0, $_ } @old) > 0, 1, 'an old worker stays');

slow(0);
is(read_all($finalize), '200 valid', 'signed');
ok(acme_ca_wait(sub { !grep { kill 0, $_ } @old }), 'and then it leaves');

is(acme_ca_faults($t), '', 'registry');

# two more tests, which would not be counted at the end of everything
undef $t;

###############################################################################

sub slow {
    my ($on) = @_;

    unlink "$dir/signing";

    if ($on) {
        $t->write_file('slow', '');

    } else {
        unlink "$dir/slow";
    }
}


# how many signatures wait

sub signing { return -s "$dir/signing" || 0 }


# as many as surely meet each of the two workers

sub writes {
    return join '', map { acme_client($t)->new_account()->{status} . ' ' }
                        1 .. 8;
}


sub finalize {
    my ($ready) = @_;
    my ($name) = map { $_->{value} } @{$ready->json()->{identifiers}};

    # with nonces of its own
    my $one = $acme->another(key => $acme->{key}, kid => $acme->{kid});
    my $reply = $one->finalize($ready, acme_csr(key => acme_key('ES256'),
                                                dns => [ $name ]));

    return "$reply->{status} " . $reply->json()->{status};
}


sub status { return $acme->post($_[0]->location())->json()->{status} }


sub read_all {
    my ($fh) = @_;
    my $text = join '', <$fh>;

    close $fh;

    return $text;
}


sub ids { return split /,/, sql('SELECT group_concat(id) FROM
    (SELECT id FROM issuers WHERE state IS NOT NULL ORDER BY id)') }


sub states {
    return sql('SELECT group_concat(state, " ") FROM
        (SELECT state FROM issuers WHERE state IS NOT NULL ORDER BY id)');
}

###############################################################################
