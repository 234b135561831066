package Test::Nginx::AcmeCa::Fuzz;

# Copyright (C) the nginx-acme-ca authors
#
# Requests that are signed well and say nonsense.  A value is mutated as a
# tree that JSON cannot hold otherwise:
#
#     text                a string
#     \ "text"            what is written as it is, not quoted
#     [ ... ]             an array
#     fuzz_object(...)    an object: pairs, so that a name may come twice
#
# All chance comes from rand(): the same srand() gives the same mutations.

use warnings;
use strict;

use base qw/ Exporter /;

our @EXPORT = qw/ fuzz_object fuzz_tree fuzz_json fuzz_mutate fuzz_bytes
    fuzz_pick fuzz_weighted /;

# what parsers and databases have stumbled over
my @values = (
    \ 'null', \ 'true', \ 'false', \ '0', \ '-0', \ '-1', \ '1', \ '1.5',
    \ '1e3', \ '1E999', \ '-1e-999', \ '2147483648', \ '4294967296',
    \ '9223372036854775807', \ '9223372036854775808',
    \ '-9223372036854775809', \ '18446744073709551616', \ '01', \ '+1',
    \ '.5', \ '1.', \ '0x10', \ 'NaN', \ '-', \ '', \ 'nul', \ '"', \ '{',
    \ '}', \ '[', \ ']', \ '{"', \ ',', \ "'a'", \ '/* a */ 1', \ '{} {}',
    '', ' ', '0', 'null', 'a', 'valid', 'deactivated', 'revoked', 'pending',
    'dns', 'ip', 'DNS', 'dns ', 'none', 'HS256', 'RS256', 'ES512', 'EdDSA',
    "\0", "a\0b", "\x7f", "\n", "\xff", "\xc0\x80", "\xed\xa0\x80",
    "\xf4\x90\x80\x80", "\xc3", "\xc3\xa9.example", "\xef\xbb\xbf",
    "\xe2\x80\xae", "\xf0\x9f\x92\xa9", '%s%n%d', "' OR 1=1 --", '../../..',
    '*', '*.*.example', '*.example', '.', '..', '.example', 'example.',
    'a..example', '-a.example', 'xn--a.example', 'xn--.example', 'a_b.example',
    'localhost', 'A.EXAMPLE', '127.0.0.1', '::1', '::ffff:127.0.0.1',
    '0.0.0.0', '1.2.3', '256.1.1.1', '0x7f.1', 'fe80::1%lo', '[::1]',
    'mailto:a@example.com', 'mailto:', 'mailto:@', 'mailto:a@b?c=d',
    'tel:+1', 'http://a/', '2026-01-01T00:00:00Z', '9999-12-31T23:59:60Z',
    '0000-00-00T00:00:00Z', '1969-12-31T23:59:59Z',
    '2026-02-30T25:61:61.999999999+99:99', 'AA', 'A', 'A=', '_-_-', '====',
    \ '"\u0000"', \ '"\ud800"', \ '"\udc00\ud800"', \ '"\ud83d\ude00"',
    \ '"\uZZZZ"', \ '"\x"', \ '"\/"', \ "\"\t\"", \ "\"\n\"", \ '"\\',
);

my @names = qw/ status identifiers identifier type value contact csr
    certificate reason account oldKey notBefore notAfter profile replaces
    termsOfServiceAgreed onlyReturnExisting externalAccountBinding alg kid
    jwk nonce url crit b64 jku x5c kty crv x y n e d k ancestorDomain
    subdomainAuthAllowed challenges __proto__ /;


sub fuzz_object {
    my (@pairs) = @_;
    my @members;

    push @members, [ splice(@pairs, 0, 2) ] while @pairs;

    return bless { members => \@members }, 'Test::Nginx::AcmeCa::Fuzz::Object';
}


# of Perl data: hashes, arrays and text

sub fuzz_tree {
    my ($data) = @_;
    my $kind = ref $data;

    return [ map { fuzz_tree($_) } @$data ] if $kind eq 'ARRAY';
    return fuzz_object(map { $_ => fuzz_tree($data->{$_}) } sort keys %$data)
        if $kind eq 'HASH';

    return $data;
}


sub fuzz_json {
    my ($tree) = @_;
    my $kind = ref $tree;

    return quote($tree) if $kind eq '';
    return $$tree if $kind eq 'SCALAR';
    return '[' . join(',', map { fuzz_json($_) } @$tree) . ']'
        if $kind eq 'ARRAY';

    return '{' . join(',', map { quote($_->[0]) . ':' . fuzz_json($_->[1]) }
                               @{$tree->{members}}) . '}';
}


