package readonly

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// The ports of the stand-in chart's registry container.
const httpsPort, httpPort = 8443, 8080

const repository = "factory/line"

func transport() http.RoundTripper {
	return &http.Transport{TLSClientConfig: trusting(), MaxIdleConns: 0}
}

func options() []remote.Option {
	return []remote.Option{
		remote.WithAuth(&authn.Basic{Username: user, Password: password}),
		remote.WithTransport(transport()),
	}
}

func reference(t *testing.T, host, rest string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(host + "/" + repository + rest)
	require.NoError(t, err)
	return ref
}

// direct is the registry's own port at the pod's address, past the proxy.
func direct(port int) string { return fmt.Sprintf("%s:%d", address, port) }

// image has one layer of so many random bytes, which do not compress.
func image(t *testing.T, size int64) v1.Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "layer.tar")
	out, err := os.Create(file)
	require.NoError(t, err)
	w := tar.NewWriter(out)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "data", Size: size, Mode: 0o644}))
	_, err = io.CopyN(w, rand.Reader, size)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, out.Close())
	layer, err := tarball.LayerFromFile(file)
	require.NoError(t, err)
	img, err := mutate.AppendLayers(empty.Image, layer)
	require.NoError(t, err)
	return img
}

// seed pushes an image to the registry itself, past the proxy: that it can be pushed
// there is what makes a refusal by the proxy mean something.
func seed(t *testing.T, host, tag string, img v1.Image) {
	t.Helper()
	require.NoError(t, remote.Write(reference(t, host, ":"+tag), img, options()...))
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	length int64
	body   []byte
}

func get(t *testing.T, method, path, token string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, "https://"+address+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := transport().RoundTrip(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return answer{resp.StatusCode, resp.Header, resp.ContentLength, body}
}

func TestPullsPass(t *testing.T) {
	bringUpNetwork(t)
	r := startRegistry(t, httpsPort, true)
	start(t, https)
	const size = 110 << 20
	img := image(t, size)
	seed(t, direct(httpsPort), "v1", img)
	digest, err := img.Digest()
	require.NoError(t, err)
	layers, err := img.Layers()
	require.NoError(t, err)
	blob, err := layers[0].Digest()
	require.NoError(t, err)
	blobSize, err := layers[0].Size()
	require.NoError(t, err)
	require.Greater(t, blobSize, int64(100<<20))
	token, err := r.issue([]string{"repository:" + repository + ":pull", "registry:catalog:*"})
	require.NoError(t, err)

	for _, rest := range []string{":v1", "@" + digest.String()} {
		t.Run("pull "+rest[:3], func(t *testing.T) {
			pulled, err := remote.Image(reference(t, address, rest), options()...)
			require.NoError(t, err)
			got, err := pulled.Digest()
			require.NoError(t, err)
			assert.Equal(t, digest, got)
			assert.Equal(t, blob.String(), downloaded(t, pulled))
		})
	}
	t.Run("pulls side by side", func(t *testing.T) {
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				pulled, err := remote.Image(reference(t, address, ":v1"), options()...)
				if assert.NoError(t, err) {
					assert.Equal(t, blob.String(), downloaded(t, pulled))
				}
			})
		}
		wait.Wait()
	})
	t.Run("HEAD", func(t *testing.T) {
		d, err := remote.Head(reference(t, address, ":v1"), options()...)
		require.NoError(t, err)
		assert.Equal(t, digest, d.Digest)
	})
	t.Run("tags", func(t *testing.T) {
		tags, err := remote.List(reference(t, address, ":v1").Context(), options()...)
		require.NoError(t, err)
		assert.Equal(t, []string{"v1"}, tags)
	})
	t.Run("catalog", func(t *testing.T) {
		host, err := name.NewRegistry(address)
		require.NoError(t, err)
		repositories, err := remote.Catalog(t.Context(), host, options()...)
		require.NoError(t, err)
		assert.Equal(t, []string{repository}, repositories)
	})
	t.Run("a part of a blob", func(t *testing.T) {
		resp := get(t, http.MethodGet, "/v2/"+repository+"/blobs/"+blob.String(), token, "Range", "bytes=1000-1999")
		assert.Equal(t, http.StatusPartialContent, resp.status)
		assert.Equal(t, fmt.Sprintf("bytes 1000-1999/%d", blobSize), resp.header.Get("Content-Range"))
		assert.Len(t, resp.body, 1000)
	})
	t.Run("a digest with an escaped colon", func(t *testing.T) {
		resp := get(t, http.MethodHead, "/v2/"+repository+"/blobs/"+strings.Replace(blob.String(), ":", "%3A", 1), token)
		assert.Equal(t, http.StatusOK, resp.status)
		assert.Equal(t, blobSize, resp.length)
	})
	t.Run("a long token", func(t *testing.T) {
		resp := get(t, http.MethodGet, "/v2/"+repository+"/tags/list", token, "X-More", strings.Repeat("x", 24<<10))
		assert.Equal(t, http.StatusOK, resp.status)
	})
}

