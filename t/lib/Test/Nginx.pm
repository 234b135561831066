package Test::Nginx;

# Copyright (C) the nginx-acme-ca authors
#
# The interface of nginx's official test library, as far as a module's tests
# need it, so that "prove -I t/lib t" runs from a plain checkout.  The tests
# keep to the official interface: they pass with the original library too.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ log_in log_out http http_get http_head port /;
our @EXPORT_OK = qw/ http_gzip_request http_gzip_like http_start http_end
    http_content /;
our %EXPORT_TAGS = (gzip => [ qw/ http_gzip_request http_gzip_like / ]);

use File::Path qw/ rmtree /;
use File::Spec;
use File::Temp qw/ tempdir /;
use IO::Socket::INET;
use POSIX qw/ WNOHANG /;
use Scalar::Util qw/ weaken /;
use Test::More ();

# whoever runs the tests: dates and messages are read by them, and what they
# write is read by the workers, who are somebody else
$ENV{LC_ALL} = 'C';
POSIX::setlocale(POSIX::LC_ALL(), 'C');
umask 0022;

our $NGINX = defined $ENV{TEST_NGINX_BINARY} ? $ENV{TEST_NGINX_BINARY}
    : find_nginx();

# Seconds that whatever should come may take: much more than it ever takes, on
# a slow machine with other work as well.
my $patience = 60;

# what END has to end: a test's object that a function of the test refers to
# lives until Test::More is gone, and its own tests would fail
my @tests;

# official name of a port => the one that is used; kept by tests' daemons too
our %ports = ();

# modules of http that are there unless --without was given
my %builtin = map { $_ => 1 } qw/ charset gzip ssi mirror userid access
    auth_basic autoindex geo map referer rewrite proxy fastcgi uwsgi scgi
    grpc memcached limit_conn limit_req empty_gif browser split_clients
    upstream_hash upstream_ip_hash upstream_least_conn upstream_random
    upstream_keepalive upstream_zone /;
# modules and libraries that are there only when asked for
my %option = (
    sni    => 'TLS SNI support enabled',
    mail   => '--with-mail(?:=|\s|$)',
    stream => '--with-stream(?:=|\s|$)',
    map { $_ => "--with-http_${_}_module" } qw/ realip auth_request sub perl
        flv mp4 dav gunzip gzip_static random_index secure_link slice
        addition /,
);


sub find_nginx {
    foreach my $dir (split(/:/, $ENV{PATH} || ''), '/usr/sbin',
                     '/usr/local/sbin', '/usr/local/nginx/sbin')
    {
        return "$dir/nginx" if $dir ne '' && -x "$dir/nginx";
    }

    return 'nginx';
}


sub new {
    my $self = bless { _pid => $$, _alerts => 1, _daemons => [] };

    push @tests, $self;
    weaken($tests[-1]);

    $self->{_testdir} = tempdir('nginx-test-XXXXXXXXXX', TMPDIR => 1)
        or die "Can't make a test directory: $!\n";

    Test::More::BAIL_OUT("no $NGINX binary found") unless -x $NGINX;

    return $self;
}


sub DESTROY {
    my ($self) = @_;
    local ($?, $@);

    # a forked daemon inherits the object
    return if $self->{_pid} != $$;

    $self->{_pid} = 0;

    $self->stop();
    $self->stop_daemons();

    if (Test::More->builder->expected_tests) {
        # a search of the whole text would go back and forth in it
        my $log = eval { $self->read_file('error.log') };
        my @log = split /\n/, defined $log ? $log : '';

        {
            local $Test::Nginx::TODO;
            $Test::Nginx::TODO = 'alerts' unless $self->{_alerts};
            Test::More::is(join("\n", grep { /\[alert\]/ } @log), '',
                           'no alerts');
        }

        local $Test::Nginx::TODO;
        Test::More::is(join("\n", grep { /Sanitizer/ } @log), '',
                       'no sanitizer errors');
    }

    if ($ENV{TEST_NGINX_CATLOG}) {
        print eval { $self->read_file('error.log') } || '';
    }

    rmtree($self->{_testdir}) unless $ENV{TEST_NGINX_LEAVE};
}