sub quote {
    my ($text) = @_;

    $text = '' unless defined $text;
    $text =~ s/(["\\])/\\$1/g;
    $text =~ s/([\0-\x1f])/sprintf '\u%04x', ord $1/ge;

    return "\"$text\"";
}


sub fuzz_pick { return $_[rand @_] }


# by weight: fuzz_weighted(order => 3, account => 1)

sub fuzz_weighted {
    my (@choices) = @_;
    my $sum = 0;

    for (my $i = 1; $i < @choices; $i += 2) {
        $sum += $choices[$i];
    }

    my $at = rand($sum);

    while (@choices > 2) {
        my ($name, $weight) = splice @choices, 0, 2;
        return $name if $at < $weight;
        $at -= $weight;
    }

    return $choices[0];
}


# A mutated copy: one place of the tree, sometimes several

sub fuzz_mutate {
    my ($tree) = @_;
    my $root = [ copy($tree) ];

    for (1 .. fuzz_weighted(1 => 6, 2 => 3, 5 => 1)) {
        my @places = places($root);

        # the whole is seldom the most interesting
        shift @places if @places > 1 && rand() < 0.9;
        mutate_place(fuzz_pick(@places), \@places);
    }

    return $root->[0];
}


sub copy {
    my ($tree) = @_;
    my $kind = ref $tree;

    return $tree if $kind eq '' || $kind eq 'SCALAR';
    return [ map { copy($_) } @$tree ] if $kind eq 'ARRAY';

    return fuzz_object(map { ($_->[0], copy($_->[1])) }
                           @{$tree->{members}});
}


# references to all values, each with the array that holds it

sub places {
    my ($list) = @_;
    my @found;

    foreach my $i (0 .. $#$list) {
        my $value = $list->[$i];
        my $kind = ref $value;

        push @found, { at => \$list->[$i], list => $list, index => $i };

        if ($kind eq 'ARRAY') {
            push @found, places($value);

        } elsif ($kind =~ /Object$/) {
            push @found, { %$_, members => $value->{members} }
                foreach map { places_of_member($_) } @{$value->{members}};
        }
    }

    return @found;
}


sub places_of_member {
    my ($member) = @_;

    return ({ at => \$member->[1], member => $member },
            ref $member->[1] eq 'ARRAY' ? places($member->[1])
            : ref $member->[1] =~ /Object$/
              ? map { places_of_member($_) } @{$member->[1]{members}} : ());
}


sub mutate_place {
    my ($place, $all) = @_;
    my $at = $place->{at};
    my $how = fuzz_weighted(value => 12, other => 4, bytes => 4, remove => 3,
                            twice => 3, add => 4, rename => 2, wrap => 2,
                            deep => 1, long => 2, many => 1);

    if ($how eq 'value') {
        $$at = fuzz_pick(@values);

    } elsif ($how eq 'other') {
        $$at = copy(${fuzz_pick(@$all)->{at}});

    } elsif ($how eq 'bytes') {
        $$at = fuzz_bytes(ref $$at ? fuzz_json($$at) : $$at);

    } elsif ($how eq 'wrap') {
        $$at = rand() < 0.5 ? [ $$at ] : fuzz_object(fuzz_pick(@names), $$at);

    } elsif ($how eq 'deep') {
        my $n = fuzz_pick(10, 33, 100, 1000, 15000);
        $$at = \ (rand() < 0.5 ? '[' x $n . ']' x $n
                               : '{"a":' x $n . '1' . '}' x $n);

    } elsif ($how eq 'long') {
        $$at = fuzz_pick('a', "\xc3\xa9", '.', 'a.', '1', ' ', '\\')
               x fuzz_pick(63, 64, 253, 256, 1024, 4096, 20000);

    } elsif ($how eq 'many') {
        my $n = fuzz_pick(2, 10, 101, 1000);
        $$at = [ map { copy($$at) } 1 .. (ref $$at ? 3 : $n) ];

    } elsif ($place->{members}) {
        mutate_member($how, $place);

    } elsif ($how eq 'remove' && @{$place->{list} || []}) {
        $$at = '';

    } else {
        $$at = [ $$at, $$at ];
    }
}


sub mutate_member {
    my ($how, $place) = @_;
    my $members = $place->{members};
    my $member = $place->{member} || fuzz_pick(@$members) || [ '', '' ];

    if ($how eq 'remove') {
        @$members = grep { $_ != $member } @$members;

    } elsif ($how eq 'twice') {
        push @$members, [ $member->[0], rand() < 0.5 ? copy($member->[1])
                                                     : fuzz_pick(@values) ];

    } elsif ($how eq 'add') {
        push @$members, [ fuzz_pick(@names), fuzz_pick(@values) ];

    } else {
        $member->[0] = fuzz_pick(fuzz_pick(@names), fuzz_bytes($member->[0]),
                                 uc $member->[0], "$member->[0]\0", '');
    }
}


# some bytes of a text, in any way

sub fuzz_bytes {
    my ($text) = @_;

    for (1 .. fuzz_weighted(1 => 6, 3 => 2, 10 => 1)) {
        my $n = length $text;
        my $at = int rand($n + 1);
        my $how = fuzz_weighted(flip => 4, insert => 3, remove => 3, cut => 1,
                                again => 1, value => 2);
        my $value = fuzz_pick(@values);

        if ($how eq 'flip' && $at < $n) {
            substr($text, $at, 1) ^= chr(1 << rand(8));

        } elsif ($how eq 'remove') {
            substr($text, $at, 1 + int rand(4)) = '';

        } elsif ($how eq 'cut') {
            $text = substr($text, 0, $at);

        } elsif ($how eq 'again') {
            $text .= substr($text, $at, 1 + int rand(64));

        } elsif ($how eq 'value') {
            substr($text, $at, 0) = ref $value ? $$value : $value;

        } else {
            substr($text, $at, 0) = chr(rand(256));
        }
    }

    return $text;
}


1;
