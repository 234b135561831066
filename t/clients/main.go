// Copyright (C) the nginx-acme-ca authors

// The same life of an account with each of the ACME libraries of Go: what a
// test reads is a line for each step.
//
//	clients LIBRARY DIRECTORY FOLDER HTTP_PORT TLS_PORT KID HMAC_KEY OPERATOR
//
// OPERATOR is a program that moves the certificates' renewal windows to now.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

const (
	byHTTP = "http-01"
	byALPN = "tls-alpn-01"
)

// An order: what a library is asked for.
type order struct {
	names     []string // DNS names and addresses
	challenge string
	profile   string
	replaces  *x509.Certificate
}

// What the libraries have in common.
type client interface {
	register(kid, hmacKey string) error
	obtain(order) (chain []byte, err error)
	window(*x509.Certificate) (start, end time.Time, err error)
	rollover() error
	revoke(cert *x509.Certificate, reason int) error
	deactivate() error
}

// Where an order's challenges are to be answered.
type place struct {
	directory, httpPort, tlsPort string
}

var libraries = map[string]func(place) (client, error){
	"acmez":        newAcmez,
	"cert-manager": newCertManager,
	"lego":         newLego,
}

var problem = regexp.MustCompile(`acme:error:(\w+)`)

// what a step that must be refused was refused with
func refusal(err error) string {
	if err == nil {
		return "not refused"
	}
	if found := problem.FindStringSubmatch(err.Error()); found != nil {
		return found[1]
	}
	return err.Error()
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return key
}

func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// the first certificate of a chain, which is stored in a file as well
func store(folder, name string, chain []byte) *x509.Certificate {
	must(os.WriteFile(filepath.Join(folder, name+".pem"), chain, 0o644))
	block, _ := pem.Decode(chain)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(err)
	fmt.Println("issued", name)
	return cert
}

// whether all of the window is over
func due(c client, cert *x509.Certificate) bool {
	_, end, err := c.window(cert)
	must(err)
	return end.Before(time.Now())
}

func main() {
	library, folder, operator := os.Args[1], os.Args[3], os.Args[8]
	domain := "." + library + ".example"
	names := []string{"a" + domain, "b" + domain}

	c, err := libraries[library](place{os.Args[2], os.Args[4], os.Args[5]})
	must(err)

	obtain := func(name string, o order) *x509.Certificate {
		chain, err := c.obtain(o)
		must(err)
		return store(folder, name, chain)
	}

	must(c.register(os.Args[6], os.Args[7]))
	fmt.Println("registered")

	one := obtain("one", order{names: names, challenge: byHTTP,
		profile: "short"})
	obtain("address", order{names: []string{"127.0.0.1"},
		challenge: byHTTP})
	obtain("alpn", order{names: []string{"c" + domain},
		challenge: byALPN})

	_, err = c.obtain(order{names: names, challenge: byHTTP,
		profile: "long"})
	fmt.Println("profile", refusal(err))

	fmt.Println("due", due(c, one))
	must(exec.Command(operator, domain).Run())
	for try := 0; try < 100 && !due(c, one); try++ {
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("due", due(c, one))

	two := obtain("two", order{names: names, challenge: byHTTP,
		profile: "short", replaces: one})
	_, err = c.obtain(order{names: names, challenge: byHTTP,
		replaces: one})
	fmt.Println("again", refusal(err))

	must(c.rollover())

	must(c.revoke(two, 4))
	fmt.Println("revoked", refusal(c.revoke(two, 4)))

	_, err = c.obtain(order{names: []string{"gone.example"},
		challenge: byHTTP})
	fmt.Println("failed", refusal(err))

	must(c.deactivate())
	_, err = c.obtain(order{names: names, challenge: byHTTP})
	fmt.Println("deactivated", refusal(err))
}