END {
    $_->DESTROY() foreach grep { defined } @tests;
}


# features

sub configure_args {
    my ($self) = @_;

    $self->{_configure_args} = `$NGINX -V 2>&1`
        unless defined $self->{_configure_args};

    return $self->{_configure_args};
}


sub has {
    my ($self, @features) = @_;

    foreach my $feature (@features) {
        next if $self->has_module($feature) || $self->has_feature($feature);
        Test::More::plan(skip_all => "no $feature available");
    }

    return $self;
}


sub has_module {
    my ($self, $feature) = @_;
    my $args = $self->configure_args();

    return $args =~ /$option{$feature}/m if exists $option{$feature};

    return $args !~ /--without-http(?:\s|$)/ if $feature eq 'http';
    return $args !~ /--without-http-cache/ if $feature eq 'cache';
    return $args !~ /--without-pcre/ if $feature eq 'pcre';

    return $args !~ /--without-http_\Q$feature\E_mod/ if $builtin{$feature};

    # any other words are looked for in what "nginx -V" says
    return 0 if $feature =~ /^(?:symlink|unix|udp|cryptx|socket_ssl.*)$/
                || $feature =~ /^(?:openssl|libressl):/;

    return $args =~ /$feature/;
}


sub has_feature {
    my ($self, $feature) = @_;

    return 1 if $feature =~ /^(?:symlink|unix|udp)$/;

    if ($feature eq 'cryptx') {
        return eval { require CryptX; $CryptX::VERSION >= 0.067 } ? 1 : 0;
    }

    if ($feature =~ /^socket_ssl(?:_(\w+))?$/) {
        my $more = defined $1 ? $1 : '';

        return 0 unless eval { require IO::Socket::SSL; 1 };

        return 1 if $more eq '';
        return eval { IO::Socket::SSL->can_client_sni() } if $more eq 'sni';
        return eval { IO::Socket::SSL->can_alpn() } if $more eq 'alpn';
        return IO::Socket::SSL->can('get_sslversion') ? 1 : 0
            if $more eq 'sslversion';
        return IO::Socket::SSL->can('get_session_reused') ? 1 : 0
            if $more eq 'reused';
        return 0;
    }

    if ($feature =~ /^(openssl|libressl):([\d.]+)/) {
        my ($library, $need) = ($1, $2);
        return 0 unless $self->configure_args()
                        =~ /built with $library ([\d.]+)/i;
        return version_ge($1, $need);
    }

    return 0;
}


sub has_version {
    my ($self, $need) = @_;

    return 0 unless $self->configure_args() =~ m!nginx/([\d.]+)!;
    return version_ge($1, $need);
}


sub version_ge {
    my @have = split /\./, shift;
    my @need = split /\./, shift;

    foreach my $n (@need) {
        my $v = @have ? shift @have : 0;
        return $v > $n ? 1 : 0 if $v != $n;
    }

    return 1;
}


sub has_daemon {
    my ($self, $daemon) = @_;

    foreach my $dir (split(/:/, $ENV{PATH} || ''), '/usr/sbin') {
        return $self if -x "$dir/$daemon" && ! -d "$dir/$daemon";
    }

    Test::More::plan(skip_all => "$daemon not found");
    return $self;
}


sub plan {
    my ($self, $n) = @_;

    # the two tests that each file gets: alerts, sanitizers
    Test::More::plan(tests => $n + 2);

    return $self;
}


sub todo_alerts {
    my ($self) = @_;

    $self->{_alerts} = 0;

    return $self;
}


# nginx

sub command {
    my ($self, @args) = @_;
    my $dir = $self->{_testdir};

    push @args, '-g', "pid $dir/nginx.pid; error_log $dir/error.log debug;"
        unless $self->{_test_globals};

    return ($NGINX, '-p', "$dir/", '-c', 'nginx.conf', '-e', 'error.log',
            @args);
}


