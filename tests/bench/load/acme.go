// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// A client of an ACME server as a well-behaved one is (RFC 8555): one account, one keep-alive connection, the nonce of
// each reply used for the next request, polling only where the reply is not final yet.
type client struct {
	http      *http.Client
	directory struct {
		NewNonce   string `json:"newNonce"`
		NewAccount string `json:"newAccount"`
		NewOrder   string `json:"newOrder"`
	}
	key        crypto.Signer
	jwk        string
	thumbprint string
	account    string
	nonce      string
	csr        string
	responder  *responder
	name       string
	polls      int
}

const (
	firstPoll   = 2 * time.Millisecond
	longestPoll = 50 * time.Millisecond
	longestWait = 10 * time.Minute
)

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func newAccountKey(kind string) (crypto.Signer, string, error) {
	if kind == "rsa" {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, "", err
		}
		exponent := big.NewInt(int64(key.E)).Bytes()
		return key, fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, b64(exponent), b64(key.N.Bytes())), nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	x, y := make([]byte, 32), make([]byte, 32)
	key.X.FillBytes(x)
	key.Y.FillBytes(y)
	return key, fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, b64(x), b64(y)), nil
}

func newCSR(name string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{name}}, key)
	return b64(der), err
}

func newClient(transport http.RoundTripper, directory, kind, name string, responder *responder) (*client, error) {
	c := &client{http: &http.Client{Transport: transport, Timeout: longestWait}, responder: responder, name: name}
	var err error
	if c.key, c.jwk, err = newAccountKey(kind); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(c.jwk))
	c.thumbprint = b64(sum[:])
	if c.csr, err = newCSR(name); err != nil {
		return nil, err
	}
	reply, err := c.http.Get(directory)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if err = json.NewDecoder(reply.Body).Decode(&c.directory); err != nil {
		return nil, err
	}
	registered, _, err := c.post(c.directory.NewAccount, map[string]any{"termsOfServiceAgreed": true})
	if err != nil {
		return nil, err
	}
	c.account = registered.Get("Location")
	return c, nil
}

func (c *client) sign(input string) (string, error) {
	digest := sha256.Sum256([]byte(input))
	switch key := c.key.(type) {
	case *rsa.PrivateKey:
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		return b64(signature), err
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return "", err
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return b64(signature), nil
	}
	return "", fmt.Errorf("no such key")
}

func (c *client) freshNonce() error {
	if c.nonce != "" {
		return nil
	}
	reply, err := c.http.Head(c.directory.NewNonce)
	if err != nil {
		return err
	}
	reply.Body.Close()
	c.nonce = reply.Header.Get("Replay-Nonce")
	return nil
}

