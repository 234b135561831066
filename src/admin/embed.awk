# openapi.json -> acme_ca_openapi.h: POSIX awk, run by the rule of config.make

BEGIN {
    print "/* made by embed.awk: do not edit */"
    print ""
    print "static const char  acme_ca_openapi[] ="
}

{
    sub(/^ +/, "")
    gsub(/\\/, "&&")
    gsub(/"/, "\\\"")
    print "    \"" $0 "\\n\""
}

END {
    print "    \"\";"
}