// downloaded is the digest of an image's layer as it came.
func downloaded(t *testing.T, img v1.Image) string {
	layers, err := img.Layers()
	if !assert.NoError(t, err) || !assert.Len(t, layers, 1) {
		return ""
	}
	stream, err := layers[0].Compressed()
	if !assert.NoError(t, err) {
		return ""
	}
	sum := sha256.New()
	_, err = io.Copy(sum, stream)
	assert.NoError(t, err)
	assert.NoError(t, stream.Close())
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// The registry hears by what name and port the client came, so that its challenge
// leads back through the proxy; who has said so before is believed.
func TestChallengeLeadsBack(t *testing.T) {
	bringUpNetwork(t)
	r := startRegistry(t, httpsPort, true)
	start(t, https)
	for _, c := range []struct {
		name, host string
		header     []string
		forwarded  string
	}{
		{"the Service's address", "", nil, address},
		{"a name with a port", "registry.example.com:5443", nil, "registry.example.com:5443"},
		{"behind another proxy", "", []string{"X-Forwarded-Host", "edge.example.com:8443", "X-Forwarded-Proto", "https"}, "edge.example.com:8443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, "https://"+address+"/v2/", nil)
			require.NoError(t, err)
			req.Host = c.host
			for i := 0; i+1 < len(c.header); i += 2 {
				req.Header.Set(c.header[i], c.header[i+1])
			}
			r.asked()
			resp, err := transport().RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
			assert.Contains(t, resp.Header.Get("WWW-Authenticate"), fmt.Sprintf("realm=\"https://%s%s\"", cmp.Or(c.host, address), tokenPath))
			assert.Equal(t, []string{"registry/2.0"}, resp.Header.Values("Docker-Distribution-Api-Version"))
			_, heads := r.asked()
			require.Len(t, heads, 1)
			assert.Equal(t, cmp.Or(c.host, address), heads[0].Get("Host"))
			assert.Equal(t, c.forwarded, heads[0].Get("X-Forwarded-Host"))
			assert.Equal(t, "https", heads[0].Get("X-Forwarded-Proto"))
			assert.NotEmpty(t, heads[0].Get("X-Forwarded-For"))
		})
	}
}

// containerd asks for tokens by POST first.
func TestTokensPass(t *testing.T) {
	bringUpNetwork(t)
	startRegistry(t, httpsPort, true)
	start(t, https)
	client := &http.Client{Transport: transport()}
	form := url.Values{"grant_type": {"password"}, "username": {user}, "password": {password}, "service": {"registry"}, "scope": {"repository:" + repository + ":pull"}}
	for name, body := range map[string]io.Reader{
		"POST":                      strings.NewReader(form.Encode()),
		"POST in chunks":            io.MultiReader(strings.NewReader(form.Encode())),
		"POST of 60 KB":             strings.NewReader(form.Encode() + "&more=" + strings.Repeat("x", 60<<10)),
		"POST and a wrong password": strings.NewReader(strings.Replace(form.Encode(), "not+a+real", "quite+wrong", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := client.Post("https://"+address+tokenPath, "application/x-www-form-urlencoded", body)
			require.NoError(t, err)
			if strings.Contains(name, "wrong") {
				assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
				require.NoError(t, resp.Body.Close())
				return
			}
			var answer struct {
				Token string `json:"access_token"`
			}
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
			require.NoError(t, resp.Body.Close())
			assert.NotEmpty(t, answer.Token)
		})
	}
	t.Run("POST of 65 KB", func(t *testing.T) {
		resp, err := client.Post("https://"+address+tokenPath, "text/plain", bytes.NewReader(make([]byte, 65<<10)))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	})
}

