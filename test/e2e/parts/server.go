package parts

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Server is a running process whose output goes to a file.
type Server struct {
	// Name is that of the program.
	Name string
	// Log is the path of the file with its output.
	Log string

	process *os.Process
	ended   chan struct{}
	err     error // why it ended, once ended is closed
}

// StartServer starts a program that runs until the test ends. Its output goes to
// dir/name.log, which is kept if the test fails: see KeepLogs.
func StartServer(t testing.TB, dir, name string, cmd *exec.Cmd) *Server {
	t.Helper()
	server, err := startServer(dir, name, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func startServer(dir, name string, cmd *exec.Cmd) (*Server, error) {
	s := &Server{Name: name, Log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	endWithParent(cmd)
	started := make(chan error)
	go func() {
		// The kernel takes the end of the thread that started it for the parent's.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		s.process = cmd.Process
		started <- err
		if err == nil {
			s.err = cmd.Wait()
		}
		_ = log.Close()
		close(s.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return s, nil
}

// Stop ends the process and waits for it. A second call does nothing.
func (s *Server) Stop() {
	_ = s.process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		_ = s.process.Kill()
		<-s.ended
	}
}

// ready waits until the condition is nil, or the process has ended, or time is up.
func (s *Server) ready(within time.Duration, condition func() error) error {
	deadline := time.After(within)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended: %w; its log is %s\n%s", s.Name, s.err, s.Log, tail(s.Log))
		case <-deadline:
			return fmt.Errorf("%s is not ready after %s: %w; its log is %s\n%s", s.Name, within, err, s.Log, tail(s.Log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tail is the end of a file.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// KeepLogs copies the logs of dir to test/e2e/logs/ when the test has failed, and
// says where they are.
func KeepLogs(t testing.TB, dir string) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		t.Log(keptLogs(keepLogs(dir, t.Name())))
	})
}

func keptLogs(dir string, err error) string {
	if err != nil {
		return fmt.Sprintf("the servers' logs are lost: %v", err)
	}
	return "the servers' logs are in " + dir
}

func keepLogs(dir, name string) (string, error) {
	to := filepath.Join(moduleDir(), "logs", filepath.FromSlash(name))
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(log)), text, 0o600); err != nil {
			return "", err
		}
	}
	return to, nil
}

// FreePort is a TCP port of 127.0.0.1 that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

// freePorts are distinct: they are let go of only when all are found.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
