package Test::Nginx::AcmeCa::Daemon;

# Copyright (C) the nginx-acme-ca authors
#
# What a CA meets outside, for Test::Nginx's run_daemon(): a web server that
# answers http-01 challenges well or badly, and a DNS server.  Both read what
# to say from files at each request, so that a test can change its mind.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ put_token http_01_daemon dns_daemon dns_zone hold /;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw/ AF_INET AF_INET6 SOCK_DGRAM SOL_SOCKET SO_TYPE inet_pton
    inet_ntop unpack_sockaddr_in /;
use Test::Nginx qw/ port /;
use Test::Nginx::AcmeCa::Jose;
use Test::Nginx::AcmeCa::Server;

my %types = (A => 1, NS => 2, CNAME => 5, SOA => 6, MX => 15, TXT => 16,
             AAAA => 28, OPT => 41, CAA => 257);
my %rcodes = (NOERROR => 0, FORMERR => 1, SERVFAIL => 2, NXDOMAIN => 3,
              NOTIMP => 4, REFUSED => 5);


# http-01

# How the daemon answers for a token, or for a whole path that begins with a
# slash ("/elsewhere"):
#
#     status 200, body "", headers [ [ name, value ], ... ]
#     redirect URL     Location, status 302 unless given
#     delay N          seconds before the first byte
#     hold FILE        nothing before there is this file
#     drop 1           closes without a word
#     reset 1          closes with RST
#     big N            N bytes of body
#     endless 1        a body without end
#     trickle N        a byte each N seconds
#     raw TEXT         sent as it is
#     chunked 1        the body in chunks
#     fail N           the first N requests are answered by status 503

sub put_token {
    my ($dir, $token, %how) = @_;
    my $name = token_file($dir, $token);

    open my $f, '>', "$name.$$" or die "Can't create $name: $!\n";
    print {$f} json_encode(\%how);
    close $f;
    rename "$name.$$", $name or die "Can't rename $name: $!\n";
}


sub token_file {
    my ($dir, $token) = @_;

    $token =~ s/([^A-Za-z0-9_-])/sprintf('%%%02x', ord($1))/ge;

    return "$dir/$token";
}


# Serves $dir on the given sockets or real ports of 127.0.0.1.  Each request
# is noted in $dir.log as a line of JSON: path, host, agent, headers, port.

sub http_01_daemon {
    my ($dir, @ports) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    my $select = IO::Select->new(map {
        ref $_ ? $_ : IO::Socket::INET->new(
            Proto => 'tcp', Listen => 128, ReuseAddr => 1,
            LocalAddr => $_ =~ /:/ ? $_ : "127.0.0.1:$_")
        || die "Can't listen on $_: $!\n"
    } @ports);

    while (my @ready = $select->can_read()) {
        foreach my $listener (@ready) {
            my $client = $listener->accept() or next;
            http_01_client($dir, $client);
            close $client;
        }
    }
}


sub http_01_client {
    my ($dir, $client) = @_;
    my $select = IO::Select->new($client);
    my $text = '';

    while ($text !~ /\r?\n\r?\n/) {
        $select->can_read(60) or return;
        sysread($client, $text, 8192, length $text) or return;
    }

    my ($line, @lines) = split /\r?\n/, $text;
    my (undef, $path) = split / /, $line;
    my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } @lines;

    log_add("$dir.log", path => $path, line => $line, host => $headers{host},
            agent => $headers{'user-agent'}, headers => \%headers,
            port => $client->sockport());

    my $token = $path =~ m!^/\.well-known/acme-challenge/(.*)$! ? $1 : $path;
    my $how = read_how($dir, $token);

    # whatever takes time must not hold the others up
    if (grep { $how->{$_} } qw/ delay hold endless trickle /) {
        my $pid = fork();
        return if !defined $pid || $pid;
        http_01_answer($client, $how);
        close $client;
        POSIX::_exit(0);
    }

    http_01_answer($client, $how);
}


sub read_how {
    my ($dir, $token) = @_;
    my $name = token_file($dir, $token);

    open my $f, '<', $name or return { status => 404, body => "no\n" };
    local $/;
    my $how = json_decode(scalar <$f>);
    close $f;

    if ($how->{fail}) {
        put_token($dir, $token, %$how, fail => $how->{fail} - 1);
        return { status => 503, body => "later\n" };
    }

    return $how;
}


# until there is this file

sub hold {
    my ($file) = @_;

    for (1 .. 6000) {
        return if -e $file;
        select undef, undef, undef, 0.05;
    }
}


