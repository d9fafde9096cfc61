package parts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pauseImage keeps the namespaces of each of the node's pods.
const pauseImage = "localhost/pause:1"

// Node is a kubelet with containerd and runc. It is registered and ready, and runs
// pods that use the machine's network; it has no other.
//
// It lives in namespaces of its own for processes and mounts: it sees a writable
// copy of /etc and an empty /run, /var/lib and /var/log, it does not alter the
// machine's kernel settings, and all of it is gone when the first process is.
type Node struct {
	// Name is the name of the Node object.
	Name string
	// Dir holds all that the node writes: containerd's files, etc, and logs.
	Dir string
	// Containerd and Runc are the versions of what Debian installed: major.minor.
	Containerd, Runc string

	ctr string
	// first is the process that the namespaces end with; inside of them it is number 1.
	first int
	// namespaces are named as in pid:[4026531836].
	namespaces []string
}

// StartNode starts a node of the cluster, and stops it at the end of the test.
func StartNode(t testing.TB, c *Cluster) *Node {
	t.Helper()
	require.Zero(t, os.Geteuid(), "containers are made by root")
	n := &Node{Name: "standin-node", Dir: t.TempDir(), ctr: Installed(t, "ctr", "containerd")}
	containerd, kubelet := Installed(t, "containerd", "containerd"), Tool(t, "kubelet")
	n.Containerd, n.Runc = version(t, containerd), version(t, Installed(t, "runc", "runc"))
	n.writeConfiguration(t)
	KeepLogs(t, n.Dir)
	t.Cleanup(func() { n.assertGone(t) })
	n.startContainerd(t, containerd)
	n.load(t, imageArchive(t, standinImage(t, "pause"), pauseImage))
	n.startKubelet(t, kubelet, c)
	return n
}

// Etc is the node's /etc, as seen from outside.
func (n *Node) Etc() string { return fmt.Sprintf("/proc/%d/root/etc", n.first) }

// PodLogs is what the containers of the node's pods have written.
func (n *Node) PodLogs(t testing.TB) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(n.Dir, "pods", "*", "*", "*.log"))
	require.NoError(t, err)
	var text strings.Builder
	for _, log := range logs {
		fmt.Fprintf(&text, "%s:\n%s\n", log, tail(log))
	}
	return text.String()
}

// LoadStandin makes the stand-in available under these image names.
func (n *Node) LoadStandin(t testing.TB, references ...string) {
	t.Helper()
	image := standinImage(t)
	for _, reference := range references {
		n.load(t, imageArchive(t, image, reference))
	}
}

func (n *Node) load(t testing.TB, archive string) {
	t.Helper()
	_, err := output(exec.Command(n.ctr, "--address", n.socket(), "--namespace", "k8s.io", "images", "import", archive))
	require.NoError(t, err)
}

func (n *Node) socket() string { return filepath.Join(n.Dir, "containerd.sock") }

// containerdConfiguration: without restrict_oom_score_adj runc fails where the
// tests' own process may not lower its score. The network configuration is there
// to be found: pods with the machine's network do not use it.
const containerdConfiguration = `version = 2
root = "%[1]s/root"
state = "%[1]s/state"
[grpc]
  address = "%[1]s/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[2]s"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "%[1]s/cni"
`

const networkConfiguration = `{"cniVersion": "0.4.0", "name": "none", "plugins": [{"type": "none"}]}`