// A renewed Secret is served without a restart, as soon as kubelet has written it.
func TestRenewedCertificateIsServed(t *testing.T) {
	bringUpNetwork(t)
	p := start(t, https)
	serial := func() string {
		c, err := tls.Dial("tcp", address+":443", trusting())
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].Raw)
		return hex.EncodeToString(sum[:])
	}
	before := serial()
	assert.Equal(t, before, serial())
	p.writeSecret(t, fixtures.RenewedLeaf())
	assert.NotEqual(t, before, serial())
	assert.Nil(t, p.nginx.ProcessState, "nginx was restarted")
}

// Without TLS the proxy is as strict, and as transparent.
func TestPlainHTTP(t *testing.T) {
	bringUpNetwork(t)
	r := startRegistry(t, httpPort, false)
	start(t, plainHTTP)
	img := image(t, 1000)
	plain := func(host string) name.Reference {
		ref, err := name.ParseReference(host+"/"+repository+":v1", name.Insecure)
		require.NoError(t, err)
		return ref
	}
	require.NoError(t, remote.Write(plain(direct(httpPort)), img, options()...))
	_, err := remote.Image(plain(address+":80"), options()...)
	require.NoError(t, err)
	before := r.content(t)
	err = remote.Write(plain(address+":80"), image(t, 1000), options()...)
	assert.ErrorContains(t, err, "DENIED: This operation is not allowed on this registry.")
	assert.Equal(t, before, r.content(t))
}

// crane is what people have: it pulls through the proxy, and says in the registry's
// words why it cannot push.
func TestCrane(t *testing.T) {
	bringUpNetwork(t)
	r := startRegistry(t, httpsPort, true)
	start(t, https)
	crane, dir := parts.Tool(t, "crane"), t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	require.NoError(t, os.WriteFile(ca, fixtures.Leaf().CA, 0o600))
	auths := map[string]any{}
	for _, host := range []string{address, direct(httpsPort)} {
		auths[host] = map[string]string{"username": user, "password": password}
	}
	config, err := json.Marshal(map[string]any{"auths": auths})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600))
	file := filepath.Join(dir, "image.tar")
	require.NoError(t, tarball.WriteToFile(file, reference(t, address, ":v1"), image(t, 1000)))
	run := func(args ...string) (string, error) {
		cmd := exec.Command(crane, args...)
		cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+ca, "DOCKER_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	out, err := run("push", file, direct(httpsPort)+"/"+repository+":v1")
	require.NoError(t, err, out)
	before := r.content(t)
	for _, args := range [][]string{
		{"push", file, address + "/" + repository + ":v2"},
		{"tag", address + "/" + repository + ":v1", "v2"},
		{"delete", address + "/" + repository + ":v1"},
		{"copy", address + "/" + repository + ":v1", address + "/factory/other:v1"},
	} {
		out, err := run(args...)
		assert.Error(t, err)
		assert.Contains(t, out, "DENIED: This operation is not allowed on this registry.", args[0])
	}
	assert.Equal(t, before, r.content(t))
	for _, args := range [][]string{
		{"pull", address + "/" + repository + ":v1", filepath.Join(dir, "pulled.tar")},
		{"digest", address + "/" + repository + ":v1"},
		{"ls", address + "/" + repository},
		{"catalog", address},
		{"manifest", address + "/" + repository + ":v1"},
	} {
		out, err := run(args...)
		assert.NoError(t, err, "%s: %s", args[0], out)
	}
}
