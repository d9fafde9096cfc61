package readonly

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table of push attempts in docs/security.md anew; read the diff")

// attempt is one way to write to the registry. Its bytes are sent as they are, with a
// token that allows everything.
type attempt struct {
	name string
	send string
	// harmless says that the proxy lets it through as the read that it is, or as the
	// request for a token.
	harmless bool
}

// What attempts are made of; each registry has its own upload session.
type target struct {
	token, session   string
	manifest, digest string
	blob, config     string
}

const uploads = "/v2/" + repository + "/blobs/uploads/"

func (a target) request(line string, more ...string) string {
	headers, body := more, ""
	if len(more) > 0 && !strings.Contains(strings.SplitN(more[len(more)-1], "\r\n", 2)[0], ": ") {
		headers, body = more[:len(more)-1], more[len(more)-1]
	}
	all := append([]string{line, "Host: " + address, "Authorization: Bearer " + a.token, "Connection: close"}, headers...)
	if body != "" && !slices.ContainsFunc(headers, func(h string) bool {
		return strings.HasPrefix(h, "Content-Length") || strings.HasPrefix(h, "Transfer-Encoding")
	}) {
		all = append(all, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	return strings.Join(all, "\r\n") + "\r\n\r\n" + body
}

func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// put is a whole push of a manifest, as something to hide in something else.
func (a target) put() string {
	return a.request("PUT /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func (a target) plain() []attempt {
	blob := "some bytes"
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(blob)))
	r := a.request
	of := "/v2/" + repository
	return []attempt{
		{name: "open an upload", send: r("POST "+uploads+" HTTP/1.1", "Content-Length: 0")},
		{name: "upload in one request", send: r("POST "+uploads+"?digest="+sum+" HTTP/1.1", "Content-Type: application/octet-stream", blob)},
		{name: "mount a blob of another repository", send: r("POST "+uploads+"?mount="+a.blob+"&from=factory/other HTTP/1.1", "Content-Length: 0")},
		{name: "send a part to an open upload", send: r("PATCH "+a.session+" HTTP/1.1", "Content-Type: application/octet-stream", blob)},
		{name: "complete an open upload", send: r("PUT "+a.session+"&digest="+sum+" HTTP/1.1", "Content-Type: application/octet-stream", blob)},
		{name: "cancel an open upload", send: r("DELETE " + a.session + " HTTP/1.1")},
		{name: "push a manifest by tag", send: r("PUT "+of+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)},
		{name: "push a manifest by digest", send: r("PUT "+of+"/manifests/"+a.digest+" HTTP/1.1", "Content-Type: "+manifestType, a.manifest)},
		{name: "push a manifest in chunks", send: r("PUT "+of+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, "Transfer-Encoding: chunked", chunked(a.manifest))},
		{name: "push after 100-continue", send: r("PUT "+of+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, "Expect: 100-continue", a.manifest)},
		{name: "push by HTTP/1.0", send: r("PUT "+of+"/manifests/pushed-000 HTTP/1.0", "Content-Type: "+manifestType, a.manifest)},
		{name: "push by an absolute address", send: r("PUT https://"+address+of+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)},
		{name: "push with a Content-Length of 10 GB", send: r("PUT "+of+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, "Content-Length: 10000000000", a.manifest)},
		{name: "delete a tag", send: r("DELETE " + of + "/manifests/v1 HTTP/1.1")},
		{name: "delete a blob", send: r("DELETE " + of + "/blobs/" + a.config + " HTTP/1.1")},
		{name: "delete a manifest", send: r("DELETE " + of + "/manifests/" + a.digest + " HTTP/1.1")},
	}
}

func (a target) methods() []attempt {
	var all []attempt
	for _, method := range []string{"OPTIONS", "TRACE", "CONNECT", "PROPFIND", "MKCOL", "MOVE", "LOCK", "PUTS", "GETPUT"} {
		all = append(all, attempt{name: "method " + method, send: a.request(method+" /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)})
	}
	for _, method := range []string{"put", "Put", "get"} {
		all = append(all, attempt{name: "method in lower case: " + method, send: a.request(method+" /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)})
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"} {
		all = append(all, attempt{name: "GET with " + header + ": DELETE", send: a.request("GET /v2/"+repository+"/manifests/v1 HTTP/1.1", header+": DELETE"), harmless: true})
	}
	return append(all,
		attempt{name: "GET with ?_method=DELETE", send: a.request("GET /v2/" + repository + "/manifests/v1?_method=DELETE HTTP/1.1"), harmless: true},
		attempt{name: "GET of an open upload", send: a.request("GET " + a.session + " HTTP/1.1"), harmless: true},
		attempt{name: "GET with a body", send: a.request("GET /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)},
		attempt{name: "GET with a body in chunks", send: a.request("GET /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, "Transfer-Encoding: chunked", chunked(a.manifest))},
		attempt{name: "HEAD with a body", send: a.request("HEAD /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Content-Type: "+manifestType, a.manifest)},
	)
}

func (a target) paths() []attempt {
	at := repository + "/manifests/pushed-000"
	var all []attempt
	for _, path := range []string{
		"/%76%32/" + at, "//v2/" + at, "/v2//" + at, "/./v2/" + at, "/x/../v2/" + at, "/v2/../v2/" + at, "/v2/%2e%2e/v2/" + at, "/V2/" + at,
		"/v2/factory%2Fline/manifests/pushed-000", "/v2/" + at + "/", "/v2/" + at + "?x=/acr/oauth2/token", "/v2\\" + at, "/v2;x/" + at, "/v2/" + at + "#x",
		tokenPath + "/../../../v2/" + at, tokenPath + "/..%2f..%2f..%2fv2/" + at, tokenPath + ";/../../../v2/" + at, tokenPath + "%00/v2/" + at, tokenPath + "/v2/" + at, "/acr/oauth2/%74oken",
	} {
		all = append(all, attempt{name: "PUT of " + strings.ReplaceAll(path, at, "…"), send: a.request("PUT "+path+" HTTP/1.1", "Content-Type: "+manifestType, a.manifest)})
	}
	for _, path := range []string{tokenPath + "/../../../v2/" + repository + "/blobs/uploads/", tokenPath + "%2f..%2f..%2f..%2fv2/x/blobs/uploads/", tokenPath + "/", "//acr/oauth2/token", "/ACR/oauth2/token"} {
		all = append(all, attempt{name: "POST of " + strings.ReplaceAll(path, repository+"/blobs/uploads/", "…"), send: a.request("POST "+path+" HTTP/1.1", "Content-Length: 0")})
	}
	for _, path := range []string{"/v2/../metrics", "/v2/%2e%2e/metrics", "/", "/metrics", "/acr/v1/_catalog", "/v2x/", "*"} {
		all = append(all, attempt{name: "GET of " + path, send: a.request("GET " + path + " HTTP/1.1")})
	}
	return append(all,
		attempt{name: "POST of the token path with a query of /v2/", send: a.request("POST "+tokenPath+"?/v2/"+repository+"/blobs/uploads/ HTTP/1.1", "Content-Length: 0"), harmless: true},
		attempt{name: "POST of the token path with X-HTTP-Method-Override: PUT", send: a.request("POST "+tokenPath+" HTTP/1.1", "X-HTTP-Method-Override: PUT", "Content-Length: 0"), harmless: true},
		attempt{name: "PUT of the token path", send: a.request("PUT "+tokenPath+" HTTP/1.1", "Content-Length: 0")},
	)
}

// smuggled are attempts to make the proxy and the registry disagree on where a
// request ends, so that what the one takes for a body is a request to the other.
func (a target) smuggled() []attempt {
	tags := "GET /v2/" + repository + "/tags/list HTTP/1.1"
	put, last := a.put(), a.request(tags)
	open := func(line string, headers ...string) string { // a request that does not ask to be the last
		all := append([]string{line, "Host: " + address, "Authorization: Bearer " + a.token}, headers...)
		return strings.Join(all, "\r\n") + "\r\n\r\n"
	}
	token := "POST " + tokenPath + " HTTP/1.1"
	return []attempt{
		{name: "PUT after a GET on one connection", send: open(tags) + put},
		{name: "PUT as the body of a GET", send: open(tags, fmt.Sprintf("Content-Length: %d", len(put))) + put + last},
		{name: "PUT as the body of a GET in chunks", send: open(tags, "Transfer-Encoding: chunked") + chunked(put) + last},
		{name: "PUT as the body of a request for a token", send: open(token, fmt.Sprintf("Content-Length: %d", len(put))) + put + last, harmless: true},
		{name: "PUT after the end of a request for a token", send: open(token, "Content-Length: 0") + put},
		{name: "Content-Length and chunks (CL.TE)", send: open(token, fmt.Sprintf("Content-Length: %d", 5+len(put)), "Transfer-Encoding: chunked") + "0\r\n\r\n" + put},
		{name: "chunks and Content-Length (TE.CL)", send: open(token, "Transfer-Encoding: chunked", "Content-Length: 4") + chunked(put) + last},
		{name: "two Content-Lengths", send: open(token, "Content-Length: 0", fmt.Sprintf("Content-Length: %d", len(put))) + put},
		{name: "Content-Length: +0", send: open(token, "Content-Length: +0") + put},
		{name: "Content-Length: 0, 5", send: open(token, "Content-Length: 0, 5") + put},
		{name: "Content-Length of a negative number", send: open(token, "Content-Length: -1") + put},
		{name: "Transfer-Encoding: xchunked", send: open(token, "Transfer-Encoding: xchunked") + chunked(put)},
		{name: "Transfer-Encoding: identity", send: open(token, "Transfer-Encoding: identity") + put},
		{name: "Transfer-Encoding: chunked, identity", send: open(token, "Transfer-Encoding: chunked, identity") + chunked(put)},
		{name: "Transfer-Encoding twice", send: open(token, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + chunked(put)},
		{name: "a space before the colon of Transfer-Encoding", send: open(token, "Transfer-Encoding : chunked", "Content-Length: 5") + "0\r\n\r\n" + put},
		{name: "a tab before chunked", send: open(token, "Transfer-Encoding:\tchunked") + "0\r\n\r\n" + put},
		{name: "a folded Transfer-Encoding", send: open(token, "X: y", " Transfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + put},
		{name: "a header with a bare carriage return", send: open(token, "X: y\rTransfer-Encoding: chunked", "Content-Length: 5") + "0\r\n\r\n" + put},
		{name: "a chunk whose size overflows", send: open(token, "Transfer-Encoding: chunked") + "ffffffffffffffff0\r\n" + put},
		{name: "a chunk with an extension that ends in a bare line feed", send: open(token, "Transfer-Encoding: chunked") + "0;x\n\r\n\r\n" + put},
		{name: "lines that end in bare line feeds", send: strings.ReplaceAll(put, "\r\n", "\n")},
		{name: "a request line in two", send: "GET /v2/ HTTP/1.1\r\nHost: " + address + "\r\nX: y\r\n\r\n" + put},
		{name: "a space in the path", send: open("GET /v2/ HTTP/1.1\\r\\nPUT /v2/x HTTP/1.1") + put},
		{name: "HTTP/0.9", send: "PUT /v2/" + repository + "/manifests/pushed-000\r\n"},
		{name: "HTTP/1.2", send: a.request("PUT /v2/"+repository+"/manifests/pushed-000 HTTP/1.2", "Content-Type: "+manifestType, a.manifest)},
		{name: "HTTP/2's preface", send: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		{name: "upgrade to HTTP/2", send: open(tags, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__") + put},
		{name: "upgrade to a web socket", send: open(tags, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==") + put},
		{name: "Connection: Authorization, Host", send: a.request("PUT /v2/"+repository+"/manifests/pushed-000 HTTP/1.1", "Connection: Authorization, Host", "Content-Type: "+manifestType, a.manifest)},
	}
}

func (a target) all() []attempt {
	all := slices.Concat(a.plain(), a.methods(), a.paths(), a.smuggled())
	for i := range all { // a tag that is there already would change nothing; all are of one length
		tag := fmt.Sprintf("pushed-%03d", i+1)
		all[i].send = strings.ReplaceAll(all[i].send, "pushed-000", tag)
		all[i].name = strings.ReplaceAll(all[i].name, "pushed-000", "pushed")
	}
	return all
}

const denied = `{"errors":[{"code":"DENIED","message":"This operation is not allowed on this registry."}]}`

// exchange sends bytes and reads all answers, until the server closes.
func exchange(t *testing.T, host, bytesToSend string) []string {
	t.Helper()
	c, err := tls.Dial("tcp", host, trusting())
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.SetDeadline(time.Now().Add(15*time.Second)))
	if _, err := io.WriteString(c, bytesToSend); err != nil {
		t.Logf("the server closed while it was sent to: %v", err)
	}
	raw, err := io.ReadAll(c)
	if err != nil && len(raw) == 0 {
		return []string{"no answer"}
	}
	var answers []string
	for r := bufio.NewReader(bytes.NewReader(raw)); ; {
		if head, _ := r.Peek(5); !bytes.Equal(head, []byte("HTTP/")) {
			if len(head) > 0 {
				answers = append(answers, "a body without a head")
			}
			return answers
		}
		method := http.MethodGet
		if strings.HasPrefix(bytesToSend, "HEAD ") {
			method = http.MethodHead
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return append(answers, "something else")
		}
		body, _ := io.ReadAll(resp.Body) // what there is of it
		_ = resp.Body.Close()
		answers = append(answers, describe(resp, string(body)))
	}
}

func describe(resp *http.Response, body string) string {
	text := fmt.Sprint(resp.StatusCode)
	if resp.StatusCode == http.StatusForbidden && body == denied &&
		resp.Header.Get("Content-Type") == "application/json" && resp.Header.Get("Docker-Distribution-Api-Version") == "registry/2.0" {
		return text + " DENIED"
	}
	if m := regexp.MustCompile(`"code":"([A-Z_]+)"`).FindStringSubmatch(body); m != nil {
		text += " " + m[1]
	}
	return text
}

// prepare pushes what attempts need, and opens an upload that they can go on with.
func prepare(t *testing.T, r *registry, host string, img v1.Image) target {
	t.Helper()
	seed(t, host, "v1", img)
	token, err := r.issue([]string{"repository:" + repository + ":pull,push,delete,*", "repository:factory/other:pull,push,delete"})
	require.NoError(t, err)
	manifest, err := img.RawManifest()
	require.NoError(t, err)
	digest, err := img.Digest()
	require.NoError(t, err)
	config, err := img.ConfigName()
	require.NoError(t, err)
	layers, err := img.Layers()
	require.NoError(t, err)
	blob, err := layers[0].Digest()
	require.NoError(t, err)
	a := target{token: token, manifest: string(manifest), digest: digest.String(), blob: blob.String(), config: config.String()}
	a.session = openUpload(t, a, host)
	return a
}

func openUpload(t *testing.T, a target, host string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://"+host+uploads, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+a.token)
	resp, err := transport().RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	location, err := resp.Location()
	require.NoError(t, err)
	return location.RequestURI()
}

// Whatever is sent, nothing but reads and requests for tokens reaches the registry,
// and nothing of what it keeps changes. The same bytes sent to a registry without a
// proxy show which of them would have changed something.
func TestNoPushPasses(t *testing.T) {
	bringUpNetwork(t)
	img := image(t, 1000)
	guarded, alone := startRegistry(t, httpsPort, true), startRegistry(t, 9443, true)
	start(t, https)
	through := prepare(t, guarded, direct(httpsPort), img)
	at := direct(9443)
	withoutProxy := prepare(t, alone, at, img)
	count := len(through.all())
	before := guarded.content(t)
	var rows []string
	for i := range count {
		a := through.all()[i]
		t.Run(a.name, func(t *testing.T) {
			guarded.asked()
			answers := exchange(t, address+":443", a.send)
			seen, _ := guarded.asked()
			judge(t, a, answers, seen)
			require.Equal(t, before, guarded.content(t), "the registry's content has changed")

			unchanged := alone.content(t)
			control := exchange(t, at, withoutProxy.all()[i].send)
			effect := ""
			if alone.content(t) != unchanged {
				effect = ", **changed**"
				withoutProxy = prepare(t, alone, at, img)
			}
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s%s |", cell(a.name), strings.Join(answers, ", "), reached(seen), strings.Join(control, ", "), effect))
		})
	}
	require.Len(t, rows, count)
	t.Logf("\n%s", strings.Join(rows, "\n"))
	changed := len(regexp.MustCompile(`\*\*changed\*\*`).FindAllString(strings.Join(rows, "\n"), -1))
	assert.Greater(t, changed, 25, "most attempts change nothing even without the proxy")
	document(t, rows)
}

// refused is how an attempt ends: with the registry's own words, or those of nginx
// where it cannot tell what the request is.
var refused = regexp.MustCompile(`^(403 DENIED|403$|400$|501$|a body without a head)`)

// judge holds the proxy's answers, and what has reached the registry, against what an
// attempt may get.
func judge(t *testing.T, a attempt, answers, seen []string) {
	t.Helper()
	for _, request := range seen {
		assert.Regexp(t, `^((GET|HEAD) /v2/|POST /acr/oauth2/token(\?|$))`, request, "reached the registry")
	}
	require.NotEmpty(t, answers)
	if a.harmless {
		assert.NotEmpty(t, seen)
		return
	}
	assert.True(t, slices.ContainsFunc(answers, func(answer string) bool {
		return refused.MatchString(answer)
	}), "%v", answers)
}

func reached(seen []string) string {
	if len(seen) == 0 {
		return "–"
	}
	var methods []string
	for _, request := range seen {
		method, path, _ := strings.Cut(request, " ")
		if strings.HasPrefix(path, tokenPath) {
			method += " of the token path"
		}
		methods = append(methods, method)
	}
	return strings.Join(methods, ", ")
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\\", `\\`, "*", `\*`).Replace(text)
}

const (
	page  = "../../../docs/security.md"
	begin = "<!-- push attempts: written by the test in test/e2e/readonly -->\n"
	end   = "<!-- end of push attempts -->\n"
)

// document compares the table with the one in docs/security.md.
func document(t *testing.T, rows []string) {
	t.Helper()
	table := "| what is sent | the proxy answers | reaches the registry | a registry without the proxy answers |\n|---|---|---|---|\n" + strings.Join(rows, "\n") + "\n"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	was, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+table+end+after), 0o644))
		return
	}
	assert.Equal(t, was, table)
}
