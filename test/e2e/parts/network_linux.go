package parts

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Network is a network of a test's own: a namespace of the kernel with a loopback
// interface only. It can have any address and serve any port, such as a Service's, and
// nothing outside of the test reaches it.
type Network struct{ namespace *os.File }

// StartNetwork makes a network that has these addresses, beside loopback's.
func StartNetwork(t testing.TB, addresses ...string) *Network {
	t.Helper()
	n := &Network{}
	if err := n.make(); err != nil {
		t.Fatalf("a network namespace, which takes root: %v", err)
	}
	t.Cleanup(func() { _ = n.namespace.Close() })
	ip := Installed(t, "ip", "iproute2")
	configure := [][]string{{"link", "set", "lo", "up"}}
	for _, address := range addresses {
		bits := "/32"
		if net.ParseIP(address).To4() == nil {
			bits = "/128"
		}
		configure = append(configure, []string{"address", "add", address + bits, "dev", "lo"})
	}
	for _, args := range configure {
		if _, err := output(n.Command(t, ip, args...)); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// make leaves the thread locked, so that it ends with its goroutine and nobody else
// is scheduled on it.
func (n *Network) make() error {
	made := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.namespace, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
	}()
	return <-made
}

// Command runs a program in the network.
func (n *Network) Command(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	namespace := fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), n.namespace.Fd())
	return exec.Command(Installed(t, "nsenter", "util-linux"), append([]string{namespace, "--", path}, args...)...)
}

// inside calls f on a thread of the network. The sockets that it opens stay there.
func (n *Network) inside(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(n.namespace.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// Dial connects to an address of the network.
func (n *Network) Dial(address string) (conn net.Conn, err error) {
	err = n.inside(func() error {
		conn, err = net.Dial("tcp", address)
		return err
	})
	return conn, err
}

// Forward does what kube-proxy does for a Service with one endpoint: connections to
// one address and port go to another, until the test ends.
func (n *Network) Forward(t testing.TB, address string, port int, to string) {
	t.Helper()
	var listener net.Listener
	err := n.inside(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go n.join(client, to)
		}
	}()
}

func (n *Network) join(client net.Conn, to string) {
	defer func() { _ = client.Close() }()
	server, err := n.Dial(to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}
