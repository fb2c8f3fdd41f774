// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"

	"github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/acme/api"
	"github.com/go-acme/lego/v5/certcrypto"
	"github.com/go-acme/lego/v5/certificate"
	"github.com/go-acme/lego/v5/challenge/http01"
	"github.com/go-acme/lego/v5/lego"
	"github.com/go-acme/lego/v5/registration"
)

// What the lego program and Traefik are made of. It is its own user.
type legoLibrary struct {
	set     settings
	key     crypto.Signer
	account *acme.ExtendedAccount
	client  *lego.Client
}

func (l *legoLibrary) GetEmail() string                       { return "ops@e2e.internal" }
func (l *legoLibrary) GetRegistration() *acme.ExtendedAccount { return l.account }
func (l *legoLibrary) GetPrivateKey() crypto.Signer           { return l.key }

func newLego(set settings) library { return &legoLibrary{set: set, key: set.key} }

func (l *legoLibrary) connect() error {
	config := lego.NewConfig(l)
	config.CADirURL, config.HTTPClient = l.set.directory, l.set.client
	client, err := lego.NewClient(config)
	if err != nil {
		return err
	}
	l.client = client
	return client.Challenge.SetHTTP01Provider(legoProvider{l.set.answers})
}

type legoProvider struct{ answers *answers }

func (p legoProvider) Present(_ context.Context, _, token, keyAuthorization string) error {
	p.answers.paths.Store(http01.ChallengePath(token), keyAuthorization)
	return nil
}

func (p legoProvider) CleanUp(context.Context, string, string, string) error { return nil }

func (l *legoLibrary) register(ctx context.Context, kid, mac string) (err error) {
	if err = l.connect(); err != nil {
		return err
	}
	if kid == "" {
		l.account, err = l.client.Registration.Register(ctx, registration.RegisterOptions{TermsOfServiceAgreed: true})
	} else {
		l.account, err = l.client.Registration.RegisterWithExternalAccountBinding(ctx,
			registration.RegisterEABOptions{TermsOfServiceAgreed: true, Kid: kid, HmacEncoded: mac})
	}
	if err != nil {
		return err
	}
	return l.connect()
}

func (l *legoLibrary) issue(ctx context.Context, order order) ([]*x509.Certificate, error) {
	request := certificate.ObtainRequest{Domains: order.names, KeyType: certcrypto.EC256, Bundle: true, Profile: order.profile}
	if order.replaces != nil {
		id, err := api.MakeARICertID(order.replaces)
		if err != nil {
			return nil, err
		}
		request.ReplacesCertID = id
	}
	resource, err := l.client.Certificate.Obtain(ctx, request)
	if err != nil {
		return nil, err
	}
	return readPEM(resource.Certificate)
}

func (l *legoLibrary) renewFrom(ctx context.Context, leaf *x509.Certificate) (time.Time, error) {
	information, err := l.client.Certificate.GetRenewalInfo(ctx, leaf)
	if err != nil {
		return time.Time{}, err
	}
	return information.SuggestedWindow.Start, nil
}

func (l *legoLibrary) changeKey(ctx context.Context, to crypto.Signer) error {
	if err := l.client.Registration.KeyRollover(ctx, to); err != nil {
		return err
	}
	l.key = to
	return l.connect()
}

func (l *legoLibrary) revoke(ctx context.Context, leaf *x509.Certificate) error {
	reason := uint(acme.CRLReasonSuperseded)
	return l.client.Certificate.RevokeWithReason(ctx, certcrypto.PEMEncode(certcrypto.DERCertificateBytes(leaf.Raw)), &reason)
}
