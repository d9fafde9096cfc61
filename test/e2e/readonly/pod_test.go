// Package readonly runs the read-only proxy that a scenario renders: its command, its
// configuration and its volumes as they are, by real nginx, in front of a real
// registry, and tries to push through it.
//
// The tests run in a network and a mount namespace of their own, which is what the
// containers of a pod share: the ports are those of the pod, and nothing outside sees
// them. That takes root.
package readonly

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/test/e2e/parts"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

const insidePod = "READONLY_TESTS_ARE_IN_THEIR_NAMESPACES"

func TestMain(m *testing.M) {
	if os.Getenv(insidePod) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(enterNamespaces())
}

// enterNamespaces runs this test binary again.
func enterNamespaces() int {
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Env = append(os.Environ(), insidePod+"=yes")
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := again.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "in namespaces of their own, which takes root:", err)
		return 1
	}
	return 0
}

// address is the Service's, and the pod's at the same time.
const address = fixtures.ClusterIP

func bringUpNetwork(t *testing.T) {
	t.Helper()
	ip := parts.Installed(t, "ip", "iproute2")
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "replace", address + "/32", "dev", "lo"}} {
		out, err := exec.Command(ip, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

const https = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: read-only}
spec:
  mode: ReadOnly
  readOnly: {enforce: true}
  service: {clusterIP: 192.100.100.1}
  certManager: {enabled: false, install: false}
  tls: {secret: k8secret}
  trustDistribution: {enabled: false}
`

const plainHTTP = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: read-only}
spec:
  mode: ReadOnly
  readOnly: {enforce: true}
  service: {clusterIP: 192.100.100.1}
  certManager: {enabled: false, install: false}
  httpEnabled: true
  trustDistribution: {enabled: false}
`

// pod is what a scenario renders of the proxy, and nginx running it.
type pod struct {
	service   corev1.Service
	container corev1.Container
	volumes   []corev1.Volume
	configs   map[string]corev1.ConfigMap

	// secret is the directory behind the volume of the TLS Secret.
	secret string
	root   string
	log    *os.File
	nginx  *exec.Cmd
}

// rendered is the proxy as a scenario makes it of the stand-in chart.
func rendered(t *testing.T, text string) *pod {
	t.Helper()
	layer, err := scenario.Decode("scenario.yaml", []byte(text))
	require.NoError(t, err)
	require.NoError(t, layer.Resolve(nil))
	set, err := resource.ParseStream(fixtures.Plain().Render(t, nil))
	require.NoError(t, err)
	_, err = transformers.Run(set, layer, transformers.Options{Now: time.Now(), Version: "test"})
	require.NoError(t, err)

	p := &pod{configs: map[string]corev1.ConfigMap{}}
	into := func(o *resource.Object, typed any) {
		text, err := o.Node().String()
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), typed))
	}
	objects, err := set.Select([]string{"Service", "Deployment", "ConfigMap"})
	require.NoError(t, err)
	for _, o := range objects {
		switch {
		case o.Kind == "Service" && o.Name == fixtures.Plain().Service:
			into(o, &p.service)
		case o.Kind == "Deployment" && o.Name == fixtures.Plain().Service:
			var d appsv1.Deployment
			into(o, &d)
			p.volumes = d.Spec.Template.Spec.Volumes
			p.container = d.Spec.Template.Spec.Containers[len(d.Spec.Template.Spec.Containers)-1]
		case o.Kind == "ConfigMap":
			var c corev1.ConfigMap
			into(o, &c)
			p.configs[o.Name] = c
		}
	}
	require.Equal(t, "connected-registry-proxy", p.container.Name)
	return p
}

// start mounts what kubelet would mount, and starts the container's command as its
// security context says.
func start(t *testing.T, text string) *pod {
	t.Helper()
	parts.Installed(t, "nginx", "nginx-light")
	p := rendered(t, text)
	p.root = p.rootFilesystem(t)
	var err error
	p.log, err = os.Create(filepath.Join(t.TempDir(), "nginx.log"))
	require.NoError(t, err)
	// The container runtime gives the container's user its standard output.
	require.NoError(t, p.log.Chown(int(*p.container.SecurityContext.RunAsUser), -1))
	require.NoError(t, p.command(t, "-t").Run(), "nginx -t: %s", p.logged(t))
	require.Contains(t, p.logged(t), "test is successful")
	p.nginx = p.command(t)
	require.NoError(t, p.nginx.Start())
	t.Cleanup(func() {
		assert.NoError(t, p.nginx.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, p.nginx.Wait())
		if t.Failed() {
			t.Logf("nginx:\n%s", p.logged(t))
		}
	})
	for _, port := range p.container.Ports {
		p.awaitPort(t, int(port.ContainerPort))
	}
	p.kubeProxy(t)
	return p
}

func (p *pod) logged(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.log.Name())
	require.NoError(t, err)
	return string(text)
}

func (p *pod) awaitPort(t *testing.T, port int) {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "nginx does not listen on %d", port)
}