sub http_01_answer {
    my ($client, $how) = @_;

    select undef, undef, undef, $how->{delay} if $how->{delay};
    hold($how->{hold}) if defined $how->{hold};

    return if $how->{drop};

    if ($how->{reset}) {
        setsockopt($client, SOL_SOCKET, Socket::SO_LINGER(),
                   pack('ii', 1, 0));
        return;
    }

    if (defined $how->{raw}) {
        print {$client} $how->{raw};
        return;
    }

    my $status = $how->{status} || ($how->{redirect} ? 302 : 200);
    my $body = defined $how->{body} ? $how->{body} : '';
    $body = 'x' x $how->{big} if $how->{big};

    my @headers = @{$how->{headers} || []};
    push @headers, [ 'Location', $how->{redirect} ] if $how->{redirect};
    push @headers, $how->{chunked} ? [ 'Transfer-Encoding', 'chunked' ]
        : [ 'Content-Length', length $body ] unless $how->{endless};
    $body = sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body)
        if $how->{chunked};

    $client->autoflush(1);
    print {$client} "HTTP/1.1 $status Answer\r\n",
        (map { "$_->[0]: $_->[1]\r\n" } @headers),
        "Connection: close\r\n\r\n";

    if ($how->{trickle}) {
        foreach my $byte (split //, $body) {
            print {$client} $byte or return;
            select undef, undef, undef, $how->{trickle};
        }

    } elsif ($how->{endless}) {
        for (1 .. 100000) {
            print {$client} 'x' x 65536 or return;
        }

    } else {
        print {$client} $body;
    }
}


# DNS

# Writes the zone: name => what it answers.
#
#     A, AAAA          addresses, text or list
#     CNAME            a name; what it leads to is added unless nofollow => 1
#     TXT              text or list; a list in the list is one record of
#                      several strings: TXT => [ [ 'first', 'second' ] ]
#     CAA              [ flags, tag, value ], ...
#     TYPE65, ...      any other type: its data in hexadecimal, text or list;
#                      also for bad data of a known one: TYPE257 => '00'
#     rcode            SERVFAIL, NXDOMAIN, REFUSED, or per type { AAAA => ... }
#     first { ... }    how it answers the first question of each type
#     ttl N            seconds; 1 by default
#     ad 1             with the AD bit, if the question had it or DO
#     noedns 1         FORMERR to a question with EDNS
#     silent 1         no answer; or a type: silent => "AAAA"
#     delay N          seconds
#     truncate 1       UDP answers are cut, TCP's are whole
#
# ".a.example" is every name below, "*" any other.  What has no entry does
# not exist; a type without a record is an empty answer.

sub dns_zone {
    my ($file, %zone) = @_;

    open my $f, '>', "$file.$$" or die "Can't create $file: $!\n";
    print {$f} json_encode(\%zone);
    close $f;
    rename "$file.$$", $file or die "Can't rename $file: $!\n";
}


# Answers by $file on the port of that name, UDP and TCP.  Each question is
# noted in $file.log: "udp A name"; once, though it be sent again because the
# answer took its time.

sub dns_daemon {
    my ($file, $name) = @_;

    $SIG{CHLD} = 'IGNORE';
    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    # Test::Nginx holds a socket of the other protocol on the same port
    my $lock = port($name, socket => 1);
    my $port = port($name);
    my $held = unpack('i', getsockopt($lock, SOL_SOCKET, SO_TYPE));

    my @how = $held == SOCK_DGRAM
        ? (Proto => 'tcp', Listen => 64, ReuseAddr => 1) : (Proto => 'udp');
    my $other;

    # another test that looks for a port has it for a moment
    for (1 .. 200) {
        $other = IO::Socket::INET->new(@how, LocalAddr => "127.0.0.1:$port")
            and last;
        select undef, undef, undef, 0.05;
    }

    die "Can't listen for DNS on $port: $!\n" unless $other;

    my ($udp, $tcp) = $held == SOCK_DGRAM ? ($lock, $other) : ($other, $lock);

    my $select = IO::Select->new($udp, $tcp);

    while (my @ready = $select->can_read()) {
        foreach my $socket (@ready) {
            $socket == $udp ? dns_udp($file, $udp) : dns_tcp($file, $tcp);
        }
    }
}


sub dns_udp {
    my ($file, $udp) = @_;

    my $peer = recv($udp, my $query, 4096, 0);
    return unless defined $peer && length $query >= 12;

    my ($answer, $delay) = dns_answer($file, $query, 'udp');
    return unless defined $answer;

    if ($delay) {
        my $pid = fork();
        return if !defined $pid || $pid;
        select undef, undef, undef, $delay;
        send($udp, $answer, 0, $peer);
        POSIX::_exit(0);
    }

    send($udp, $answer, 0, $peer);
}


sub dns_tcp {
    my ($file, $tcp) = @_;

    my $client = $tcp->accept() or return;
    my $pid = fork();
    return if !defined $pid || $pid;

    local $SIG{ALRM} = sub { POSIX::_exit(0) };
    alarm(60);

    while (read($client, my $length, 2)) {
        my $query;
        read($client, $query, unpack('n', $length));
        last unless defined $query && length $query >= 12;

        my ($answer, $delay) = dns_answer($file, $query, 'tcp');
        next unless defined $answer;
        select undef, undef, undef, $delay if $delay;
        $client->autoflush(1);
        print {$client} pack('n', length $answer), $answer;
    }

    POSIX::_exit(0);
}