// kubeletConfiguration is for a machine that is no dedicated node: kubelet makes no
// control groups, evicts nothing, does not touch iptables, and keeps images that only
// this containerd has.
const kubeletConfiguration = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %[2]d
healthzPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://%[1]s/containerd.sock
podLogsDir: %[1]s/pods
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
failSwapOn: false
makeIPTablesUtilChains: false
syncFrequency: 5s
nodeStatusUpdateFrequency: 5s
`

func (n *Node) writeConfiguration(t testing.TB) {
	t.Helper()
	for _, dir := range []string{"etc", "etc.work", "cni", "pods", "sysctl"} {
		require.NoError(t, os.Mkdir(filepath.Join(n.Dir, dir), 0o755))
	}
	for name, text := range map[string]string{
		"containerd.toml":   fmt.Sprintf(containerdConfiguration, n.Dir, pauseImage),
		"cni/none.conflist": networkConfiguration,
		"kubelet.yaml":      fmt.Sprintf(kubeletConfiguration, n.Dir, FreePort(t)),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(n.Dir, name), []byte(text), 0o600))
	}
}

// firstProcess makes the node's view of the file system and starts containerd. It
// stays: what the shims leave behind falls to it. kubelet finds the kernel settings
// that it would make otherwise, for the whole machine, in files.
const firstProcess = `set -eu
mount --make-rprivate /
mount -t proc node /proc
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file="$1/sysctl/$(basename "${setting%=*}")"
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done
mount -t overlay node -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/etc.work" /etc
for empty in /run /var/lib /var/log; do mount -t tmpfs node "$empty"; done
trap exit TERM
"$2" --config "$1/containerd.toml" &
wait
`

func (n *Node) startContainerd(t testing.TB, containerd string) {
	t.Helper()
	first := exec.Command("sh", "-c", firstProcess, "sh", n.Dir, containerd)
	first.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	server := StartServer(t, n.Dir, "containerd", first)
	n.first = server.process.Pid
	err := server.ready(time.Minute, func() error {
		_, err := output(exec.Command(n.ctr, "--address", n.socket(), "version"))
		return err
	})
	require.NoError(t, err)
	for _, kind := range namespaceKinds {
		name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", n.first, kind))
		require.NoError(t, err)
		n.namespaces = append(n.namespaces, name)
	}
}

func (n *Node) startKubelet(t testing.TB, kubelet string, c *Cluster) {
	t.Helper()
	server := StartServer(t, n.Dir, "kubelet", exec.Command(Installed(t, "nsenter", "util-linux"),
		"--target", strconv.Itoa(n.first), "--mount", "--pid", "--",
		kubelet, "--config", filepath.Join(n.Dir, "kubelet.yaml"), "--kubeconfig", c.Kubeconfig,
		"--root-dir", "/var/lib/kubelet", "--hostname-override", n.Name))
	err := server.ready(time.Minute, func() error {
		ready, _, err := c.TryKubectl("get", "node", n.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")]}`)
		if err == nil && !strings.Contains(ready, `"status":"True"`) {
			err = errors.New(ready)
		}
		return err
	})
	require.NoError(t, err)
}

// removeControlGroups removes those of the containers that the node ended with: a
// control group outlives its processes, and is removed like an empty folder.
func (n *Node) removeControlGroups(t testing.TB) {
	t.Helper()
	containers, err := filepath.Glob(filepath.Join(n.Dir, "state", "io.containerd.runtime.v2.task", "k8s.io", "*"))
	require.NoError(t, err)
	for _, parent := range []string{"/sys/fs/cgroup/*/k8s.io", "/sys/fs/cgroup/k8s.io"} { // of versions 1 and 2
		for _, container := range containers {
			groups, err := filepath.Glob(filepath.Join(parent, filepath.Base(container)))
			require.NoError(t, err)
			for _, group := range groups {
				assert.NoError(t, os.Remove(group))
			}
		}
		parents, err := filepath.Glob(parent)
		require.NoError(t, err)
		for _, group := range parents {
			_ = os.Remove(group) // it stays while another containerd has containers
		}
	}
}

// namespaceKinds are those that the node has for itself.
var namespaceKinds = []string{"pid", "mnt"}

// assertGone fails the test if the node has left something behind: a process, a mount,
// or a control group that cannot be removed.
func (n *Node) assertGone(t testing.TB) {
	t.Helper()
	Eventually(t, "the node's processes have ended", func() string { return strings.Join(n.processes(t), "\n") })
	n.removeControlGroups(t)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	assert.NotContains(t, string(mounts), n.Dir, "a mount of the node is left")
}

// processes are those that live in one of the node's namespaces, or were started
// from its folder.
func (n *Node) processes(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	var found []string
	for _, dir := range dirs {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // it may have ended by now
		ours := bytes.Contains(command, []byte(n.Dir))
		for _, kind := range namespaceKinds {
			name, _ := os.Readlink(filepath.Join(dir, "ns", kind))
			ours = ours || slices.Contains(n.namespaces, name)
		}
		if ours {
			found = append(found, filepath.Base(dir)+" "+string(bytes.ReplaceAll(command, []byte{0}, []byte(" "))))
		}
	}
	return found
}

var majorMinor = regexp.MustCompile(`\b[0-9]+\.[0-9]+`)

func version(t testing.TB, program string) string {
	t.Helper()
	text, err := output(exec.Command(program, "--version"))
	require.NoError(t, err)
	return majorMinor.FindString(text)
}
