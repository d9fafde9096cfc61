package resource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/kyaml/kio"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

// reader is another program's way to read a stream. It returns the objects up to the
// first that it cannot read, as kubectl applies these.
type reader struct {
	name string
	read func(stream []byte) ([]*unstructured.Unstructured, error)
}

var readers = []reader{
	{"kubectl", kubectlObjects},
	{"Helm 3", func(stream []byte) ([]*unstructured.Unstructured, error) { return helmObjects(helm3Split(stream)) }},
	{"Helm 4", func(stream []byte) ([]*unstructured.Unstructured, error) { return helmObjects(helm4Split(stream)) }},
	{"kyaml", kyamlObjects},
}

// kubectlObjects reads as kubectl's StreamVisitor, which Helm uses for what it applies.
func kubectlObjects(stream []byte) (objects []*unstructured.Unstructured, err error) {
	decoder := k8syaml.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		var raw runtime.RawExtension
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return objects, err
		}
		if objects, err = appendJSON(objects, raw.Raw); err != nil {
			return objects, err
		}
	}
}

// appendJSON appends an object, or those of a list, as kubectl flattens it.
func appendJSON(objects []*unstructured.Unstructured, raw []byte) ([]*unstructured.Unstructured, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return objects, nil
	}
	object, _, err := unstructured.UnstructuredJSONScheme.Decode(raw, nil, nil)
	if err != nil {
		return objects, err
	}
	return flatten(objects, object)
}

func flatten(objects []*unstructured.Unstructured, object runtime.Object) ([]*unstructured.Unstructured, error) {
	if u, ok := object.(runtime.Unstructured); ok && u.IsList() {
		err := u.EachListItem(func(item runtime.Object) (err error) {
			objects, err = flatten(objects, item)
			return err
		})
		return objects, err
	}
	return append(objects, object.(*unstructured.Unstructured)), nil
}

// helm3Split splits as Helm 3 does.
func helm3Split(stream []byte) []string {
	parts := releaseutil.SplitManifests(string(stream))
	documents := make([]string, len(parts))
	for i := range documents {
		documents[i] = parts[fmt.Sprintf("manifest-%d", i)]
	}
	return documents
}

// helm4Split splits as Helm 4 does: at each line that begins with `---`, of which it
// drops spaces and tabs behind that too.
func helm4Split(stream []byte) (documents []string) {
	for i, part := range bytes.Split(append([]byte("\n"), bytes.TrimSpace(stream)...), []byte("\n---")) {
		if i > 0 {
			part = bytes.TrimLeft(part, " \t")
		}
		if part = bytes.TrimSpace(part); len(part) > 0 {
			documents = append(documents, string(part))
		}
	}
	return documents
}

// helmObjects reads each document by itself. Where Helm stops at the first that is
// broken, the others count, because a person may do so.
func helmObjects(documents []string) (objects []*unstructured.Unstructured, failed error) {
	for _, document := range documents {
		raw, err := yaml.YAMLToJSON([]byte(document))
		if err == nil {
			objects, err = appendJSON(objects, raw)
		}
		failed = errors.Join(failed, err)
	}
	return objects, failed
}

// kyamlObjects reads as kustomize does, and Helm 4 what post-renderers return.
func kyamlObjects(stream []byte) (objects []*unstructured.Unstructured, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	nodes, err := (&kio.ByteReader{Reader: bytes.NewReader(stream), OmitReaderAnnotations: true}).Read()
	if err != nil {
		return nil, err
	}
	for _, node := range nodes {
		var raw []byte
		if raw, err = node.MarshalJSON(); err == nil {
			objects, err = appendJSON(objects, raw)
		}
		if err != nil {
			return objects, err
		}
	}
	return objects, nil
}

// identity is what a reader and the program agree on.
type identity struct{ apiVersion, kind, namespace, name string }

func identitiesOf(objects []*unstructured.Unstructured, kinds []string) (found []identity) {
	for _, o := range objects {
		if hasStrings(o, "apiVersion") && hasStrings(o, "metadata", "name") && hasStrings(o, "metadata", "namespace") && slices.Contains(kinds, o.GetKind()) {
			found = append(found, identity{o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName()})
		}
	}
	return found
}

// hasStrings reports whether a field is a string, null or not there, as the API server
// demands.
func hasStrings(o *unstructured.Unstructured, path ...string) bool {
	value, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	_, isString := value.(string)
	return err == nil && (value == nil || isString)
}

// wantedKinds are what the readers are compared on.
var wantedKinds = []string{"DaemonSet", "Service", "A", "B"}

