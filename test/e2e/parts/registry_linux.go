package parts

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// RegistryConfig says how a registry serves.
type RegistryConfig struct {
	// Address is the host:port that it listens on.
	Address string
	// Certificates is the directory that has its tls.crt and tls.key; empty for plain
	// HTTP.
	Certificates string
}

// StartRegistry runs the CNCF's distribution registry in a network, without
// authentication, until the test ends.
func StartRegistry(t testing.TB, n *Network, config RegistryConfig) {
	t.Helper()
	dir := t.TempDir()
	KeepLogs(t, dir)
	text := fmt.Sprintf("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %q\n", filepath.Join(dir, "data"), config.Address)
	if config.Certificates != "" {
		text += fmt.Sprintf("  tls:\n    certificate: %[1]s/tls.crt\n    key: %[1]s/tls.key\n", config.Certificates)
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := StartServer(t, dir, "registry", n.Command(t, Tool(t, "registry"), "serve", file))
	err := server.ready(30*time.Second, func() error {
		conn, err := n.Dial(config.Address)
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Client is crane, the client of go-containerregistry, in a network.
type Client struct {
	Network *Network
	// CA is the path of the file with the CAs that it trusts, and no others. Empty: none.
	CA string
}

// Run calls crane and returns what it writes to stdout; its stderr is in the error.
func (c Client) Run(t testing.TB, args ...string) (string, error) {
	t.Helper()
	home := t.TempDir()
	ca := c.CA
	if ca == "" {
		ca = os.DevNull
	}
	cmd := c.Network.Command(t, Tool(t, "crane"), args...)
	cmd.Env = []string{"HOME=" + home, "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=" + home}
	return output(cmd)
}

// Push makes an image of one file and pushes it.
func (c Client) Push(t testing.TB, reference string, flags ...string) {
	t.Helper()
	layer := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(layer, layerOf(t, "hello", "from "+reference), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"append", "--oci-empty-base", "--new_layer", layer, "--new_tag", reference},
		{"mutate", "--set-platform", "linux/" + runtime.GOARCH, "--tag", reference, reference},
	} {
		if _, err := c.Run(t, append(args, flags...)...); err != nil {
			t.Fatal(err)
		}
	}
}

func layerOf(t testing.TB, name, text string) []byte {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return layer.Bytes()
}