// command is the container's, with the user, the root and the rights that its
// security context gives it.
func (p *pod) command(t *testing.T, more ...string) *exec.Cmd {
	t.Helper()
	s := p.container.SecurityContext
	require.NotNil(t, s)
	cmd := exec.Command(p.container.Command[0], append(p.container.Command[1:], more...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot:     p.root,
		Credential: &syscall.Credential{Uid: uint32(*s.RunAsUser), Gid: uint32(*s.RunAsGroup)},
		Pdeathsig:  syscall.SIGKILL,
	}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	return cmd
}

// rootFilesystem is an image with nginx in it: this machine's programs and nothing
// else, read-only, with the container's volumes mounted.
func (p *pod) rootFilesystem(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	mount(t, "tmpfs", root, "tmpfs", 0)
	for _, name := range []string{"usr", "bin", "sbin", "lib", "lib64", "dev", "proc"} {
		at, from := filepath.Join(root, name), "/"+name
		if target, err := os.Readlink(from); err == nil {
			require.NoError(t, os.Symlink(target, at))
			continue
		}
		require.NoError(t, os.Mkdir(at, 0o755))
		mount(t, from, at, "", unix.MS_BIND|unix.MS_REC)
	}
	for _, m := range p.container.VolumeMounts {
		at := filepath.Join(root, m.MountPath)
		require.NoError(t, os.MkdirAll(at, 0o755))
		mount(t, p.volume(t, m.Name), at, "", unix.MS_BIND)
		if m.ReadOnly {
			mount(t, "", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY)
		}
	}
	require.True(t, *p.container.SecurityContext.ReadOnlyRootFilesystem)
	mount(t, "", root, "", unix.MS_REMOUNT|unix.MS_RDONLY)
	return root
}

func mount(t *testing.T, from, at, kind string, flags uintptr) {
	t.Helper()
	require.NoError(t, unix.Mount(from, at, kind, flags, ""), "mount %s at %s", from, at)
	if flags&unix.MS_REMOUNT == 0 {
		t.Cleanup(func() { assert.NoError(t, unix.Unmount(at, unix.MNT_DETACH)) })
	}
}

// volume is the directory that kubelet makes of a volume: root's, with the files'
// mode from the manifest.
func (p *pod) volume(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	for _, v := range p.volumes {
		switch {
		case v.Name != name:
		case v.ConfigMap != nil:
			for key, text := range p.configs[v.ConfigMap.Name].Data {
				write(t, filepath.Join(dir, key), []byte(text), os.FileMode(*v.ConfigMap.DefaultMode))
			}
		case v.Secret != nil:
			p.secret = dir
			p.writeSecret(t, fixtures.Leaf())
		case v.EmptyDir != nil:
			require.NoError(t, os.Chmod(dir, 0o777))
		}
	}
	return dir
}

func write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, data, mode))
	require.NoError(t, os.Chmod(path, mode))
}

// writeSecret puts a certificate into the Secret's volume as kubelet does: into a
// directory of its own, to which a link is moved in one step.
func (p *pod) writeSecret(t *testing.T, pair fixtures.Pair) {
	t.Helper()
	next, err := os.MkdirTemp(p.secret, "..")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(next, 0o755))
	for _, v := range p.volumes {
		if v.Secret == nil || v.Name != p.container.Name+"-tls" {
			continue
		}
		require.Equal(t, "k8secret", v.Secret.SecretName)
		for _, item := range v.Secret.Items {
			data := map[string][]byte{"tls.crt": pair.Crt, "tls.key": pair.Key}[item.Key]
			write(t, filepath.Join(next, item.Path), data, os.FileMode(*v.Secret.DefaultMode))
			link := filepath.Join(p.secret, item.Path)
			if _, err := os.Lstat(link); err != nil {
				require.NoError(t, os.Symlink(filepath.Join("..data", item.Path), link))
			}
		}
	}
	fresh := filepath.Join(p.secret, "..data_tmp")
	require.NoError(t, os.Symlink(filepath.Base(next), fresh))
	require.NoError(t, os.Rename(fresh, filepath.Join(p.secret, "..data")))
}

// kubeProxy leads the Service's address and ports to where the Service says.
func (p *pod) kubeProxy(t *testing.T) {
	t.Helper()
	for _, sp := range p.service.Spec.Ports {
		target := 0
		for _, cp := range p.container.Ports {
			if sp.TargetPort.Type == intstr.String && sp.TargetPort.StrVal == cp.Name {
				target = int(cp.ContainerPort)
			}
		}
		require.NotZero(t, target, "port %d does not lead to the proxy", sp.Port)
		listener, err := net.Listen("tcp", net.JoinHostPort(p.service.Spec.ClusterIP, fmt.Sprint(sp.Port)))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, listener.Close()) })
		go forward(listener, fmt.Sprintf("127.0.0.1:%d", target))
	}
}

// forward passes bytes, as kube-proxy's rules do.
func forward(listener net.Listener, to string) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				return
			}
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(in, out)
			_, _ = in.Close(), out.Close()
		}()
	}
}

// The container has what its manifest gives it, and no more: no root, no
// capabilities, a root that cannot be written, and files that it can read.
func TestContainerIsConfined(t *testing.T) {
	bringUpNetwork(t)
	p := start(t, https)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.nginx.Process.Pid))
	require.NoError(t, err)
	assert.Contains(t, string(status), "Uid:\t101\t101\t101\t101\n")
	assert.Contains(t, string(status), "CapEff:\t0000000000000000\n")
	touch := p.command(t)
	touch.Path, touch.Args = "/usr/bin/touch", []string{"touch", "/etc/connected-registry-proxy/x"}
	assert.Error(t, touch.Run())
	assert.Contains(t, p.logged(t), "Read-only file system")
	assert.NotContains(t, p.logged(t), "[emerg]")
	assert.NotContains(t, p.logged(t), "Permission denied")
}