// readerSeeds are streams that some reader takes for other objects than another does.
var readerSeeds = []string{
	"kind: A\n---# comment\nkind: B\n", "---# comment\nkind: B\n", "kind: X\n---kind: B\n", "kind: X\n---kind:\n  B\n", "kind: X\n----\nkind: B\n", "-----\nkind: A\n",
	"kind: X\n---\u00a0\nkind: B\n", "kind: X\n--- \u00a0\nkind: B\n", "kind: X\n---\ttext\n---\nkind: B\n", "kind: X\n--- text\n---\nkind: B\n", "kind: X\n--- {kind: B}\n",
	"kind: X\n--- !!map\nkind: B\n", "kind: X\n--- |\n kind: B\n", "kind: X\n--- &a\nkind: B\n", "kind: X\n---\f\nkind: B\n", "kind: X\n---\v\nkind: B\n", "kind: X\n--- # c\rkind: B\n",
	"kind: A\n--- #\xff", "kind: AList\nitems:\n-", "kind: List\nitems:\n- items:\n  - kind: A", "kind: A\n--- # \x00\n", "kind: X\n---\rkind: B\n", "kind: X\n---\u0085kind: B\n", "kind: X\n---\u2028kind: B\n", "kind: X\n--- # c\u2029kind: B\n", "kind: X\r---\rkind: B\r", "kind: X\u2028---\u2028kind: B\n",
	"kind: X\r\n---\r\nkind: B\r\n", "kind: X\n---\t# c\nkind: B\n", "kind: X\n---\r\r\nkind: B\n", "kind: X\n---", "---", "--- \t \nkind: A\n---   # c\nkind: B\n",
	"kind: X\n---\n\ufeffkind: B\nmetadata: {name: b}\n", "---\n\ufeffkind: B\nc: d\n", "kind: X\n---\n# c\n\ufeffkind: B\nc: d\n", "kind: X\n---\n\n\ufeffkind: B\n", "kind: X\n---\n---\n\ufeffkind: B\nc: d\n",
	"kind: X\n\ufeff---\nkind: B\n", "kind: A\n---\n\ufeff---\nkind: B\n", "\ufeffkind: A\n---\n\ufeffkind: B\nc: d\n---\n\ufeff# c\nkind: A\n", "\ufeff\ufeffkind: A\n", "\ufeff---\n\ufeffkind: A\n", "kind: X\n---\n\ufeff  kind: B\n",
	"kind: X\n---\n\ufeff{\"kind\": \"B\"}\n", "kind: A\n\ufeffkind: B\n", "kind: X\n---\r\n\ufeffkind: B\r\nc: d\r\n",
	"kind: X\nkind: A\n", "kind: A\nkind: X\n", "kind: X\nmetadata: {name: a}\n\"kind\": A\n", "kind: X\n? kind\n: A\n", "apiVersion: v1\nkind: X\nkind: A\nmetadata: {name: a}\n", "{\"kind\": \"X\", \"kind\": \"A\"}\n",
	"apiVersion: v1\nkind: A\nmetadata:\n  name: a\nspec: {}\nmetadata:\n  name: b\n", "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  name: b\n", "kind: A\nmetadata: {name: a}\nmetadata: {name: b}\n",
	"x: &x {kind: A}\nkind: X\n<<: *x\n", "x: &x {kind: X}\n<<: *x\nkind: A\n", "kind: A\nmetadata:\n  name: a\n  <<: {name: b}\n", "<<: {kind: A}\nx: y\n", "kind: X\n<<: [{kind: A}, {kind: B}]\n",
	"!!binary a2luZA==: A\n", "kind: !!binary QQ==\n", "kind: !x A\n", "kind: !!str A\n", "kind: A\nmetadata: {name: !!binary YQ==}\n", "kind: A\nmetadata: {!!binary bmFtZQ==: a}\n", "*a : b\n",
	"kind: X\n---\nkind: [A\n", "kind: {A\n---\nkind: B\n", "kind: A\n---\nx: \"\n---\nkind: B\n", "kind: X\nx: '\n---\nkind: A\n'\n",
	"kind: A\n...\n---\nkind: B\n", "kind: X\n...\nkind: B\n", "kind: A\n...\n%YAML 1.1\n---\nkind: B\n", "%YAML 1.1\n---\nkind: A\n---\nkind: B\n", "kind: A\n... # c\n%YAML 1.2\n# c\n%TAG ! tag:x,2000:\n--- # c\nkind: B\n...\n---\nkind: A\n",
	"...\nkind: A\n", "---\n...\n---\nkind: A\n", "kind: X\n%YAML 1.1\n---\nkind: B\n", "kind: A\n...x\nkind: B\n",
	"{\"kind\": \"A\"}{\"kind\": \"B\"}", "{\"kind\": \"A\"}\n{\"kind\": \"B\"}\n{\"kind\": \"A\"}\n", "{\"kind\": \"A\"}\nkind: B\n", "{\"kind\": \"A\"}\n---\n{\"kind\": \"B\"}\n---\nkind: A\n", "\u00a0{\"kind\": \"A\"}\n", "\u00a0kind: A\n", "kind: X\n---\n\u2003kind: B\n",
	"{\"kind\": \"A\"} # c\n---\nkind: B\n", "\n\n  {kind: A}\n", "{\"kind\": \"\\u0041\"}\n", "{\n\t\"kind\": \"A\",\n\t\"metadata\": {\"name\": \"a\\/b\"}\n}\n", "[{\"kind\": \"A\"}]\n", "\r kind: A", "kind: AList\napiVersion: 0\nitems:\n- 0:",
	"apiVersion: v1\nkind: List\nitems:\n- kind: A\n  metadata: {name: a}\n- {kind: B}\n", "kind: BList\napiVersion: v1\nitems:\n- metadata: {name: a}\n", "kind: X\nitems:\n- kind: A\n", "kind: A\nitems:\n- metadata: {name: a}\n",
	"kind: XList\nitems:\n- kind: A\n- x: y\n", "items:\n- kind: A\nkind: X\n", "kind: List\nitems:\n- kind: List\n  items:\n  - kind: A\n", "kind: X\nitems: &a [{kind: A}]\n", "kind: List\nitems:\n- kind: X\n  items: [{kind: A}]\n",
	"kind: X\nx: |\n  ---\n  kind: A\n---\nkind: B\n", "kind: X\nx: |\n---\nkind: B\n", "kind: X\nx: \"a\n  ---\n  b\"\n---\nkind: B\n", "  ---\n  kind: A\n", " ---\n---\nkind: B\n", "kind: X\n ---\nkind: B\n", "kind: X\n---\n  a: b\nkind: A\n",
	"kind: A \n---  \nkind: B\t\n", "# c\n--- # c\n# c\nkind: A\n", "\n\n---\n\n---\n\nkind: A\n", "kind: A\u00a0\n", "kind: |\n  A\n", "kind: >-\n  A\n", "kind: X\n---\nkind: |\n  B", "kind: A\n\f\n", "kind: A\nx: \x00\n", "kind: A\nx: \xff\n",
	"kind: A\nmetadata:\n  name: 1\n  namespace: on\n", "kind: A\nx: y\u0085kind: B\n", "a: \"\nkind: X\n\"\nkind: A\n", "a: {\nkind: X\n}\nb: c\n", "Kind: X\nkind: A\n", "kind: A\n---\nkind: X\n---\nkind: B\nmetadata: &m {name: b}\nspec: *m\n",
}

