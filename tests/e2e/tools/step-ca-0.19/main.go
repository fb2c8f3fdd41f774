// SPDX-License-Identifier: Apache-2.0
// Command step-ca runs the oldest step-ca that acmegate supports, out of the library that Debian 12 packages:
// step-ca CONFIG PASSWORD-FILE.
package main

import (
	"bytes"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: step-ca CONFIG PASSWORD-FILE")
	}
	authority.GlobalVersion.Version = "0.19.0"
	password, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	configuration, err := config.LoadConfiguration(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server, err := ca.New(configuration, ca.WithConfigFile(os.Args[1]), ca.WithPassword(bytes.TrimSpace(password)))
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-stop
		if err := server.Stop(); err != nil {
			log.Print(err)
		}
	}()
	if err := server.Run(); err != nil {
		log.Print(err)
	}
}