// payload nil is a POST-as-GET.
func (c *client) post(url string, payload any) (http.Header, []byte, error) {
	if err := c.freshNonce(); err != nil {
		return nil, nil, err
	}
	algorithm, signer := "ES256", fmt.Sprintf(`"jwk":%s`, c.jwk)
	if _, isRSA := c.key.(*rsa.PrivateKey); isRSA {
		algorithm = "RS256"
	}
	if c.account != "" {
		signer = fmt.Sprintf(`"kid":%q`, c.account)
	}
	text := []byte{}
	if payload != nil {
		text, _ = json.Marshal(payload)
	}
	header := b64([]byte(fmt.Sprintf(`{"alg":"%s","nonce":"%s","url":"%s",%s}`, algorithm, c.nonce, url, signer)))
	signature, err := c.sign(header + "." + b64(text))
	if err != nil {
		return nil, nil, err
	}
	body := fmt.Sprintf(`{"protected":"%s","payload":"%s","signature":"%s"}`, header, b64(text), signature)
	c.nonce = ""
	reply, err := c.http.Post(url, "application/jose+json", strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	defer reply.Body.Close()
	c.nonce = reply.Header.Get("Replay-Nonce")
	got, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode >= 300 {
		err = fmt.Errorf("%s: %d: %s", url, reply.StatusCode, got)
	}
	return reply.Header, got, err
}

type object struct {
	Status         string   `json:"status"`
	Authorizations []string `json:"authorizations"`
	Finalize       string   `json:"finalize"`
	Certificate    string   `json:"certificate"`
	Challenges     []struct {
		Type   string `json:"type"`
		URL    string `json:"url"`
		Token  string `json:"token"`
		Status string `json:"status"`
	} `json:"challenges"`
	Error json.RawMessage `json:"error"`
}

func (c *client) object(url string, payload any) (http.Header, object, error) {
	var got object
	header, body, err := c.post(url, payload)
	if err == nil {
		err = json.Unmarshal(body, &got)
	}
	return header, got, err
}

// Asks until the status is `wanted`; the first time without asking, with what is known already.
func (c *client) await(url string, known object, wanted string) (object, error) {
	wait, deadline := firstPoll, time.Now().Add(longestWait)
	for known.Status != wanted {
		if known.Status == "invalid" || time.Now().After(deadline) {
			return known, fmt.Errorf("%s is %s: %s", url, known.Status, known.Error)
		}
		time.Sleep(wait)
		if wait *= 2; wait > longestPoll {
			wait = longestPoll
		}
		c.polls++
		var err error
		if _, known, err = c.object(url, nil); err != nil {
			return known, err
		}
	}
	return known, nil
}

func (c *client) authorize(url string) error {
	_, authorization, err := c.object(url, nil)
	if err != nil || authorization.Status == "valid" {
		return err
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type != "http-01" {
			continue
		}
		c.responder.put(challenge.Token, challenge.Token+"."+c.thumbprint)
		defer c.responder.remove(challenge.Token)
		_, answered, err := c.object(challenge.URL, struct{}{})
		if err != nil {
			return err
		}
		if answered.Status == "valid" {
			return nil
		}
		_, err = c.await(url, object{}, "valid")
		return err
	}
	return fmt.Errorf("no http-01 challenge")
}

// The first half of an issuance: order, authorization, http-01, finalize. Where the order is, and as it was answered.
func (c *client) order() (string, object, error) {
	identifiers := []map[string]string{{"type": "dns", "value": c.name}}
	header, order, err := c.object(c.directory.NewOrder, map[string]any{"identifiers": identifiers})
	if err != nil {
		return "", order, err
	}
	for _, authorization := range order.Authorizations {
		if err = c.authorize(authorization); err != nil {
			return "", order, err
		}
	}
	_, finalized, err := c.object(order.Finalize, map[string]any{"csr": c.csr})
	return header.Get("Location"), finalized, err
}

// The second half: until the order is valid, then the download.
func (c *client) collect(location string, finalized object) error {
	finalized, err := c.await(location, finalized, "valid")
	if err != nil {
		return err
	}
	_, chain, err := c.post(finalized.Certificate, nil)
	if err == nil && !bytes.HasPrefix(bytes.TrimSpace(chain), []byte("-----BEGIN CERTIFICATE")) {
		err = fmt.Errorf("no certificate: %s", chain)
	}
	if err == nil {
		if block, _ := pem.Decode(chain); block == nil {
			err = fmt.Errorf("no PEM")
		}
	}
	return err
}

func (c *client) issue() error {
	location, finalized, err := c.order()
	if err == nil {
		err = c.collect(location, finalized)
	}
	return err
}

// A client that orders now and collects later: for a CA that is down meanwhile.
type patientClient struct {
	*client
	ordered []string
}

func (p *patientClient) issue() error {
	location, _, err := p.order()
	if err == nil {
		p.ordered = append(p.ordered, location)
	}
	return err
}

// Collects one of those ordered.
type collector struct{ *patientClient }

func (c collector) issue() error {
	location := c.ordered[0]
	c.ordered = c.ordered[1:]
	return c.collect(location, object{})
}
