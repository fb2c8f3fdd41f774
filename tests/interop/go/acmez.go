// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

// acmez is what Caddy is made of.
type acmezLibrary struct {
	client  *acmez.Client
	account acme.Account
}

func newAcmez(set settings) library {
	return &acmezLibrary{
		client: &acmez.Client{
			Client:           &acme.Client{Directory: set.directory, HTTPClient: set.client, PollInterval: 200 * time.Millisecond},
			ChallengeSolvers: map[string]acmez.Solver{acme.ChallengeTypeHTTP01: acmezSolver{set.answers}},
		},
		account: acme.Account{PrivateKey: set.key, TermsOfServiceAgreed: true, Contact: []string{"mailto:ops@e2e.internal"}},
	}
}

type acmezSolver struct{ answers *answers }

func (s acmezSolver) Present(_ context.Context, challenge acme.Challenge) error {
	s.answers.paths.Store(challenge.HTTP01ResourcePath(), challenge.KeyAuthorization)
	return nil
}

func (s acmezSolver) CleanUp(context.Context, acme.Challenge) error { return nil }

func (l *acmezLibrary) register(ctx context.Context, kid, mac string) error {
	if kid != "" {
		if err := l.account.SetExternalAccountBinding(ctx, l.client.Client, acme.EAB{KeyID: kid, MACKey: mac}); err != nil {
			return err
		}
	}
	account, err := l.client.NewAccount(ctx, l.account)
	l.account = account
	return err
}

func (l *acmezLibrary) issue(ctx context.Context, order order) ([]*x509.Certificate, error) {
	csr, err := acmez.NewCSR(newKey(), order.names)
	if err != nil {
		return nil, err
	}
	parameters, err := acmez.OrderParametersFromCSR(l.account, csr)
	if err != nil {
		return nil, err
	}
	parameters.Profile, parameters.Replaces = order.profile, order.replaces
	chains, err := l.client.ObtainCertificate(ctx, parameters)
	if err != nil {
		return nil, err
	}
	return readPEM(chains[0].ChainPEM)
}

func readPEM(text []byte) ([]*x509.Certificate, error) {
	var der []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		der = append(der, block.Bytes...)
	}
	return x509.ParseCertificates(der)
}

func (l *acmezLibrary) renewFrom(ctx context.Context, leaf *x509.Certificate) (time.Time, error) {
	information, err := l.client.GetRenewalInfo(ctx, leaf)
	return information.SuggestedWindow.Start, err
}

func (l *acmezLibrary) changeKey(ctx context.Context, to crypto.Signer) error {
	account, err := l.client.AccountKeyRollover(ctx, l.account, to)
	if err == nil {
		l.account = account
	}
	return err
}

func (l *acmezLibrary) revoke(ctx context.Context, leaf *x509.Certificate) error {
	return l.client.RevokeCertificate(ctx, l.account, leaf, nil, acme.ReasonSuperseded)
}
