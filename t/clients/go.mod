// Copyright (C) the nginx-acme-ca authors

module clients

go 1.26.0

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/go-acme/lego/v4 v4.35.2
	github.com/mholt/acmez/v3 v3.1.7
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	github.com/miekg/dns v1.1.72 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	golang.org/x/tools v0.49.0 // indirect
)
