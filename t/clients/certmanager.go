// Copyright (C) the nginx-acme-ca authors

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net"
	"time"

	"github.com/cert-manager/cert-manager/third_party/forked/acme"
)

// cert-manager's library, a fork of golang.org/x/crypto/acme
type certManager struct {
	acme.Client
	*server
}

func newCertManager(at place) (client, error) {
	s, err := newServer(at)
	return &certManager{server: s, Client: acme.Client{Key: newKey(),
		DirectoryURL: at.directory}}, err
}

func (c *certManager) register(kid, hmacKey string) error {
	key, err := base64.RawURLEncoding.DecodeString(hmacKey)
	if err != nil {
		return err
	}
	_, err = c.Register(context.Background(), &acme.Account{
		Contact: []string{"mailto:a@example.com"},
		ExternalAccountBinding: &acme.ExternalAccountBinding{
			KID: kid, Key: key}}, acme.AcceptTOS)
	return err
}

// answers and accepts the challenge of one authorization
func (c *certManager) prove(url, kind string) error {
	ctx := context.Background()
	authz, err := c.GetAuthorization(ctx, url)
	if err != nil || authz.Status == acme.StatusValid {
		return err
	}

	for _, chal := range authz.Challenges {
		if chal.Type != kind {
			continue
		}
		if kind == byHTTP {
			text, err := c.HTTP01ChallengeResponse(chal.Token)
			if err != nil {
				return err
			}
			c.serve(c.HTTP01ChallengePath(chal.Token), text)
		} else {
			name := authz.Identifier.Value
			cert, err := c.TLSALPN01ChallengeCert(chal.Token, name)
			if err != nil {
				return err
			}
			c.present(name, &cert)
		}
		if _, err := c.Accept(ctx, chal); err != nil {
			return err
		}
	}

	_, err = c.WaitAuthorization(ctx, url)
	return err
}

func (c *certManager) obtain(o order) ([]byte, error) {
	ctx := context.Background()
	request := x509.CertificateRequest{}
	ids := []acme.AuthzID{}
	for _, name := range o.names {
		if ip := net.ParseIP(name); ip != nil {
			request.IPAddresses = append(request.IPAddresses, ip)
			ids = append(ids, acme.IPIDs(name)...)
		} else {
			request.DNSNames = append(request.DNSNames, name)
			ids = append(ids, acme.DomainIDs(name)...)
		}
	}

	options := []acme.OrderOption{}
	if o.profile != "" {
		options = append(options, acme.WithOrderProfile(o.profile))
	}
	if o.replaces != nil {
		option, err := acme.WithOrderReplacesCertificate(o.replaces)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}

	got, err := c.AuthorizeOrder(ctx, ids, options...)
	if err != nil {
		return nil, err
	}
	for _, url := range got.AuthzURLs {
		if err := c.prove(url, o.challenge); err != nil {
			return nil, err
		}
	}
	if got, err = c.WaitOrder(ctx, got.URI); err != nil {
		return nil, err
	}

	csr, err := x509.CreateCertificateRequest(nil, &request, newKey())
	if err != nil {
		return nil, err
	}
	ders, _, err := c.CreateOrderCert(ctx, got.FinalizeURL, csr, true)
	if err != nil {
		return nil, err
	}

	chain := bytes.Buffer{}
	for _, der := range ders {
		err = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE",
			Bytes: der})
		if err != nil {
			return nil, err
		}
	}
	return chain.Bytes(), nil
}

func (c *certManager) window(cert *x509.Certificate) (start, end time.Time,
	err error) {
	info, err := c.GetRenewalInfo(context.Background(), cert)
	if err != nil {
		return
	}
	return info.SuggestedWindow.Start, info.SuggestedWindow.End, nil
}

func (c *certManager) rollover() error {
	return c.AccountKeyRollover(context.Background(), newKey())
}

func (c *certManager) revoke(cert *x509.Certificate, reason int) error {
	return c.RevokeCert(context.Background(), nil, cert.Raw,
		acme.CRLReasonCode(reason))
}

func (c *certManager) deactivate() error {
	return c.DeactivateReg(context.Background())
}
