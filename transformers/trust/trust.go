// Package trust writes what makes the clients of a connected registry trust it where
// the chart's own DaemonSet is not to: the configuration of nodes' container runtimes,
// and a Bundle of trust-manager's. It is pure text; package plugin writes the files.
package trust

import (
	"net/netip"
	"strings"

	"github.com/connected-registry/scenario/scenario"
)

// Registry is what clients must know of a registry.
type Registry struct {
	// Name is a DNS label, for the names of files and objects: the Helm release's.
	Name string
	// Endpoints are the hosts by which images of the registry are named.
	Endpoints []Endpoint
	// CA is what clients must trust, certificates as PEM; nil for plain HTTP.
	CA []byte
	// Header begins every file: comments, with # and a line end each.
	Header string
}

// Endpoint is one host by which images are named. Container runtimes look their
// configuration up by its very spelling, so that 192.0.2.1 and 192.0.2.1:443 are two.
type Endpoint struct {
	// Host is as in an image's name: 192.0.2.1, [2001:db8::1]:443, registry.example.com.
	Host string
	// URL is where the registry answers for it: https://192.0.2.1.
	URL string
}

// File is a file to write; Path has slashes and is relative.
type File struct{ Path, Text string }

// Endpoints lists the hosts of a registry: its addresses, which it serves at port, and
// its login server (host or host:port, empty for none). The port that the scheme
// implies may be left out of an image's name, and then both spellings are listed.
func Endpoints(addresses []netip.Addr, port, loginServer string, http bool) []Endpoint {
	scheme, implied := "https", "443"
	if http {
		scheme, implied = "http", "80"
	}
	var all []Endpoint
	add := func(host, port string) {
		if port == "" || port == implied {
			all = append(all, Endpoint{host, scheme + "://" + host})
			port = implied
		}
		all = append(all, Endpoint{host + ":" + port, scheme + "://" + host + ":" + port})
	}
	for _, ip := range addresses {
		host := ip.String()
		if ip.Is6() {
			host = "[" + host + "]"
		}
		add(host, port)
	}
	if loginServer != "" {
		add(scenario.SplitLoginServer(strings.ToLower(loginServer)))
	}
	return all
}

// caFile is a CA as a file, named for whoever reads it.
func (r Registry) caFile(path string) File {
	return File{path, r.Header + string(r.CA)}
}
