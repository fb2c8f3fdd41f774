// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net"
	"time"

	"golang.org/x/crypto/acme"
)

// What autocert and many a Go program use.
type xcryptoLibrary struct {
	client  *acme.Client
	answers *answers
}

func newXCrypto(set settings) library {
	return &xcryptoLibrary{&acme.Client{Key: set.key, HTTPClient: set.client, DirectoryURL: set.directory}, set.answers}
}

func (l *xcryptoLibrary) register(ctx context.Context, kid, mac string) error {
	account := &acme.Account{Contact: []string{"mailto:ops@e2e.internal"}}
	if kid != "" {
		key, err := base64.RawURLEncoding.DecodeString(mac)
		if err != nil {
			return err
		}
		account.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: kid, Key: key}
	}
	_, err := l.client.Register(ctx, account, acme.AcceptTOS)
	return err
}

func (l *xcryptoLibrary) prove(ctx context.Context, url string) error {
	authorization, err := l.client.GetAuthorization(ctx, url)
	if err != nil || authorization.Status == acme.StatusValid {
		return err
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type != "http-01" {
			continue
		}
		body, err := l.client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return err
		}
		l.answers.paths.Store(l.client.HTTP01ChallengePath(challenge.Token), body)
		if _, err = l.client.Accept(ctx, challenge); err != nil {
			return err
		}
		_, err = l.client.WaitAuthorization(ctx, url)
		return err
	}
	return errors.New("no http-01 is offered")
}

func (l *xcryptoLibrary) issue(ctx context.Context, order order) ([]*x509.Certificate, error) {
	request, ids := &x509.CertificateRequest{}, []acme.AuthzID{}
	for _, name := range order.names {
		if address := net.ParseIP(name); address != nil {
			request.IPAddresses = append(request.IPAddresses, address)
			ids = append(ids, acme.IPIDs(name)...)
		} else {
			request.DNSNames = append(request.DNSNames, name)
			ids = append(ids, acme.DomainIDs(name)...)
		}
	}
	options := []acme.OrderOption{}
	if order.profile != "" {
		options = append(options, acme.WithOrderIssuanceProfile(acme.ProfileName(order.profile)))
	}
	made, err := l.client.AuthorizeOrder(ctx, ids, options...)
	if err != nil {
		return nil, err
	}
	for _, url := range made.AuthzURLs {
		if err := l.prove(ctx, url); err != nil {
			return nil, err
		}
	}
	if made, err = l.client.WaitOrder(ctx, made.URI); err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, request, newKey())
	if err != nil {
		return nil, err
	}
	chain, _, err := l.client.CreateOrderCert(ctx, made.FinalizeURL, csr, true)
	if err != nil {
		return nil, err
	}
	var der []byte
	for _, one := range chain {
		der = append(der, one...)
	}
	return x509.ParseCertificates(der)
}

func (l *xcryptoLibrary) renewFrom(context.Context, *x509.Certificate) (time.Time, error) {
	return time.Time{}, errNotSupported
}

func (l *xcryptoLibrary) changeKey(ctx context.Context, to crypto.Signer) error {
	return l.client.AccountKeyRollover(ctx, to)
}

func (l *xcryptoLibrary) revoke(ctx context.Context, leaf *x509.Certificate) error {
	return l.client.RevokeCert(ctx, nil, leaf.Raw, acme.CRLReasonSuperseded)
}
