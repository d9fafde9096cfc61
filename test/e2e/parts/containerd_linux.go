package parts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Containerd2 returns the path of a containerd 2, of which Debian has none yet. It has a
// module of its own: its dependencies are not those of Kubernetes.
func Containerd2(t testing.TB) string {
	t.Helper()
	return Tool(t, "containerd")
}

// Containerd is a containerd in a network, as a node has it: the kubelet's interface
// is what pulls. It sees a /etc/containerd/certs.d of its own.
type Containerd struct {
	// CertsDir is what it sees as /etc/containerd/certs.d; empty at first.
	CertsDir string

	images  runtimeapi.ImageServiceClient
	network *Network
	socket  string
	server  *Server
}

// private gives containerd a /etc/containerd with nothing but certs.d, and takes the
// machine's /run and /opt, where it writes, out of its sight.
const private = `set -e
mount -t tmpfs none /etc/containerd
mkdir /etc/containerd/certs.d
mount --bind "$1/certs.d" /etc/containerd/certs.d
for written in /run /opt; do mount -t tmpfs none "$written"; done
exec "$2" --config "$1/config.toml"
`

// StartContainerd starts a containerd with this configuration, a config.toml as far as
// it matters, and stops it when the test ends.
func StartContainerd(t testing.TB, n *Network, containerd, configuration string) *Containerd {
	t.Helper()
	dir, err := os.MkdirTemp("", "containerd") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	KeepLogs(t, dir)
	c := &Containerd{CertsDir: filepath.Join(dir, "certs.d"), network: n, socket: filepath.Join(dir, "sock")}
	require.NoError(t, os.Mkdir(c.CertsDir, 0o755))
	text := fmt.Sprintf("root = %q\nstate = %q\n%s\n[grpc]\n  address = %q\n[plugins.'io.containerd.nri.v1.nri']\n  disable = true\n",
		filepath.Join(dir, "root"), filepath.Join(dir, "state"), configuration, c.socket)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600))
	c.server = StartServer(t, dir, "containerd", n.Command(t, Installed(t, "unshare", "util-linux"),
		"--mount", "--", "sh", "-c", private, "sh", dir, containerd))
	conn, err := grpc.NewClient("unix://"+c.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c.images = runtimeapi.NewImageServiceClient(conn)
	require.NoError(t, c.server.ready(60*time.Second, func() error {
		_, err := c.images.ListImages(context.Background(), &runtimeapi.ListImagesRequest{})
		return err
	}))
	return c
}

// Pull asks for an image as a kubelet does.
func (c *Containerd) Pull(image string) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	_, err := c.images.PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: image}})
	return err
}

// Run runs a container of an image that was pulled, without a network and with a
// read-only root, and returns what it writes to stdout. Without args it runs what the
// image says.
func (c *Containerd) Run(t testing.TB, image, stdin string, args ...string) (string, error) {
	t.Helper()
	// containerd has a /run of its own, in which the container's pipes are.
	seenBy := fmt.Sprintf("--mount=/proc/%d/ns/mnt", c.server.process.Pid)
	command := append([]string{seenBy, "--", Installed(t, "ctr", "containerd"), "--address", c.socket, "--namespace", "k8s.io",
		"run", "--rm", "--read-only", image, "run"}, args...)
	cmd := c.network.Command(t, Installed(t, "nsenter", "util-linux"), command...)
	cmd.Stdin = strings.NewReader(stdin)
	return output(cmd)
}
