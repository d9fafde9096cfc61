// Command standin plays the containers that the tests' node runs, because the real
// images cannot be had. It is the only program of their image:
//
//	standin                 the registry: TLS with the certificate that its pod mounts,
//	                        plain HTTP where there is none
//	standin pause           the container that keeps a pod's namespaces
//	/bin/sh SCRIPT          what the trust distribution's script does: the CA goes to
//	                        the node's containerd configuration
//
// STANDIN_ADDRESS is where the registry listens, HOST:PORT: its pod has the network of
// the machine that the tests run on. The other variables are the real registry's.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch {
	case filepath.Base(args[0]) == "sh":
		return distribute(ctx)
	case len(args) > 1 && args[1] == "pause":
		<-ctx.Done()
		return nil
	default:
		return serve(ctx)
	}
}

// distribute copies the CA once; the tests look for the file.
func distribute(ctx context.Context) error {
	ca, err := os.ReadFile("/ca/ca.crt")
	if err != nil {
		return err
	}
	dir := filepath.Join("/etc/containerd/certs.d", os.Getenv("REGISTRY_HOST"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o644); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// serve reads the certificate once, at the start: a registry with a new one is a
// new pod.
func serve(ctx context.Context) error {
	certificate, err := servingCertificate()
	if err != nil {
		return err
	}
	server := &http.Server{Addr: os.Getenv("STANDIN_ADDRESS"), Handler: handler()}
	// An answer in flight is not worth waiting for.
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if certificate == nil {
		err = server.ListenAndServe()
	} else {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*certificate}}
		err = server.ListenAndServeTLS("", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// servingCertificate is what is mounted; nil where the pod neither names a folder
// nor mounts the default one.
func servingCertificate() (*tls.Certificate, error) {
	dir, named := os.LookupEnv("ACR_REGISTRY_CERTIFICATE_VOLUME")
	if !named {
		dir = "/var/acr/certs"
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if !named && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &pair, err
}

// handler answers the probes, /v2/, and /writing?directory=…&directory=… with why no
// file can be made in each of the directories, or "" where one can.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v2/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	})
	mux.HandleFunc("GET /writing", func(w http.ResponseWriter, r *http.Request) {
		answer := map[string]string{}
		for _, dir := range r.URL.Query()["directory"] {
			answer[dir] = tryToWrite(dir)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
	return mux
}

func tryToWrite(dir string) string {
	file, err := os.CreateTemp(dir, "standin")
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			return cause.Err.Error()
		}
		return err.Error()
	}
	_ = file.Close()
	if err := os.Remove(file.Name()); err != nil {
		return err.Error()
	}
	return ""
}
