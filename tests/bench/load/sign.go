// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Bare /sign with a one-time token: what the CA alone can do.
type signer struct {
	http        *http.Client
	url         string
	provisioner string
	keyID       string
	key         *ecdsa.PrivateKey
	name        string
	csr         string
}

func newSigner(transport http.RoundTripper, url, provisioner, keyID, keyPath, name string) (*signer, error) {
	text, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", keyPath)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	csr, err := newCSR(name)
	if err != nil {
		return nil, err
	}
	der, err := base64.RawURLEncoding.DecodeString(csr)
	if err != nil {
		return nil, err
	}
	return &signer{
		http: &http.Client{Transport: transport, Timeout: longestWait}, url: url, provisioner: provisioner, keyID: keyID,
		key: parsed.(*ecdsa.PrivateKey), name: name,
		csr: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})),
	}, nil
}

func (s *signer) token() (string, error) {
	id := make([]byte, 32)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	now := time.Now().Unix()
	claims, _ := json.Marshal(map[string]any{
		"iss": s.provisioner, "sub": s.name, "aud": s.url + "/1.0/sign", "sans": []string{s.name}, "iat": now, "nbf": now,
		"exp": now + 300, "jti": hex.EncodeToString(id),
	})
	input := b64([]byte(fmt.Sprintf(`{"alg":"ES256","kid":"%s","typ":"JWT"}`, s.keyID))) + "." + b64(claims)
	digest := sha256.Sum256([]byte(input))
	r, t, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return input + "." + b64(signature), nil
}

func (s *signer) issue() error {
	token, err := s.token()
	if err != nil {
		return err
	}
	body, _ := json.Marshal(map[string]string{"csr": s.csr, "ott": token})
	reply, err := s.http.Post(s.url+"/1.0/sign", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	got, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusCreated {
		err = fmt.Errorf("sign: %d: %s", reply.StatusCode, got)
	}
	return err
}
