# Copyright (C) the nginx-acme-ca authors
#
# Issuers below somebody else's root: a key and a request go out, a certificate
# comes in.  Keys and certificates lie in the folder "issuers" of the state
# folder, named after the public key, where nginx finds them when it is
# reloaded: a certificate without its key, or the other way round, is nothing to
# it.

commands="$commands
issuer csr     -        subject type key password-file
issuer import  CERT...
issuer add     CERT...  key password-file
"


usage_ceremony() {
    cat <<END
    issuer csr                  makes a key, and prints a request for it that a
                                root is to sign, as PEM
        [--subject /O=A/CN=B]   who the CA is
        [--type TYPE]           of the key: p256, p384, rsa2048, rsa3072,
                                rsa4096, ed25519
        [--key FILE|URI]        takes that key instead: a file, or one in a
                                token, "pkcs11:..." or "engine:NAME:ID"
        [--password-file FILE]  its first line is the key's passphrase, or the
                                token's PIN: the file of issuer_password_file
    issuer import CERT [CHAIN]  the certificate for such a request: after a
                                reload it is the next issuer, or the same one
                                with a renewed certificate
    issuer add CERT [CHAIN] --key FILE|URI [--password-file FILE]
                                the same with a key from elsewhere
END
}


# the public key, DER, of a key that openssl_key() reads: as 40 digits

key_digest() {
    openssl pkey -pubin -outform DER 2> /dev/null |
        openssl dgst -sha256 -r | cut -c 1-40
}


is_uri() {
    is_like "$1" '(pkcs11|engine|store):.*'
}


# openssl_key FILE|URI WORD...: openssl with options for that key, as -in of
# "pkey" and -key of "req" understand them; those of a token by its engine

openssl_key() {
    source=$1
    in=$2
    form=$3
    shift 3

    [ -z "$password_file" ] || set -- "$@" -passin "file:$password_file"

    case $source in
        pkcs11:*)
            set -- "$@" -engine pkcs11 "-$form" engine "-$in" "$source" ;;
        engine:*:*)
            source=${source#engine:}
            set -- "$@" -engine "${source%%:*}" "-$form" engine \
                "-$in" "${source#*:}" ;;
        *)
            set -- "$@" "-$in" "${source#store:}" ;;
    esac

    # nobody is asked on the terminal
    openssl "$@" < /dev/null 2> "$folder/error"
}


key_type_of() {
    case $1 in
        p256)    echo "EC -pkeyopt ec_paramgen_curve:P-256" ;;
        p384)    echo "EC -pkeyopt ec_paramgen_curve:P-384" ;;
        rsa2048) echo "RSA -pkeyopt rsa_keygen_bits:2048" ;;
        rsa3072) echo "RSA -pkeyopt rsa_keygen_bits:3072" ;;
        rsa4096) echo "RSA -pkeyopt rsa_keygen_bits:4096" ;;
        ed25519) echo "ED25519" ;;
        *)       misuse "--type: there is no \"$1\"" ;;
    esac
}


# the folder is of who starts nginx, inside one that workers may write to: a
# link, or somebody else's, is not taken

issuer_folder() {
    issuers=${path%/}/issuers

    [ -e "$issuers" ] || [ -h "$issuers" ] || mkdir -m 755 "$issuers"

    if [ -h "$issuers" ] || [ ! -d "$issuers" ] || [ ! -O "$issuers" ]; then
        die "\"$issuers\" is no folder of yours: run this as the user that" \
            "starts nginx"
    fi
}


# put NAME MODE: what comes from the standard input becomes a file that nobody
# had before

put() {
    rm -f "$issuers/.$1"

    (set -C; cat > "$issuers/.$1") || die "cannot write \"$issuers/$1\""
    chmod "$2" "$issuers/.$1"
    mv "$issuers/.$1" "$issuers/$1"
}


# sets $name, after the public key; puts the key where nginx will look for it

put_key() {
    openssl_key "$1" in inform pkey -pubout > "$folder/public" ||
        die "cannot read the key: $(tail -n 1 "$folder/error")"

    name=$(key_digest < "$folder/public")

    if [ -e "$issuers/$name.key" ]; then
        return
    fi

    if is_uri "$1"; then
        printf '%s\n' "$1" | put "$name.key" 600
    else
        put "$name.key" 600 < "$1"
    fi
}