sub run {
    my ($self, $conf) = @_;

    if (defined $conf) {
        open my $f, '<', $conf or die "Can't open $conf: $!\n";
        local $/;
        $self->write_file_expand('nginx.conf', scalar <$f>);
        close $f;
    }

    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        my @command = $self->command();
        exec { $command[0] } @command
            or POSIX::_exit(1);
    }

    # nginx makes the file and then writes to it; "nginx -t" leaves an empty one
    my $there = $self->waitforfile("$self->{_testdir}/nginx.pid", $pid, 1);

    if (!$there) {
        # unless it has ended
        kill('KILL', $pid), waitpid($pid, 0) unless defined $there;
        my $log = eval { $self->read_file('error.log') } || '';
        log_core('', $log);
        die "Can't start nginx";
    }

    $self->{_started} = 1;

    return $self;
}


sub try_run {
    my ($self, $message) = @_;

    open my $stderr, '>&', \*STDERR or die "Can't dup: $!\n";
    close STDERR;
    eval { $self->run() };
    my $failed = $@;
    open STDERR, '>&', $stderr or die "Can't restore: $!\n";

    Test::More::plan(skip_all => $message) if $failed;

    return $self;
}


sub dump_config {
    my ($self) = @_;
    my @command = $self->command('-T');

    my $pid = open my $out, '-|';
    die "Can't fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command
            or POSIX::_exit(1);
    }

    local $/;
    my $text = <$out>;
    close $out;

    return $text;
}


sub reload {
    my ($self) = @_;

    kill 'HUP', $self->master() if $self->{_started};

    return $self;
}


sub stop {
    my ($self) = @_;

    return $self unless $self->{_started};

    # one that died at a second start left none
    my $pid = eval { $self->master() };
    return $self unless $pid;

    # a master that begins may not hear the first one
    my $ended;

    for (1 .. 18) {
        kill 'QUIT', $pid;
        last if $ended = wait_pid($pid, 5);
    }

    if (!$ended) {
        kill 'TERM', $pid;
        wait_pid($pid, 30) or kill('KILL', $pid), waitpid($pid, 0);
    }

    $self->{_started} = 0;

    return $self;
}


sub master {
    my ($self) = @_;
    my $pid = $self->read_file('nginx.pid');

    chomp $pid;

    return $pid;
}


# waits for the end of a child; true if it came

sub wait_pid {
    my ($pid, $seconds) = @_;

    for (1 .. $seconds * 20) {
        return 1 if waitpid($pid, WNOHANG) != 0;
        select undef, undef, undef, 0.05;
    }

    return 0;
}


# daemons

sub run_daemon {
    my ($self, $code, @args) = @_;

    my $pid = fork();
    die "Can't fork: $!\n" unless defined $pid;

    # what it begins itself ends with it
    setpgrp($pid, $pid);

    if ($pid == 0) {
        if (ref($code) eq 'CODE') {
            $code->(@args);
            POSIX::_exit(0);
        }

        exec { $code } $code, @args
            or POSIX::_exit(1);
    }

    push @{$self->{_daemons}}, $pid;

    return $self;
}


sub stop_daemons {
    my ($self) = @_;

    while (my $pid = shift @{$self->{_daemons}}) {
        kill 'TERM', -$pid;
        wait_pid($pid, 5) or kill('KILL', -$pid), waitpid($pid, 0);
    }

    return $self;
}


sub waitforfile {
    my ($self, $file, $pid, $written) = @_;
    my $exited = 0;

    for (1 .. $patience * 20) {
        return 1 if $written ? -s $file : -e $file;
        return 0 if $exited;
        $exited = waitpid($pid, WNOHANG) != 0 if $pid;
        select undef, undef, undef, 0.05;
    }

    return undef;
}


sub waitforsocket {
    my ($self, $peer) = @_;

    for (1 .. $patience * 20) {
        return 1 if IO::Socket::INET->new(Proto => 'tcp', PeerAddr => $peer);
        select undef, undef, undef, 0.05;
    }

    return undef;
}