// FuzzReaders asserts that the program sees each object of a wanted kind that kubectl,
// Helm or kyaml reads out of a stream, unless it refuses the stream, and that these read
// what the program says after it has removed or edited them.
func FuzzReaders(f *testing.F) {
	addSeeds(f)
	for _, seed := range readerSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) { requireSeen(t, stream) })
}

// streamParts are what random streams consist of.
var streamParts = []string{
	"kind: A\n", "kind: B\n", "kind: X\n", "kind: List\n", "kind: AList\n", "apiVersion: v1\n", "metadata: {name: a}\n", "metadata:\n  name: b\n  namespace: c\n", "items:\n", "- kind: A\n", "- {kind: B}\n", "  metadata: {name: d}\n",
	"\"kind\": A\n", "'kind': B\n", "? kind\n: A\n", "kind: &k A\n", "x: *k\n", "kind:\n  A\n", "kind: \"A\n  B\"\n", "kind: >-\n  A\n", "kind: !!str A\n", "!!str kind: A\n", "kind: [A\n", "<<: {kind: A}\n", "<<: *x\n", "x: &x {kind: A, metadata: {name: e}}\n",
	"{\"kind\": \"A\"}", "{kind: A}", "{\"kind\": \"B\", \"metadata\": {\"name\": \"f\"}}\n", "[]\n", "x: |\n", "x: \"\n", "\"\n", "x: '\n", "'\n", "x: {\n", "}\n", "x:\n", "  y\n", "\ty\n", "x: y", "null\n", "~\n", "x\n",
	"---\n", "---\n", "---\n", "---", "--- ", "---\t", "--- # c\n", "---# c\n", "---kind: A\n", " ---\n", "----\n", "--- text\n", "...\n", "... # c\n", "%YAML 1.1\n", "%YAML 1.2\n", "%TAG ! tag:x,2000:\n", "# c\n", "#", "# Source: x\n",
	"\n", "\n\n", "\r\n", "\r", " ", "  ", "\t", "\u0085", "\u2028", "\u2029", "\u00a0", "\u2003", "\ufeff", "\f", "\v", "\x00", "\xff", "é", "!", "&a ", "*a", "- ", "? ", ": ", ",", "|", ">", "\\",
}