# the questions so far, with their ids
my %seen;

sub dns_answer {
    my ($file, $query, $proto) = @_;
    my ($id, $flags, $questions) = unpack('n3', $query);

    my ($at, @labels) = (12);
    while (my $length = unpack("\@$at C", $query)) {
        return if $length > 63 || $at + $length + 1 > length $query;
        push @labels, substr($query, $at + 1, $length);
        $at += $length + 1;
    }

    my $type = unpack("\@@{[ $at + 1 ]} n", $query);
    my $question = substr($query, 12, $at + 5 - 12);
    my $name = lc join '.', @labels;
    my ($type_name) = grep { $types{$_} == $type } keys %types;
    $type_name = "TYPE$type" unless defined $type_name;

    if (!$seen{"$proto $id $question"}++ && open my $log, '>>', "$file.log") {
        syswrite $log, "$proto $type_name $name\n";
    }

    my $entry = dns_find($file, $name);
    my $rcode = 'NOERROR';

    $entry = $entry->{first} if $entry && $entry->{first}
        && dns_asked($file, "$type_name $name") == 1;

    if (!$entry) {
        $rcode = 'NXDOMAIN';
        $entry = {};

    } elsif ($entry->{rcode}) {
        $rcode = ref $entry->{rcode} ? $entry->{rcode}{$type_name} || $rcode
                                     : $entry->{rcode};
    }

    $rcode = 'FORMERR' if $entry->{noedns} && unpack('x10 n', $query);

    my $silent = $entry->{silent};
    return if $silent && ($silent eq '1' || $silent eq $type_name);

    my @records = $rcode eq 'NOERROR'
        ? dns_records($file, $name, $entry, $type_name) : ();
    my $cut = $entry->{truncate} && $proto eq 'udp';
    @records = () if $cut;

    my $ad = $entry->{ad} && ($flags & 0x0020 || $query =~ /\x80\0\0\0\z/);

    return (pack('n6', $id,
                 0x8480 | ($flags & 0x0100) | ($cut ? 0x0200 : 0)
                 | ($ad ? 0x0020 : 0) | $rcodes{$rcode},
                 1, scalar @records, 0, 0)
            . $question
            . join('', map {
                  dns_name($_->[0]) . pack('nnN n/a*',
                                           $types{$_->[1]} || $type, 1,
                                           $entry->{ttl} || 1, $_->[2])
              } @records),
            $entry->{delay});
}


# how often it was asked for that

sub dns_asked {
    my ($file, $what) = @_;

    open my $f, '<', "$file.log" or return 0;

    return scalar grep { /^\w+ \Q$what\E$/ } <$f>;
}


sub dns_find {
    my ($file, $name) = @_;

    open my $f, '<', $file or return undef;
    local $/;
    my $zone = json_decode(scalar <$f>);
    close $f;

    return $zone->{$name} if $zone->{$name};

    my $parent = $name;
    while ($parent =~ s/^[^.]*(\..*)$/$1/) {
        return $zone->{$parent} if $zone->{$parent};
        $parent =~ s/^\.//;
    }

    return $zone->{'*'};
}


# [ name, type, data ], ...: with what an alias leads to, as a resolver does

sub dns_records {
    my ($file, $name, $entry, $type) = @_;

    if (my $target = $entry->{CNAME}) {
        my $next = $type eq 'CNAME' || $entry->{nofollow} ? undef
            : dns_find($file, lc $target);

        return ([ $name, CNAME => dns_name($target) ],
                $next && !$next->{CNAME}
                ? dns_records($file, $target, $next, $type) : ());
    }

    my $raw = $type =~ /^TYPE/ ? $type : "TYPE$types{$type}";

    return map { [ $name, $type => pack('H*', $_) ] }
               ref $entry->{$raw} ? @{$entry->{$raw}} : $entry->{$raw}
        if defined $entry->{$raw};

    my $values = $entry->{$type};
    return () unless defined $values;

    my %encode = (
        A    => sub { inet_pton(AF_INET, $_[0]) },
        AAAA => sub { inet_pton(AF_INET6, $_[0]) },
        TXT  => sub { join '', map { pack('C/a*', $_) }
                                   ref $_[0] ? @{$_[0]}
                                             : unpack('(a255)*', $_[0]) },
        CAA  => sub { pack('C C/a*', @{$_[0]}[0, 1]) . $_[0][2] },
    );
    my @values = ref $values eq 'ARRAY' ? @$values : $values;

    # one CAA record may stand without a list around it
    @values = ([ @values ]) if $type eq 'CAA' && !ref $values[0];

    return map { [ $name, $type => $encode{$type}->($_) ] } @values
        if $encode{$type};

    return ();
}


sub dns_name {
    my ($name) = @_;
    return join('', map { pack('C/a*', $_) } split /\./, $name) . "\0";
}


1;