issuer_csr() {
    work_folder
    issuer_folder

    if [ -z "$key" ]; then
        new_key
        key=$folder/key

    elif [ -n "$type" ]; then
        misuse "--key has its type: no --type"
    fi

    put_key "$key"

    [ -n "$subject" ] || subject="/CN=Issuing CA $(printf '%.8s' "$name")"

    # "openssl req" wants a file, and nothing of the machine's in it
    printf '%s\n' '[req]' 'distinguished_name = dn' 'string_mask = utf8only' \
        'utf8 = yes' '[dn]' > "$folder/req.cnf"

    openssl_key "$key" key keyform req -new -config "$folder/req.cnf" \
        -subj "$subject" -addext 'keyUsage=critical,keyCertSign,cRLSign' \
        -addext 'basicConstraints=critical,CA:TRUE,pathlen:0' \
        > "$folder/csr" ||
        die "cannot make a request: $(tail -n 1 "$folder/error")"

    issuer_change "$(audit issuer-csr NULL \
        "'key', '$name', 'subject', $(sql_text "$subject")")"

    say csr "$(cat "$folder/csr")"
}


new_key() {
    # words, on purpose
    # shellcheck disable=SC2046
    set -- $(key_type_of "${type:-p256}")

    algorithm=$1
    shift

    [ -z "$password_file" ] ||
        set -- "$@" -aes-256-cbc -pass "file:$password_file"

    openssl genpkey -algorithm "$algorithm" "$@" -out "$folder/key" \
        2> "$folder/error" ||
        die "cannot make a key: $(tail -n 1 "$folder/error")"
}


# sets $name and $folder/chain, the certificate first

read_chain() {
    : > "$folder/chain"

    printf '%s\n' "$arg" > "$folder/names"

    while IFS= read -r file; do
        [ -r "$file" ] || die "cannot read \"$file\""
        cat "$file" >> "$folder/chain"
        echo >> "$folder/chain"
    done < "$folder/names"

    # one certificate in a file: 1.pem is the issuer, the last the topmost
    awk -v to="$folder" '
        /-----BEGIN CERTIFICATE-----/ { out = to "/" ++n ".pem" }
        out != "" { print > out }
        /-----END CERTIFICATE-----/ { close(out); out = "" }
        END { print n + 0 }' "$folder/chain" > "$folder/count"

    count=$(cat "$folder/count")
    [ "$count" -gt 0 ] || die "there is no certificate in PEM form"

    name=$(openssl x509 -in "$folder/1.pem" -noout -pubkey 2> /dev/null |
           key_digest)
}


# what nginx would refuse is better known before it is reloaded

check_chain() {
    about=$(openssl x509 -in "$folder/1.pem" -noout -text 2> /dev/null) ||
        die "the certificate is malformed"

    case $about in
        *CA:TRUE*) ;;
        *) die "the certificate is not one of a CA: basicConstraints CA:TRUE" \
               "is needed" ;;
    esac

    case $about in
        *'Certificate Sign'*) ;;
        *) die "the certificate may not sign certificates: keyUsage" \
               "keyCertSign is needed" ;;
    esac

    case $about in
        *'CRL Sign'*) ;;
        *) echo "$me: warning: keyUsage lacks cRLSign: there will be no CRL" \
               >&2 ;;
    esac

    # each signed the one before it, and all are in date
    cat "$folder"/*.pem > "$folder/all"

    openssl verify -partial_chain -CAfile "$folder/$count.pem" \
        -untrusted "$folder/all" "$folder/1.pem" > "$folder/error" 2>&1 ||
        die "the chain is not good: $(sed -n 's/^error [0-9]* at //p' \
            "$folder/error" | head -n 1)"
}


take_chain() {
    check_chain

    i=0
    while [ $i -lt "$count" ]; do
        i=$((i + 1))
        openssl x509 -in "$folder/$i.pem"
    done > "$folder/take"

    next="as the next issuer"

    # a renewed one: the key is the same
    if [ -e "$issuers/$name.pem" ]; then
        ! cmp -s "$folder/take" "$issuers/$name.pem" ||
            die "it is there already"
        cp "$issuers/$name.pem" \
            "$issuers/$name.pem.before-$(date -u +%Y%m%dT%H%M%SZ)"
        next="in place of the one before"
    fi

    put "$name.pem" 644 < "$folder/take"

    subject=$(openssl x509 -in "$folder/1.pem" -noout -subject \
                  -nameopt RFC2253)
    subject=${subject#subject=}

    issuer_change "$(audit issuer-import NULL \
        "'key', '$name', 'subject', $(sql_text "$subject")")"

    say subject "$subject"
    echo "$me: nginx takes it $next when it is reloaded" >&2
}


issuer_import() {
    work_folder
    issuer_folder
    read_chain

    [ -e "$issuers/$name.key" ] ||
        die "the certificate is for no key that \"$me issuer csr\" made here"

    take_chain
}


issuer_add() {
    [ -n "$key" ] || misuse "issuer add: --key is needed"

    work_folder
    issuer_folder
    read_chain

    wanted=$name

    openssl_key "$key" in inform pkey -pubout > "$folder/public" ||
        die "cannot read the key: $(tail -n 1 "$folder/error")"

    [ "$(key_digest < "$folder/public")" = "$wanted" ] ||
        die "the key is not that of the certificate"

    check_chain
    put_key "$key"
    take_chain
}
