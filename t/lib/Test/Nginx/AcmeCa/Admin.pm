package Test::Nginx::AcmeCa::Admin;

# Copyright (C) the nginx-acme-ca authors
#
# A client of the admin location:
#
#     my $admin = acme_admin($t, path => '/admin', user => 'name:password');
#     my $reply = $admin->get('eab?limit=2');
#     $reply = $admin->post('eab', { label => 'x' });
#
# Every answer of ours, and every request that is answered 2xx, is held against
# src/admin/openapi.json: admin_errors() is what was wrong so far.
#
# A reply has status, status_line, type, headers (lower-case names), body, and
# json(), which is kept in {json}.

use warnings;
use strict;

use base qw/ Exporter /;

use Cwd qw/ abs_path /;
use File::Basename qw/ dirname /;
use MIME::Base64 qw/ encode_base64 /;
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Schema;

our @EXPORT = qw/ acme_admin admin_document admin_errors /;

my ($document, @errors);


sub acme_admin {
    my ($t, %opts) = @_;

    my $path = defined $opts{path} ? $opts{path} : '/admin';
    $path =~ s!/$!!;

    return bless { port => $opts{port} || 8080, path => $path,
        user => $opts{user} }, __PACKAGE__;
}


sub admin_document {
    return $document if $document;

    my $file = abs_path(dirname(__FILE__) . '/../../../../..')
        . '/src/admin/openapi.json';

    open my $f, '<', $file or die "Can't open $file: $!\n";
    local $/;
    $document = json_decode(scalar <$f>);

    return $document;
}


sub admin_errors {
    return join "\n", @errors;
}


sub get {
    my ($self, $path, %opts) = @_;

    return $self->request('GET', $path, %opts);
}


sub post {
    my ($self, $path, $value, %opts) = @_;

    return $self->request('POST', $path, type => 'application/json',
        body => json_encode($value), %opts);
}


# headers: text; type, body

sub request {
    my ($self, $method, $path, %opts) = @_;

    my $body = defined $opts{body} ? $opts{body} : '';
    my $head = "$method $self->{path}/$path HTTP/1.1\r\n"
        . "Host: 127.0.0.1\r\nConnection: close\r\n"
        . ($opts{headers} || '');

    $head .= 'Authorization: Basic ' . encode_base64($self->{user}, '')
        . "\r\n" if defined $self->{user};
    $head .= "Content-Type: $opts{type}\r\n" if defined $opts{type};
    $head .= 'Content-Length: ' . length($body) . "\r\n"
        if defined $opts{body} || $method eq 'POST';

    my $text = Test::Nginx::http("$head\r\n$body",
        socket => $opts{socket} || IO::Socket::INET->new(
            Proto => 'tcp', PeerAddr => '127.0.0.1:' . port($self->{port}))
        || die "Can't connect: $!\n");

    my $reply = Test::Nginx::AcmeCa::Admin::Reply->new(
        defined $text ? $text : '');

    # what nginx refuses before it knows the location is its own page

    push @errors, Test::Nginx::AcmeCa::Schema->new(admin_document())
        ->errors($method, $path, scalar eval { json_decode($body) }, $reply)
        unless $reply->{status} == 400
            && ($reply->{type} || '') eq 'text/html';

    return $reply;
}


package Test::Nginx::AcmeCa::Admin::Reply;

use warnings;
use strict;

use Test::Nginx::AcmeCa::Jose;


sub new {
    my ($class, $text) = @_;

    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($line, @fields) = split /\r\n/, defined $head ? $head : '';

    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } @fields;

    $line = '' unless defined $line;

    return bless {
        status_line => $line,
        status => $line =~ m!^HTTP/1\.1 (\d+)! ? $1 : 0,
        headers => \%headers,
        type => $headers{'content-type'},
        body => defined $body ? $body : '',
    }, $class;
}


sub json {
    my ($self) = @_;

    $self->{json} = eval { json_decode($self->{body}) } || {}
        unless exists $self->{json};

    return $self->{json};
}

1;
