// Copyright (C) the nginx-acme-ca authors

package main

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// the library of Caddy
type acmezClient struct {
	acmez.Client
	*server
	account acme.Account
}

func newAcmez(at place) (client, error) {
	s, err := newServer(at)
	return &acmezClient{server: s, Client: acmez.Client{
		Client: &acme.Client{Directory: at.directory,
			PollInterval: 100 * time.Millisecond}}}, err
}

func (c *acmezClient) register(kid, hmacKey string) error {
	ctx := context.Background()
	account := acme.Account{TermsOfServiceAgreed: true,
		PrivateKey: newKey()}
	err := account.SetExternalAccountBinding(ctx, c.Client.Client,
		acme.EAB{KeyID: kid, MACKey: hmacKey})
	if err != nil {
		return err
	}
	c.account, err = c.NewAccount(ctx, account)
	return err
}

// Present and CleanUp make a solver of it.
func (c *acmezClient) Present(_ context.Context, chal acme.Challenge) error {
	if chal.Type == byHTTP {
		c.serve(chal.HTTP01ResourcePath(), chal.KeyAuthorization)
		return nil
	}
	cert, err := acmez.TLSALPN01ChallengeCert(chal)
	c.present(chal.Identifier.Value, cert)
	return err
}

func (c *acmezClient) CleanUp(context.Context, acme.Challenge) error {
	return nil
}

func (c *acmezClient) obtain(o order) ([]byte, error) {
	c.ChallengeSolvers = map[string]acmez.Solver{o.challenge: c}

	csr, err := acmez.NewCSR(newKey(), o.names)
	if err != nil {
		return nil, err
	}
	parameters, err := acmez.OrderParametersFromCSR(c.account, csr)
	if err != nil {
		return nil, err
	}
	parameters.Profile = o.profile
	parameters.Replaces = o.replaces

	chains, err := c.ObtainCertificate(context.Background(), parameters)
	if err != nil {
		return nil, err
	}
	return chains[0].ChainPEM, nil
}

func (c *acmezClient) window(cert *x509.Certificate) (start, end time.Time,
	err error) {
	info, err := c.GetRenewalInfo(context.Background(), cert)
	return info.SuggestedWindow.Start, info.SuggestedWindow.End, err
}

func (c *acmezClient) rollover() (err error) {
	c.account, err = c.AccountKeyRollover(context.Background(), c.account,
		newKey())
	return err
}

func (c *acmezClient) revoke(cert *x509.Certificate, reason int) error {
	return c.RevokeCertificate(context.Background(), c.account, cert,
		c.account.PrivateKey, reason)
}

func (c *acmezClient) deactivate() (err error) {
	account := c.account
	account.Status = acme.StatusDeactivated
	_, err = c.UpdateAccount(context.Background(), account)
	return err
}
