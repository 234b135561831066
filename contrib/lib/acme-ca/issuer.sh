# Copyright (C) the nginx-acme-ca authors
#
# CA certificates: those that have signed here, and roots.

commands="$commands
issuer list  -
"


usage_issuer() {
    cat <<END
    issuer list                 CA certificates, with their certificates and
                                until when the last CRL holds
END
}


issuer_list() {
    rows "SELECT i.id, i.name, $(as_date i.not_after) AS not_after,
              count(c.id) FILTER (WHERE c.status = 'valid'
                                        AND c.not_after > $now) AS valid,
              count(c.id) FILTER (WHERE c.status = 'revoked') AS revoked,
              l.number AS crl_number,
              $(as_date "nullif(l.next_update, 0)") AS crl_until
          FROM issuers AS i
          LEFT JOIN acme_certificates AS c ON c.issuer_id = i.id
          LEFT JOIN acme_crls AS l ON l.issuer_id = i.id AND l.shards = 1
          GROUP BY i.id ORDER BY i.id DESC"
}
