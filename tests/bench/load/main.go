// SPDX-License-Identifier: Apache-2.0
// A load generator: a bounded number of issuances by a bounded number of clients against an ACME server on loopback, or
// against step-ca's bare /sign. Prints one line of JSON.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Answers http-01 for every client.
type responder struct {
	answers sync.Map
}

func (r *responder) put(token, answer string) { r.answers.Store(token, answer) }
func (r *responder) remove(token string)      { r.answers.Delete(token) }

func (r *responder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	token := strings.TrimPrefix(request.URL.Path, "/.well-known/acme-challenge/")
	if answer, known := r.answers.Load(token); known {
		fmt.Fprint(w, answer)
		return
	}
	http.NotFound(w, request)
}

type issuer interface{ issue() error }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// One keep-alive connection a client.
func transport(rootPath string) http.RoundTripper {
	text, err := os.ReadFile(rootPath)
	if err != nil {
		fail(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		fail(fmt.Errorf("%s holds no certificate", rootPath))
	}
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1,
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
}

// Runs `count` issuances over all clients; how long each took.
func run(issuers []issuer, count int64) ([]time.Duration, int64) {
	var left, failures = count, int64(0)
	var wait sync.WaitGroup
	taken := make([][]time.Duration, len(issuers))
	for i := range issuers {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			for atomic.AddInt64(&left, -1) >= 0 {
				begin := time.Now()
				if err := issuers[i].issue(); err != nil {
					if atomic.AddInt64(&failures, 1) == 1 {
						fmt.Fprintln(os.Stderr, "load: first failure:", err)
					}
					continue
				}
				taken[i] = append(taken[i], time.Since(begin))
			}
		}(i)
	}
	wait.Wait()
	var all []time.Duration
	for _, some := range taken {
		all = append(all, some...)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	return all, failures
}

func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[(len(sorted)-1)*p/100].Microseconds()) / 1000
}

// Whoever measures takes the processes' time now, then answers with a line.
func tell(word string) {
	fmt.Println(word)
	var line string
	fmt.Scanln(&line)
}

// Every client collects what it has ordered; all at once.
func collect(issuers []issuer) ([]time.Duration, int64) {
	var all []time.Duration
	var failures int64
	var lock sync.Mutex
	var wait sync.WaitGroup
	for _, one := range issuers {
		wait.Add(1)
		go func(c collector) {
			defer wait.Done()
			taken, failed := run([]issuer{c}, int64(len(c.ordered)))
			lock.Lock()
			defer lock.Unlock()
			all, failures = append(all, taken...), failures+failed
		}(collector{one.(*patientClient)})
	}
	wait.Wait()
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	return all, failures
}

func main() {
	directory := flag.String("directory", "", "ACME directory")
	sign := flag.String("sign", "", "step-ca's URL, for bare /sign")
	provisioner := flag.String("provisioner", "", "for -sign: name")
	keyID := flag.String("kid", "", "for -sign: kid")
	keyPath := flag.String("key-path", "", "for -sign: private key, PKCS#8 PEM")
	root := flag.String("root", "", "root certificate")
	clients := flag.Int("clients", 1, "clients at once")
	count := flag.Int64("count", 100, "issuances")
	kind := flag.String("account-key", "p256", "p256 or rsa")
	httpPort := flag.Int("http-port", 5002, "where http-01 is answered")
	name := flag.String("name", "localhost", "what is ordered")
	patient := flag.Bool("patient", false, "order first, and collect when told to by another line")
	flag.Parse()

	answers := &responder{}
	if *directory != "" {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *httpPort))
		if err != nil {
			fail(err)
		}
		go http.Serve(listener, answers)
	}
	issuers := make([]issuer, *clients)
	for i := range issuers {
		var err error
		if *directory != "" {
			issuers[i], err = newClient(transport(*root), *directory, *kind, *name, answers)
			if c, is := issuers[i].(*client); is && *patient {
				issuers[i] = &patientClient{client: c}
			}
		} else {
			issuers[i], err = newSigner(transport(*root), *sign, *provisioner, *keyID, *keyPath, *name)
		}
		if err != nil {
			fail(err)
		}
	}
	// The connections are made and the caches warm before the clock runs.
	run(issuers, int64(*clients))
	tell("ready")
	begin := time.Now()
	taken, failures := run(issuers, *count)
	if *patient {
		tell("ordered")
		begin = time.Now()
		var lost int64
		taken, lost = collect(issuers)
		failures += lost
	}
	seconds := time.Since(begin).Seconds()
	polls := 0
	for _, one := range issuers {
		switch c := one.(type) {
		case *client:
			polls += c.polls
		case *patientClient:
			polls += c.polls
		}
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"issued": len(taken), "failures": failures, "seconds": seconds, "per_second": float64(len(taken)) / seconds,
		"p50_ms": percentile(taken, 50), "p99_ms": percentile(taken, 99), "polls": polls,
	})
}
