# sql/*.sql -> acme_ca_sql.h: POSIX awk, run by the rule of sql/config.make
#
# NNN_*.sql is a migration and is embedded whole.  Any other file holds named
# statements: "-- name: NAME" begins one, "-- script: NAME" several in one
# text; "-- why:" lines say what it is for and are left out.

BEGIN {
    migrations = 0
    statements = 0
    scripts = 0
    bad = 0
}

FNR == 1 {
    base = FILENAME
    sub(/^.*\//, "", base)
    kind = ""

    if (base ~ /^[0-9][0-9][0-9]_.*\.sql$/) {
        migrations++
        kind = "migration"

        if (substr(base, 1, 3) + 0 != migrations) {
            fail("migrations must be numbered 001, 002, ... without a gap")
        }

        sub(/\.sql$/, "", base)
        migration_name[migrations] = base
        migration_text[migrations] = ""
    }
}

{
    sub(/[ \t\r]+$/, "")
}

kind == "migration" {
    migration_text[migrations] = migration_text[migrations] line($0, 1)
    next
}

/^-- name: [a-z][a-z0-9_]*$/ {
    begin("statement", $3)
    statements++
    statement_name[statements] = $3
    statement_text[statements] = ""
    next
}

/^-- script: [a-z][a-z0-9_]*$/ {
    begin("script", $3)
    scripts++
    script_name[scripts] = $3
    script_text[scripts] = ""
    next
}

/^-- why: ./ {
    why = 1
    next
}

/^--/ && why {
    next
}

/^--/ {
    fail("a comment that belongs to no \"-- why:\"")
    next
}

/^$/ {
    next
}

kind == "statement" {
    if (ended) {
        fail("a second statement under one name")
    }

    statement_text[statements] = statement_text[statements] line($0, 0)
}

kind == "script" {
    script_text[scripts] = script_text[scripts] line($0, 0)
}

kind == "" {
    fail("a statement without \"-- name:\"")
}

{
    ended = ($0 ~ /;$/)
}

END {
    finish()

    if (bad) {
        exit 1
    }

    print "/* made by sql/embed.awk: do not edit */"
    print ""
    print "#ifndef _ACME_CA_SQL_H_INCLUDED_"
    print "#define _ACME_CA_SQL_H_INCLUDED_"
    print ""
    print "#define ACME_CA_SQL_VERSION  " migrations
    names("STATEMENT", "SQL", statements, statement_name)
    names("SCRIPT", "SCRIPT", scripts, script_name)
    print ""
    print "#ifdef ACME_CA_SQL_TEXTS"
    texts("statements", statements, statement_name, statement_text)
    texts("scripts", scripts, script_name, script_text)
    texts("migrations", migrations, migration_name, migration_text)
    print ""
    print "#endif"
    print ""
    print "#endif"
}


function fail(text) {
    print FILENAME ":" FNR ": " text | "cat 1>&2"
    bad = 1
}


function begin(what, name) {
    finish()

    if (name in seen) {
        fail("the name \"" name "\" is taken")
    }

    seen[name] = 1
    kind = what
    current = name
    why = 0
    ended = 0
}


# of the statement before: END has no FILENAME that could be trusted
function finish() {
    if (current == "") {
        return
    }

    if (!why) {
        fail("\"" current "\" has no \"-- why:\"")
    }

    if (!ended) {
        fail("\"" current "\" does not end with a semicolon")
    }

    current = ""
}


function line(text, indented) {
    if (!indented) {
        sub(/^ +/, "", text)
    }

    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\\&", text)

    return "\n      \"" text "\\n\""
}


function names(title, prefix, n, name,    i) {
    print ""
    print "typedef enum {"

    for (i = 1; i <= n; i++) {
        print "    ACME_CA_" prefix "_" toupper(name[i]) ","
    }

    print "    ACME_CA_" prefix "_N"
    print "} acme_ca_" tolower(title) "_e;"
}


function texts(array, n, name, text,    i) {
    print ""
    print "const acme_ca_sql_t  acme_ca_sql_" array "[] = {"

    for (i = 1; i <= n; i++) {
        print "    { \"" name[i] "\"," text[i] " },"
    }

    print "};"
}
