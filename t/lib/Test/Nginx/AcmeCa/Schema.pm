package Test::Nginx::AcmeCa::Schema;

# Copyright (C) the nginx-acme-ca authors
#
# Holds requests and answers against an OpenAPI 3.1 document, and values against
# a JSON Schema, as far as ours use them; a keyword that is not known here is an
# error itself.
#
#     my $schema = Test::Nginx::AcmeCa::Schema->new($document);
#     my @errors = $schema->errors($method, $path, $body, $reply);
#
#     # strict: a member that the schema does not name is one, too
#     $schema = Test::Nginx::AcmeCa::Schema->new($document, strict => 1);
#     @errors = $schema->check('what it is', $document, $value);

use warnings;
use strict;

use B ();
use JSON::PP ();

my %known = map { $_ => 1 } qw/ $ref type required properties items enum pattern
    additionalProperties minimum maximum minLength maxLength minItems format
    description default title allOf if then $schema $id $defs /;


sub new {
    my ($class, $document, %opts) = @_;

    return bless { %opts, document => $document }, $class;
}


# method, path with its query, JSON of the body or undef, and the answer:
# { status, type, json }

sub errors {
    my ($self, $method, $target, $body, $reply) = @_;

    my ($path, $query) = split /\?/, $target, 2;
    $path = '' unless defined $path;
    my ($template, $item) = $self->path("/$path");
    my $where = "$method $target: $reply->{status}";

    $method = $method eq 'HEAD' ? 'get' : lc $method;

    my $operation = $item && $item->{$method};

    # where there is no such thing, the answer is a problem

    my $responses = $operation ? $operation->{responses}
        : { default => { '$ref' => '#/components/responses/Problem' } };

    my $response = $responses->{$reply->{status}} || $responses->{default};
    $response = $self->deref($response);

    my @errors = $self->content($where, $response->{content}, $reply);

    return @errors unless $reply->{status} =~ /^2/;

    push @errors, $self->query($where, $operation, $query)
        if defined $query;

    if (my $request = $operation->{requestBody}) {
        push @errors, $self->check("$where: request",
            $request->{content}{'application/json'}{schema}, $body);
    }

    return @errors;
}


sub path {
    my ($self, $path) = @_;
    my $paths = $self->{document}{paths};

    return ($path, $paths->{$path}) if $paths->{$path};

    foreach my $template (sort keys %$paths) {
        my $re = join '[^/]+', map { quotemeta } split /\{\w+\}/, $template, -1;

        return ($template, $paths->{$template}) if $path =~ /^$re$/;
    }

    return;
}


sub content {
    my ($self, $where, $content, $reply) = @_;

    return if $reply->{body} eq '';
    return "$where: has a body" unless $content;

    my $type = $reply->{type} || '';
    my $media = $content->{$type} or return "$where: type $type";

    return $self->check($where, $media->{schema},
        $type =~ /json$/ ? $reply->json() : $reply->{body});
}


sub query {
    my ($self, $where, $operation, $query) = @_;

    my %names = map { $_->{name} => 1 } @{$operation->{parameters} || []};

    return map { "$where: no parameter $_" }
        grep { !$names{$_} } map { /^([^=]*)/ } split /&/, $query;
}


sub deref {
    my ($self, $schema) = @_;

    while (defined $schema->{'$ref'}) {
        my $value = $self->{document};
        my $ref = $schema->{'$ref'};

        (my $path = $ref) =~ s/^#\///;
        $value = $value->{$_} foreach split /\//, $path;

        $schema = $value or die "no $ref\n";
    }

    return $schema;
}


sub check {
    my ($self, $at, $schema, $value) = @_;

    $schema = $self->deref($schema);

    my @errors = map { "$at: keyword $_ is not known" }
        grep { !$known{$_} } sort keys %$schema;

    my $type = kind($value);

    return (@errors, "$at: $type, not $schema->{type}")
        if defined $schema->{type} && $type ne $schema->{type};

    push @errors, map { $self->check($at, $_, $value) } @{$schema->{allOf} || []};
    push @errors, $self->check($at, $schema->{then}, $value)
        if $schema->{if} && !$self->check($at, $schema->{if}, $value);

    push @errors, "$at: not one of those listed"
        if $schema->{enum} && !grep { $_ eq $value } @{$schema->{enum}};

    return (@errors, $self->object($at, $schema, $value)) if $type eq 'object';
    return (@errors, $self->array($at, $schema, $value)) if $type eq 'array';
    return (@errors, text($at, $schema, $value)) if $type eq 'string';

    push @errors, "$at: $value is out of its range" if $type eq 'integer'
        && (defined $schema->{minimum} && $value < $schema->{minimum}
            || defined $schema->{maximum} && $value > $schema->{maximum});

    return @errors;
}


sub object {
    my ($self, $at, $schema, $value) = @_;
    my $properties = $schema->{properties} || {};

    my @errors = map { "$at: no $_" } grep { !exists $value->{$_} }
        @{$schema->{required} || []};

    foreach my $name (sort keys %$value) {
        if ($properties->{$name}) {
            push @errors, $self->check("$at.$name", $properties->{$name},
                                       $value->{$name});

        } elsif (ref $schema->{additionalProperties} eq 'HASH') {
            push @errors, $self->check("$at.$name",
                $schema->{additionalProperties}, $value->{$name});

        } elsif (exists $schema->{additionalProperties}
                 && !$schema->{additionalProperties}
                 || $self->{strict} && $schema->{type} && %$properties)
        {
            push @errors, "$at: $name is not in the document";
        }
    }

    return @errors;
}


sub array {
    my ($self, $at, $schema, $value) = @_;
    my $n = 0;

    my @errors = map { $self->check("$at\[" . $n++ . ']', $schema->{items},
                                    $_) } @$value;

    push @errors, "$at: too few"
        if defined $schema->{minItems} && @$value < $schema->{minItems};

    return @errors;
}


sub text {
    my ($at, $schema, $value) = @_;
    my @errors;

    push @errors, "$at: \"$value\" is not like $schema->{pattern}"
        if defined $schema->{pattern} && $value !~ /$schema->{pattern}/;
    push @errors, "$at: \"$value\" is no date"
        if defined $schema->{format} && $schema->{format} eq 'date-time'
           && $value !~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
    push @errors, "$at: length"
        if defined $schema->{minLength} && length $value < $schema->{minLength}
           || defined $schema->{maxLength}
              && length $value > $schema->{maxLength};

    return @errors;
}


# the type that JSON had

sub kind {
    my ($value) = @_;

    return 'null' unless defined $value;
    return 'object' if ref $value eq 'HASH';
    return 'array' if ref $value eq 'ARRAY';
    return 'boolean' if ref $value;

    my $flags = B::svref_2object(\$value)->FLAGS;

    return 'string' if $flags & B::SVf_POK();
    return 'integer' if $flags & B::SVf_IOK();
    return 'number';
}

1;
