#!/usr/bin/perl

# Copyright (C) the nginx-acme-ca authors

# ruby-acme-client: EC and RSA account keys, two names, a second certificate,
# roll-over of the account's key, revocation, a challenge that fails, the
# account's end.

###############################################################################

use warnings;
use strict;

use Test::More;

BEGIN { use FindBin; push @INC, "$FindBin::Bin/lib"; }

use Test::Nginx;
use Test::Nginx::AcmeCa;
use Test::Nginx::AcmeCa::Interop;

select STDERR; $| = 1;
select STDOUT; $| = 1;


my $t = Test::Nginx->new()->has(qw/ http http_ssl cryptx /)
    ->has_daemon('ruby');
my $dir = $t->testdir();

system(q{ruby -e 'require "acme-client"' 2>/dev/null}) == 0
    or plan(skip_all => 'no ruby-acme-client');

interop_conf($t, webroot => 1)->plan(25)->run();

###############################################################################

$t->write_file('flow.rb', <<'EOF');
require 'acme-client'

directory, webroot, out, kind = ARGV
$stdout.sync = true

def key_of(kind)
  kind == 'rsa' ? OpenSSL::PKey::RSA.new(2048)
                : OpenSSL::PKey::EC.generate('prime256v1')
end

client = Acme::Client.new(private_key: key_of(kind), directory: directory)

account = client.new_account(contact: 'mailto:a@example.com',
                             terms_of_service_agreed: true)
puts "account #{account.status} #{account.contact.join(' ')}"
account = client.account_update(contact: ['mailto:b@example.com'])
puts "updated #{account.contact.join(' ')}"

order = lambda do |names, body = nil|
  got = client.new_order(identifiers: names)
  got.authorizations.each do |authorization|
    challenge = authorization.http
    next unless challenge
    File.write("#{webroot}/#{challenge.filename}",
               body || challenge.file_content)
    challenge.request_validation
    while %w[pending processing].include?(challenge.status)
      sleep(0.1)
      challenge.reload
    end
    puts "challenge #{challenge.status} " \
         "#{challenge.error && challenge.error['type'].split(':').last}"
  end
  got
end

issue = lambda do |file, names|
  got = order.call(names)
  got.reload
  request = Acme::Client::CertificateRequest.new(
    private_key: OpenSSL::PKey::RSA.new(2048), names: names)
  got.finalize(csr: request)
  while got.status == 'processing'
    sleep(0.1)
    got.reload
  end
  File.write("#{out}/#{file}", got.certificate)
  puts "order #{got.status}"
  got.certificate
end

names = %w[a b].map { |name| "#{name}.#{kind}.example" }
issue.call('one.pem', names)

account = client.account_key_change(
  new_private_key: key_of(kind == 'rsa' ? 'ec' : 'rsa'))
puts "key change #{account.status}"

two = issue.call('two.pem', names)
puts "revoked #{client.revoke(certificate: two, reason: 5)}"

begin
  client.revoke(certificate: two)
rescue Acme::Client::Error => e
  puts e.class
end

order.call(["bad.#{kind}.example"], 'wrong')
order.call(['gone.example'])

begin
  client.new_order(identifiers: ['not a name'])
rescue Acme::Client::Error => e
  puts e.class
end

puts "account #{client.account_deactivate.status}"
EOF

interop_flow($t, $_, command => [ 'ruby', '-W0', "$dir/flow.rb" ],
    second => 'revoked (5)',
    audit => 'issue done, download done',
    says => <<'EOF') foreach qw/ ec rsa /;
account valid mailto:a@example.com
updated mailto:b@example.com
challenge valid
challenge valid
order valid
key change valid
challenge valid
challenge valid
order valid
revoked true
Acme::Client::Error
challenge invalid incorrectResponse
challenge invalid dns
Acme::Client::Error::Malformed
account deactivated
EOF

is(acme_ca_sql_value($t, "SELECT group_concat(status) FROM acme_accounts"),
    'deactivated,deactivated', 'accounts');

undef $t;

###############################################################################
