// SPDX-License-Identifier: Apache-2.0
// Command interop does with one Go ACME library what its users do, and prints a line of JSON for each step:
//
//	interop -library lego|acmez|xcrypto -directory URL -root FILE -http PORT [-kid KID -mac KEY] [-profile NAME] NAME...
//
// register, issue for the names, renewal information, renew (with "replaces" where the library knows it), issue for
// 127.0.0.1, issue by profile, change the account's key and issue once more, revoke the first certificate.
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// errNotSupported is what a library answers for a step that it does not have.
var errNotSupported = errors.New("the library has no such thing")

// A library, with one account. Certificates are chains, leaf first.
type library interface {
	register(ctx context.Context, kid, mac string) error
	issue(ctx context.Context, order order) ([]*x509.Certificate, error)
	renewFrom(ctx context.Context, leaf *x509.Certificate) (time.Time, error)
	changeKey(ctx context.Context, to crypto.Signer) error
	revoke(ctx context.Context, leaf *x509.Certificate) error
}

type order struct {
	names    []string
	profile  string
	replaces *x509.Certificate
}

type settings struct {
	directory string
	client    *http.Client
	key       crypto.Signer
	answers   *answers
	address   string // where http-01 is answered
}

// answers of http-01, by path.
type answers struct{ paths sync.Map }

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := a.paths.Load(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	fmt.Fprint(w, body)
}

func newKey() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

func report(step string, members map[string]any) {
	line, err := json.Marshal(map[string]any{"step": step, "result": members})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func reportCertificate(step string, chain []*x509.Certificate) {
	leaf := chain[0]
	names := append([]string{}, leaf.DNSNames...)
	for _, address := range leaf.IPAddresses {
		names = append(names, address.String())
	}
	report(step, map[string]any{"serial": leaf.SerialNumber.Text(16), "names": names, "chain": len(chain),
		"lifetime": int(leaf.NotAfter.Sub(leaf.NotBefore).Seconds())})
}

func run(ctx context.Context, library library, kid, mac, profile string, names []string) error {
	if err := library.register(ctx, kid, mac); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	report("register", nil)
	issue := func(step string, order order) ([]*x509.Certificate, error) {
		chain, err := library.issue(ctx, order)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
		reportCertificate(step, chain)
		return chain, nil
	}
	first, err := issue("issue", order{names: names})
	if err != nil {
		return err
	}
	from, err := library.renewFrom(ctx, first[0])
	if err == nil {
		report("renewal information", map[string]any{"inside": from.After(first[0].NotBefore) && from.Before(first[0].NotAfter)})
	} else if !errors.Is(err, errNotSupported) {
		return fmt.Errorf("renewal information: %w", err)
	}
	if _, err = issue("renew", order{names: names, replaces: first[0]}); err != nil {
		return err
	}
	if _, err = issue("address", order{names: []string{"127.0.0.1"}}); err != nil {
		return err
	}
	if profile != "" {
		if _, err = issue("profile", order{names: names, profile: profile}); err != nil {
			return err
		}
	}
	if err := library.changeKey(ctx, newKey()); err == nil {
		if _, err = issue("key change", order{names: names}); err != nil {
			return err
		}
	} else if !errors.Is(err, errNotSupported) {
		return fmt.Errorf("key change: %w", err)
	}
	if err := library.revoke(ctx, first[0]); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	report("revoke", nil)
	return nil
}

func main() {
	name := flag.String("library", "", "lego, acmez or xcrypto")
	directory := flag.String("directory", "", "the server's directory")
	root := flag.String("root", "", "PEM file with the root that it chains to")
	port := flag.Int("http", 0, "where http-01 is answered, on 127.0.0.1")
	kid := flag.String("kid", "", "external account key")
	mac := flag.String("mac", "", "its MAC key, base64url")
	profile := flag.String("profile", "", "issue by this profile as well")
	flag.Parse()

	pem, err := os.ReadFile(*root)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	set := settings{
		directory: *directory,
		client:    &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		key:       newKey(),
		answers:   &answers{},
		address:   fmt.Sprintf("127.0.0.1:%d", *port),
	}
	listener, err := net.Listen("tcp", set.address)
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = http.Serve(listener, set.answers) }()

	libraries := map[string]func(settings) library{"lego": newLego, "acmez": newAcmez, "xcrypto": newXCrypto}
	make, ok := libraries[*name]
	if !ok {
		log.Fatalf("no library %q", *name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, make(set), *kid, *mac, *profile, flag.Args()); err != nil {
		log.Fatal(err)
	}
}
