// A cluster of a few machines, each a Docker Engine: what of Kubernetes' API a build needs, with its own types, codecs, names,
// errors and streams, and pods that are containers of the real image.
//
//	kubernetes <directory> <host> <arch>=<engine's socket> ...
//
// Prints its URL once it listens. The directory gets a kubeconfig for each user below.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What each user may do, as `verb resource`; the builder's are those that README asks for.
var users = map[string][]string{
	"builder": builder,
	"reader":  {"get deployments", "list pods"},
	"reaper":  append([]string{"list deployments"}, builder...),
	"admin":   append([]string{"list deployments", "list configmaps"}, builder...),
}

var builder = []string{"get deployments", "create deployments", "delete deployments", "create configmaps", "update configmaps", "delete configmaps", "list pods", "create pods/exec"}

func main() {
	dir, host := os.Args[1], os.Args[2]
	var machines []*machine
	for _, arg := range os.Args[3:] {
		arch, socket, _ := strings.Cut(arg, "=")
		machines = append(machines, &machine{arch: arch, engine: "unix://" + socket})
	}
	certificate, authority := certify(host)
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		log.Fatal(err)
	}
	url := "https://" + listener.Addr().String()
	for user := range users {
		config := fmt.Sprintf("{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}], users: [{name: u, user: {token: %s}}]}\n", url, authority, tokenOf(user))
		if err := os.WriteFile(filepath.Join(dir, user), []byte(config), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	cluster := newCluster(machines)
	server := &http.Server{Handler: cluster, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() {
		log.Fatal(server.ServeTLS(listener, "", ""))
	}()
	fmt.Println(url)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
	cluster.end()
}

func tokenOf(user string) string {
	return "token-of-" + user
}

func certify(host string) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cluster"}, IPAddresses: []net.IP{net.ParseIP(host)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, base64Of(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
