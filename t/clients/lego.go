// Copyright (C) the nginx-acme-ca authors

package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/go-acme/lego/v4/certificate"
	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/challenge/http01"
	"github.com/go-acme/lego/v4/challenge/tlsalpn01"
	"github.com/go-acme/lego/v4/lego"
	"github.com/go-acme/lego/v4/registration"
)

// lego's library, with its own servers for the challenges
type legoClient struct {
	*lego.Client
	at       place
	key      crypto.PrivateKey
	resource *registration.Resource
}

func (c *legoClient) GetEmail() string                        { return "a@example.com" }
func (c *legoClient) GetRegistration() *registration.Resource { return c.resource }
func (c *legoClient) GetPrivateKey() crypto.PrivateKey        { return c.key }

func newLego(at place) (client, error) {
	c := &legoClient{at: at, key: newKey()}
	config := lego.NewConfig(c)
	config.CADirURL = at.directory

	var err error
	c.Client, err = lego.NewClient(config)
	return c, err
}

func (c *legoClient) register(kid, hmacKey string) (err error) {
	c.resource, err = c.Registration.RegisterWithExternalAccountBinding(
		registration.RegisterEABOptions{TermsOfServiceAgreed: true,
			Kid: kid, HmacEncoded: hmacKey})
	return err
}

func (c *legoClient) obtain(o order) ([]byte, error) {
	c.Challenge.Remove(challenge.HTTP01)
	c.Challenge.Remove(challenge.TLSALPN01)

	var err error
	if o.challenge == byALPN {
		err = c.Challenge.SetTLSALPN01Provider(
			tlsalpn01.NewProviderServer("127.0.0.1", c.at.tlsPort))
	} else {
		err = c.Challenge.SetHTTP01Provider(
			http01.NewProviderServer("127.0.0.1", c.at.httpPort))
	}
	if err != nil {
		return nil, err
	}

	request := certificate.ObtainRequest{Domains: o.names, Bundle: true,
		Profile: o.profile}
	if o.replaces != nil {
		request.ReplacesCertID, err = certificate.MakeARICertID(o.replaces)
		if err != nil {
			return nil, err
		}
	}

	got, err := c.Certificate.Obtain(request)
	if err != nil {
		return nil, err
	}
	return got.Certificate, nil
}

func (c *legoClient) window(cert *x509.Certificate) (start, end time.Time,
	err error) {
	info, err := c.Certificate.GetRenewalInfo(
		certificate.RenewalInfoRequest{Cert: cert})
	if err != nil {
		return
	}
	return info.SuggestedWindow.Start, info.SuggestedWindow.End, nil
}

// not in version 4
func (c *legoClient) rollover() error { return nil }

func (c *legoClient) revoke(cert *x509.Certificate, reason int) error {
	code := uint(reason)
	return c.Certificate.RevokeWithReason(pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: cert.Raw}), &code)
}

func (c *legoClient) deactivate() error {
	return c.Registration.DeleteRegistration()
}