// TestReadersOfRandomStreams is FuzzReaders for streams of parts that a fuzzer of bytes
// takes long to find.
func TestReadersOfRandomStreams(t *testing.T) {
	rounds := 4000
	if testing.Short() {
		rounds = 1000
	}
	random := rand.New(rand.NewPCG(5, 31))
	for range rounds {
		var stream []byte
		for range 1 + random.IntN(12) {
			stream = append(stream, streamParts[random.IntN(len(streamParts))]...)
		}
		requireSeen(t, stream)
	}
}

func requireSeen(t *testing.T, stream []byte) {
	t.Helper()
	set, err := ParseStream(stream)
	if err != nil {
		return
	}
	objects, err := set.Select(wantedKinds)
	if err != nil {
		return
	}
	var seen []identity
	for _, o := range objects {
		seen = append(seen, identity{o.APIVersion, o.Kind, o.Namespace, o.Name})
		// A version that is no string is to kubectl none.
		seen = append(seen, identity{"", o.Kind, o.Namespace, o.Name})
	}
	same, err := set.Bytes()
	require.NoError(t, err)
	require.Equal(t, string(stream), string(same))
	for _, r := range readers {
		read, _ := r.read(stream)
		for _, id := range identitiesOf(read, wantedKinds) {
			require.Contains(t, seen, id, "%s reads this out of %q", r.name, stream)
		}
	}
	requireRemoved(t, stream)
	requireEdited(t, stream)
}

// requireRemoved removes all wanted objects: no reader sees one afterwards, and all
// that could read the stream still read the others.
func requireRemoved(t *testing.T, stream []byte) {
	set, objects := selectWanted(t, stream)
	for _, o := range objects {
		set.Remove(o)
	}
	output, err := set.Bytes()
	if err != nil {
		return
	}
	for _, r := range readers {
		before, failed := r.read(stream)
		after, err := r.read(output)
		require.Empty(t, identitiesOf(after, wantedKinds), "%s still reads this after the removal: %q => %q", r.name, stream, output)
		if failed == nil && !onlyEnd.Match(stream) {
			require.NoError(t, err, "%s: %q => %q", r.name, stream, output)
			require.Equal(t, others(before), others(after), "%s: %q => %q", r.name, stream, output)
		}
	}
}

// onlyEnd matches a document of comments and a `...`, which kubectl refuses or not by
// the number of separators before it.
var onlyEnd = regexp.MustCompile(`(?m)(?:\A|^---.*\n)(?:\s*#.*\n|\s*\n)*\.\.\.`)

// requireEdited edits all wanted objects: those that a reader sees afterwards have it.
func requireEdited(t *testing.T, stream []byte) {
	set, objects := selectWanted(t, stream)
	for _, o := range objects {
		if o.Node().PipeE(kyaml.SetField("edited", kyaml.NewStringRNode("yes"))) != nil {
			return
		}
	}
	output, err := set.Bytes()
	if err != nil {
		return
	}
	for _, r := range readers {
		if strings.HasPrefix(r.name, "Helm") && slices.ContainsFunc(objects, isIndented) {
			continue // Helm trims the first line of a document, and only one that has no other survives
		}
		before, failed := r.read(stream)
		after, err := r.read(output)
		for _, o := range after {
			if slices.Contains(wantedKinds, o.GetKind()) {
				require.Equal(t, "yes", o.Object["edited"], "%s: %q => %q", r.name, stream, output)
			}
		}
		if failed == nil {
			require.NoError(t, err, "%s: %q => %q", r.name, stream, output)
			require.GreaterOrEqual(t, len(identitiesOf(after, wantedKinds)), len(identitiesOf(before, wantedKinds)), "%s: %q => %q", r.name, stream, output)
			require.Equal(t, others(before), others(after), "%s: %q => %q", r.name, stream, output)
		}
	}
}

// isIndented reports whether the root of an object's document is indented.
func isIndented(o *Object) bool { return o.unit.root.Content[0].Column > 1 }

func selectWanted(t *testing.T, stream []byte) (*Set, []*Object) {
	set, err := ParseStream(stream)
	require.NoError(t, err)
	objects, err := set.Select(wantedKinds)
	require.NoError(t, err)
	return set, objects
}

// others are the objects of kinds that nobody asked for. An object without a kind
// is none to an API server.
func others(objects []*unstructured.Unstructured) (rest []map[string]any) {
	for _, o := range objects {
		if o.GetKind() != "" && !slices.Contains(wantedKinds, o.GetKind()) {
			rest = append(rest, o.Object)
		}
	}
	return rest
}