# files

sub testdir {
    my ($self) = @_;
    return $self->{_testdir};
}


sub read_file {
    my ($self, $name) = @_;
    local $/;

    open my $f, '<', "$self->{_testdir}/$name"
        or die "Can't open $name: $!";
    binmode $f;
    my $content = <$f>;
    close $f;

    return $content;
}


sub write_file {
    my ($self, $name, $content) = @_;

    open my $f, '>', "$self->{_testdir}/$name"
        or die "Can't create $name: $!";
    binmode $f;
    print {$f} $content;
    close $f or die "Can't write $name: $!";

    return $self;
}


sub write_file_expand {
    my ($self, $name, $content) = @_;

    $content =~ s/%%TEST_GLOBALS%%/$self->test_globals()/ge;
    $content =~ s/%%TEST_GLOBALS_HTTP%%/$self->test_globals_http()/ge;
    $content =~ s/%%TEST_GLOBALS_STREAM%%/$ENV{TEST_NGINX_GLOBALS_STREAM}
                                          || ''/ge;
    $content =~ s/%%TESTDIR%%/$self->{_testdir}/g;

    $content =~ s/127\.0\.0\.1:(8\d{3})/'127.0.0.1:' . port($1)/ge;
    $content =~ s/%%PORT_(\d+)%%/port($1)/ge;
    $content =~ s/%%PORT_(\d+)_UDP%%/port($1, udp => 1)/ge;

    return $self->write_file($name, $content);
}


sub test_globals {
    my ($self) = @_;

    return $self->{_test_globals} if defined $self->{_test_globals};

    my $s = "pid $self->{_testdir}/nginx.pid;\n"
            . "error_log $self->{_testdir}/error.log debug;\n";

    $s .= "$ENV{TEST_NGINX_GLOBALS}\n" if $ENV{TEST_NGINX_GLOBALS};

    return $self->{_test_globals} = $s;
}


sub test_globals_http {
    my ($self) = @_;

    return $self->{_test_globals_http} if defined $self->{_test_globals_http};

    my $dir = $self->{_testdir};
    my $s = "root $dir;\naccess_log $dir/access.log;\n"
            . "client_body_temp_path $dir/client_body_temp;\n";

    foreach my $module (qw/ fastcgi proxy uwsgi scgi /) {
        $s .= "${module}_temp_path $dir/${module}_temp;\n"
            if $self->has_module($module);
    }

    $s .= "$ENV{TEST_NGINX_GLOBALS_HTTP}\n" if $ENV{TEST_NGINX_GLOBALS_HTTP};

    return $self->{_test_globals_http} = $s;
}


# Ports: the number in a test is a name.  A socket of the other protocol is
# held on the real port, so that tests running at the same time keep apart;
# "socket => 1" hands it out.

sub port {
    my ($name, %opts) = @_;

    $ports{$name} = free_port($name, $opts{udp}) unless $ports{$name};

    return $opts{socket} ? $ports{$name}{socket} : $ports{$name}{port};
}


sub free_port {
    my ($name, $udp) = @_;

    my $tcp_socket = sub {
        IO::Socket::INET->new(Proto => 'tcp', Listen => 5, ReuseAddr => 1,
                              LocalAddr => "127.0.0.1:$_[0]");
    };
    my $udp_socket = sub {
        IO::Socket::INET->new(Proto => 'udp', LocalAddr => "127.0.0.1:$_[0]");
    };

    my $base = $name - $name % 500;

    for my $try (1 .. 50) {
        my $port = $try == 1 ? $name : $base + int(rand(500));

        # by UDP first: the TCP port of another test, whose nginx is being
        # started again, is not touched
        my $u = $udp_socket->($port) or next;
        my $t = $tcp_socket->($port) or next;

        return { port => $port, socket => $udp ? $t : $u };
    }

    die "No free port for $name";
}


