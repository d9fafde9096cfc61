package readonly

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // what it is asked to verify tokens with
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // where it is asked to keep things
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

const tokenPath = "/acr/oauth2/token"

// The one client that there is may push. Whatever refuses its pushes, it is not for
// lack of rights.
const user, password = "pusher", "not a real password"

// registry is the CNCF's distribution, with a token server under the same address as
// the connected registry has one. It writes down what it is asked.
type registry struct {
	port    int
	storage string
	key     *ecdsa.PrivateKey
	app     http.Handler

	mutex sync.Mutex
	seen  []string
	heads []http.Header
}

func startRegistry(t *testing.T, port int, withTLS bool) *registry {
	t.Helper()
	logrus.SetOutput(io.Discard)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	r := &registry{port: port, storage: t.TempDir(), key: key}
	keys := filepath.Join(t.TempDir(), "jwks.json")
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "test", Algorithm: "ES256", Use: "sig"}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(keys, public, 0o600))
	config, err := configuration.Parse(strings.NewReader(fmt.Sprintf(`
version: 0.1
log: {level: error, accesslog: {disabled: true}}
http: {secret: not a real secret, relativeurls: true}
storage:
  filesystem: {rootdirectory: %s}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
auth:
  token: {realm: unused, autoredirect: true, autoredirectpath: %s, service: registry, issuer: test, jwks: %s}
`, r.storage, tokenPath, keys)))
	require.NoError(t, err)
	r.app = handlers.NewApp(t.Context(), config)

	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)) // a pod's server listens on all of its addresses
	require.NoError(t, err)
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	if withTLS {
		leaf := fixtures.Leaf()
		pair, err := tls.X509KeyPair(leaf.Crt, leaf.Key)
		require.NoError(t, err)
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mutex.Lock()
	r.seen = append(r.seen, req.Method+" "+req.RequestURI)
	head := req.Header.Clone()
	head.Set("Host", req.Host)
	r.heads = append(r.heads, head)
	r.mutex.Unlock()
	if req.URL.Path == tokenPath {
		r.token(w, req)
		return
	}
	r.app.ServeHTTP(w, req)
}

// asked returns what has come since it was asked last.
func (r *registry) asked() ([]string, []http.Header) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	seen, heads := r.seen, r.heads
	r.seen, r.heads = nil, nil
	return seen, heads
}

type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// token answers a GET with basic authentication, and a POST with a form, as the
// distribution's specification of tokens has it.
func (r *registry) token(w http.ResponseWriter, req *http.Request) {
	name, secret, _ := req.BasicAuth()
	if req.Method == http.MethodPost {
		name, secret = req.PostFormValue("username"), req.PostFormValue("password")
	}
	if name != user || secret != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	scopes := req.URL.Query()["scope"]
	if form := req.PostFormValue("scope"); form != "" {
		scopes = strings.Fields(form)
	}
	token, err := r.issue(scopes)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token": token, "expires_in": 3600})
}

// issue grants what is asked for.
func (r *registry) issue(scopes []string) (string, error) {
	var granted []access
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		if colon := strings.LastIndex(rest, ":"); colon > 0 {
			granted = append(granted, access{kind, rest[:colon], strings.Split(rest[colon+1:], ",")})
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: r.key}, (&jose.SignerOptions{}).WithHeader("kid", "test"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(map[string]any{
		"iss": "test", "sub": user, "aud": "registry", "jti": rand.Text(),
		"exp": now.Add(time.Hour).Unix(), "nbf": now.Add(-time.Minute).Unix(), "iat": now.Unix(), "access": granted,
	}).Serialize()
}

// content is a digest of all that the registry keeps: every directory, every file.
func (r *registry) content(t *testing.T) string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(r.storage, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line := path
		if !d.IsDir() {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			sum := sha256.New()
			if _, err := io.Copy(sum, file); err != nil {
				return err
			}
			if err := file.Close(); err != nil {
				return err
			}
			line += " " + hex.EncodeToString(sum.Sum(nil))
		}
		lines = append(lines, line)
		return nil
	}))
	require.NotEmpty(t, lines)
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// trusting is what a client needs to know of the registry's CA.
func trusting() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(fixtures.Leaf().CA)
	return &tls.Config{RootCAs: pool, ServerName: address, MinVersion: tls.VersionTLS12}
}