# HTTP

sub http_get {
    my ($url, %extra) = @_;
    return http("GET $url HTTP/1.0\nHost: localhost\n\n", %extra);
}


sub http_head {
    my ($url, %extra) = @_;
    return http("HEAD $url HTTP/1.0\nHost: localhost\n\n", %extra);
}


sub http {
    my ($request, %extra) = @_;

    my $s = http_start($request, %extra);

    return $s if $extra{start} || !defined $s;
    return http_end($s, %extra);
}


sub http_start {
    my ($request, %extra) = @_;
    my $s;

    my $ok = timed(sub {
        $s = $extra{socket} || IO::Socket::INET->new(
            Proto => 'tcp',
            PeerAddr => '127.0.0.1:' . port($extra{SSL} ? 8443 : 8080),
            %extra)
            or die "Can't connect to nginx: $!\n";

        start_ssl($s, %extra) if $extra{SSL};

        log_out($request);
        $s->print($request);

        select undef, undef, undef, $extra{sleep} if $extra{sleep};
        return if $extra{aborted};

        if ($extra{body}) {
            log_out($extra{body});
            $s->print($extra{body});
        }
    });

    return undef unless $ok;
    return $extra{aborted} ? '' : $s;
}


sub start_ssl {
    my ($s, %extra) = @_;

    require IO::Socket::SSL;
    IO::Socket::SSL->start_SSL($s,
        SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(), %extra)
        or die IO::Socket::SSL::errstr() . "\n";

    log_in('ssl cipher: ' . $s->get_cipher())
        unless defined $extra{SSL_startHandshake};
}


sub http_end {
    my ($s) = @_;
    my $reply;

    timed(sub {
        local $/;
        $reply = $s->getline();
        $s->close();
    }) or return undef;

    log_in($reply);

    return $reply;
}


# each half of an exchange; false after a failure

sub timed {
    my ($code) = @_;

    eval {
        local $SIG{ALRM} = sub { die "timeout\n" };
        local $SIG{PIPE} = sub { die "sigpipe\n" };
        alarm($patience);
        $code->();
        alarm(0);
    };
    my $failed = $@;
    alarm(0);

    log_in("died: $failed") if $failed;

    return $failed ? 0 : 1;
}


sub http_content {
    my ($text) = @_;

    return undef unless defined $text
                        && $text =~ /\A(.*?)\x0d?\x0a\x0d?\x0a(.*)\z/s;

    my ($head, $body) = ($1, $2);
    return $body unless $head =~ /^transfer-encoding:\s*chunked/mi;

    my $content = '';

    while ($body =~ s/\A(?:\x0d?\x0a)?([0-9a-f]+)[^\x0a]*\x0a//i) {
        my $size = hex($1);
        return $content if $size == 0;
        $content .= substr($body, 0, $size, '');
    }

    return "$content\[no-last-chunk]";
}


sub http_gzip_request {
    my ($url) = @_;
    return http("GET $url HTTP/1.1\nHost: localhost\nConnection: close\n"
                . "Accept-Encoding: gzip\n\n");
}


sub http_gzip_like {
    my ($text, $re, $name) = @_;
    my $out;

    require IO::Uncompress::Gunzip;
    my $in = http_content($text);
    IO::Uncompress::Gunzip::gunzip(\$in => \$out);

    Test::More->builder->like($out, $re, $name);
}


# the talk of a test, when TEST_NGINX_VERBOSE is set

sub log_out { log_core('>> ', @_) }

sub log_in { log_core('<< ', @_) }

sub log_core {
    my ($prefix, $text) = @_;

    return unless $ENV{TEST_NGINX_VERBOSE} && defined $text;

    my $length = length $text;
    $text = substr($text, 0, 2048) . "(...$length bytes)" if $length > 2048;

    foreach my $line (split /\n/, $text) {
        $line =~ s/([^\x20-\x7e])/sprintf('\\x%02x', ord($1))/ge;
        print "# $prefix$line\n";
    }
}


1;
