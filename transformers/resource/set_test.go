package resource

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func parse(t *testing.T, src string) *Set {
	t.Helper()
	s, err := ParseStream([]byte(src))
	require.NoError(t, err)
	return s
}

func selectAll(t *testing.T, s *Set, kinds ...string) []*Object {
	t.Helper()
	objects, err := s.Select(kinds)
	require.NoError(t, err)
	return objects
}

func output(t *testing.T, s *Set) string {
	t.Helper()
	out, err := s.Bytes()
	require.NoError(t, err)
	var b bytes.Buffer
	n, err := s.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, len(out), n)
	require.Equal(t, string(out), b.String())
	return string(out)
}

func TestUnchangedStreamsKeepTheirBytes(t *testing.T) {
	for _, src := range streams {
		if src == "\xff\xfek\x00" {
			continue
		}
		s := parse(t, src)
		assert.Equal(t, src, output(t, s))
		_, _ = s.Select(nil)
		assert.Equal(t, src, output(t, s))
	}
}

func TestLenCountsDocumentsWithContent(t *testing.T) {
	for src, want := range map[string]int{
		"": 0, "\n": 0, "---": 0, "---\n---\n": 0, "# c\n---\n# d\n": 0, "a: 1": 1, "a: 1\n---\n": 1, "---\n# c\n---\na: 1\n---\nb: 2": 2,
		"--- # c\n": 0, "---\n{a: 1}\n---\nx": 2, "---\r\na: 1\r\n---\r\n": 1, "%YAML 1.2\n---\na: 1\n": 1, "\ufeff": 0, "\ufeffa: 1": 1,
		"a: |\n  ---\n  ---x: 1\n": 1, "...\n": 0, "# c\u0085a: 1": 1,
	} {
		assert.Equal(t, want, parse(t, src).Len(), "%q", src)
	}
}

func TestRemoveTakesTheSeparatorToo(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"first":               {"kind: X\n---\nkind: B\n", "---\nkind: B\n"},
		"first after header":  {"# license\n---\nkind: X\n---\nkind: B\n", "# license\n---\nkind: B\n"},
		"middle":              {"kind: A\n---\nkind: X\n---\nkind: B\n", "kind: A\n---\nkind: B\n"},
		"last":                {"kind: A\n---\nkind: X\n", "kind: A\n"},
		"last without ending": {"kind: A\n---\nkind: X", "kind: A\n"},
		"only":                {"---\nkind: X\n", ""},
		"byte order mark":     {"\ufeffkind: X\n---\nkind: B\n", "\ufeff---\nkind: B\n"},
		"crlf":                {"---\r\nkind: X\r\n---\r\nkind: B\r\n", "---\r\nkind: B\r\n"},
		"directive":           {"%YAML 1.2\n---\nkind: X\n---\nkind: B\n", "---\nkind: B\n"},
		"source":              {"---\n# Source: a\nkind: X\n---\n# Source: b\nkind: B\n", "---\n# Source: b\nkind: B\n"},
		"comment document":    {"---\n# c\n---\nkind: X\n---\n# d\n", "---\n# c\n---\n# d\n"},
		"item":                {"kind: List\nitems:\n- kind: X\n  a: 1\n# b\n- kind: B\n", "kind: List\nitems:\n# b\n- kind: B\n"},
		"all items":           {"kind: A\n---\nkind: List\nitems:\n- kind: X\n---\nkind: B\n", "kind: A\n---\nkind: B\n"},
		"json item":           {`{"kind":"List","items":[{"kind":"X"},{"kind":"B"}]}`, `{"kind":"List","items":[{"kind":"B"}]}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := parse(t, c.src)
			for _, o := range selectAll(t, s, "X") {
				s.Remove(o)
				s.Remove(o)
				assert.True(t, o.Removed())
			}
			assert.Empty(t, cmp.Diff(c.want, output(t, s)))
			assert.Empty(t, selectAll(t, s, "X"))
		})
	}
}

func TestAddAppendsDocuments(t *testing.T) {
	cases := map[string]struct{ src, want string }{
		"empty":          {"", "---\nkind: New\nlist:\n- \"yes\"\n"},
		"after ending":   {"kind: A\n", "kind: A\n---\nkind: New\nlist:\n- \"yes\"\n"},
		"without ending": {"kind: A", "kind: A\n---\nkind: New\nlist:\n- \"yes\"\n"},
		"crlf":           {"kind: A\r\nb: c", "kind: A\r\nb: c\r\n---\r\nkind: New\r\nlist:\r\n- \"yes\"\r\n"},
		"cut literal":    {"kind: A\nb: |\n  c", "kind: A\nb: |-\n  c\n---\nkind: New\nlist:\n- \"yes\"\n"},
		"cut keep":       {"kind: A\nb:\n- |2+ # x\n   c", "kind: A\nb:\n- |2- # x\n   c\n---\nkind: New\nlist:\n- \"yes\"\n"},
		"broken":         {"kind: [", "kind: [\n---\nkind: New\nlist:\n- \"yes\"\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := parse(t, c.src)
			o := s.Add(yaml.NewRNode(&yaml.Node{Kind: yaml.MappingNode}))
			require.NoError(t, o.Node().PipeE(yaml.SetField("kind", yaml.NewStringRNode("New"))))
			require.NoError(t, o.Node().PipeE(yaml.LookupCreate(yaml.SequenceNode, "list"), yaml.Append(yaml.NewStringRNode("yes").YNode())))
			assert.Empty(t, cmp.Diff(c.want, output(t, s)))
			assert.True(t, o.Added())
			s.Remove(o)
			assert.Equal(t, c.src, output(t, s))
		})
	}
}

func TestSelect(t *testing.T) {
	src := "kind: A\nname: x\n---\nkind: B\nv: needle\n---\nkind: A\nv: \"\\x6eeedle\"\n---\n{\"kind\": \"A\", \"v\": \"needle\"}\n" +
		"---\nkind: List\nitems:\n- {kind: A, v: needle}\n- {kind: C}\n---\nv: needle\n---\n- needle\n---\nneedle\n---\nkind: A\nv: two\n  words\n"
	names := func(objects []*Object) (all []string) {
		for _, o := range objects {
			all = append(all, o.Kind+" in "+o.Document())
		}
		return all
	}
	for _, c := range []struct {
		kinds, needles, want []string
	}{
		{[]string{"A"}, []string{"needle"}, []string{"A in document 3", "A in document 4", "A in document 5, item 1"}},
		{[]string{"B"}, nil, []string{"B in document 2"}},
		{nil, []string{"needle"}, []string{"B in document 2", "A in document 3", "A in document 4", "A in document 5, item 1"}},
		{[]string{"C", "New"}, nil, []string{"C in document 5, item 2", "New in added document"}},
		{[]string{"A"}, []string{"two words"}, []string{"A in document 9"}},
		{[]string{"A"}, []string{"no such", "name"}, []string{"A in document 1"}},
		{[]string{}, nil, nil},
	} {
		s := parse(t, src)
		s.Add(yaml.MustParse("kind: New\n"))
		found, err := s.Select(c.kinds, c.needles...)
		require.NoError(t, err)
		assert.Empty(t, cmp.Diff(c.want, names(found)), "%v %v", c.kinds, c.needles)
	}
}

func TestSelectSeesEdits(t *testing.T) {
	s := parse(t, "kind: A\nv: old\n")
	require.NoError(t, selectAll(t, s, "A")[0].Node().PipeE(yaml.SetField("v", yaml.NewStringRNode("new"))))
	for _, needle := range []string{"old", "new"} {
		found, err := s.Select([]string{"A"}, needle)
		require.NoError(t, err)
		assert.Len(t, found, 1, needle)
	}
}

func TestErrorsNameDocumentAndLine(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"unclosed": {"kind: A\n---\n# Source: c/x.yaml\nkind: A\nv: [secret-value\n", "c/x.yaml (document 2): line 5 of the input: invalid YAML: did not find expected ',' or ']'"},
		"tab":      {"kind: A\n---\nkind: B\n\tx: 1\n", "document 2: line 3 of the input: invalid YAML: found a tab character that violates indentation"},
		"twice":    {"kind: A\n---\nkind: A\nv: 1\nv: 2\n", "document 2: line 5 of the input: invalid YAML: the key \"v\" is given twice, before on line 4; Helm and kubectl use the last one only; remove the other"},
		"two":      {"kind: A\n...\nkind: A\n", "document 1: line 3 of the input: invalid YAML: did not find expected <document start>"},
		"complex":  {"? [a]\n: b\n", "document 1: line 1 of the input: invalid YAML: a mapping key must be a plain or quoted scalar"},
		"bomb": {"kind: A\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
			"document 1: line 6 of the input: invalid YAML: the aliases of the document expand to more than 100000 nodes"},
		"self":    {"kind: A\na: &a\n  b: *a\n", "document 1: line 3 of the input: invalid YAML: an alias is inside of what it stands for"},
		"merge":   {"kind: A\n<<: x\n", "document 1: line 2 of the input: invalid YAML: `<<` needs a mapping, or a sequence of mappings"},
		"utf8":    {"kind: A\nv: \"\xff\"\n", "document 1: invalid YAML: invalid leading UTF-8 octet"},
		"control": {"kind: A\nv: \x00\n", "document 1: invalid YAML: control characters are not allowed"},
		"large":   {"kind: A\nv: " + strings.Repeat("x", maxDocument), "document 1: 16 MiB in one document, more than the 16 MiB that are read (Kubernetes takes objects of about 1.5 MiB)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, c.src).Select(nil)
			require.EqualError(t, err, c.want)
		})
	}
	_, err := ParseStream([]byte("\xff\xfek\x00"))
	require.ErrorContains(t, err, "-Encoding utf8")
}

func TestUnwantedDocumentsPassWhateverTheyHold(t *testing.T) {
	src := "kind: B\nv: [\n---\nkind: B\nv: \x00\xff\n---\nkind: B\nv: " + strings.Repeat("x", maxDocument) + "\n---\nkind: A\nv: 1\n"
	s := parse(t, src)
	objects := selectAll(t, s, "A")
	require.Len(t, objects, 1)
	require.NoError(t, objects[0].Node().PipeE(yaml.SetField("v", yaml.MustParse("2"))))
	assert.True(t, strings.TrimSuffix(src, "1\n")+"2\n" == output(t, s))
}

func TestObjectMetadata(t *testing.T) {
	s := parse(t, "---\n# Source: chart/a.yaml\napiVersion: v1\nkind: A\nmetadata:\n  name: n\n  namespace: ns\n  labels: {a: b}\n---\nkind: A\n"+
		"---\nkind: A\nmetadata: {annotations: {postrenderer.helm.sh/postrender-filename: f.yaml}}\n"+
		"---\nkind: A\nmetadata: {annotations: {config.kubernetes.io/path: p.yaml, config.kubernetes.io/index: '2'}}\n"+
		"---\napiVersion: v1\nkind: AList\nitems:\n- metadata: {name: x}\n")
	var documents, ids []string
	objects := selectAll(t, s, "A")
	for _, o := range objects {
		documents, ids = append(documents, o.Document()), append(ids, o.ID())
	}
	assert.Equal(t, []string{"chart/a.yaml", "document 2", "f.yaml", "p.yaml, index 2", "document 5, item 1"}, documents)
	assert.Equal(t, []string{"A/ns/n", "A/(no name)", "A/(no name)", "A/(no name)", "A/x"}, ids)
	assert.Equal(t, "A/n", objects[0].String())
	assert.Equal(t, map[string]string{"a": "b"}, objects[0].Labels())
	assert.NotNil(t, objects[1].Annotations())
	assert.Equal(t, "v1", objects[4].APIVersion)
}

func TestChanges(t *testing.T) {
	s := parse(t, "kind: A\nv: 1\n---\nkind: X\n---\nkind: B\n---\nkind: List\nitems:\n- kind: X\n- kind: A\n  v: 1\n- kind: C\n")
	for _, o := range selectAll(t, s, "X") {
		s.Remove(o)
	}
	for _, o := range selectAll(t, s, "A") {
		require.NoError(t, o.Node().PipeE(yaml.SetField("v", yaml.MustParse("2"))))
	}
	s.Add(yaml.MustParse("kind: New\n"))
	changes, err := s.Changes()
	require.NoError(t, err)
	var got []string
	for _, c := range changes {
		got = append(got, c.Object.Kind+": "+string(c.Before)+"=> "+string(c.After))
	}
	assert.Empty(t, cmp.Diff([]string{
		"A: kind: A\nv: 1\n=> kind: A\nv: 2\n",
		"X: ---\nkind: X\n=> ",
		"X: - kind: X\n=> ",
		"A: - kind: A\n  v: 1\n=> - kind: A\n  v: 2\n",
		"New: => ---\nkind: New\n",
	}, got))
}

func TestResourceList(t *testing.T) {
	const src = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n  kind: F\nitems:\n- kind: A # a\n- kind:   B\n"
	s, err := ParseResourceList([]byte(src))
	require.NoError(t, err)
	assert.Equal(t, src, output(t, s))
	assert.Equal(t, 2, s.Len())
	config := s.FunctionConfig()
	require.NotNil(t, config)
	assert.Equal(t, "F", config.GetKind())
	s.Remove(selectAll(t, s, "A")[0])
	added := s.Add(yaml.MustParse("kind: New\nmetadata:\n  name: web\n"))
	assert.Equal(t, "added item", added.Document())
	s.SetResults(yaml.MustParse("- message: m\n"))
	assert.Empty(t, cmp.Diff(strings.Replace(src, "- kind: A # a\n", "", 1)+"- kind: New\n  metadata:\n    name: web\nresults:\n- message: m\n", output(t, s)))
	s.Remove(added)
	s.Remove(selectAll(t, s, "B")[0])
	s.SetResults(nil)
	assert.Empty(t, cmp.Diff(strings.Split(src, "items:")[0]+"items: []\n", output(t, s)))
	assert.Zero(t, s.Len())

	for _, bad := range []string{"", "kind: ResourceList\n", "apiVersion: config.kubernetes.io/v1alpha1\nkind: ResourceList\n", "a: [",
		"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: {}\n", "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: [x]\n",
		src + "---\nkind: A\n"} {
		_, err := ParseResourceList([]byte(bad))
		assert.Error(t, err, "%q", bad)
	}
	s, err = ParseResourceList([]byte("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"))
	require.NoError(t, err)
	assert.Nil(t, s.FunctionConfig())
	s.Add(yaml.MustParse("kind: New\n"))
	assert.Contains(t, output(t, s), "items:\n- kind: New\n")
}

// What stands between two documents goes with either one.
func TestRemovedDocumentsLeaveNothingBetween(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"the directives above":    {"kind: X\n... # c\n%YAML 1.1\n---\nkind: A\n...\n---\nkind: Y\n", "kind: X\n... # c\n---\nkind: Y\n"},
		"the directives below":    {"kind: A\n...\n%YAML 1.1\n---\nkind: X\n", "---\nkind: X\n"},
		"its own directives":      {"%YAML 1.2\n---\nkind: A\n...\n---\nkind: X\n", "---\nkind: X\n"},
		"a mark":                  {"kind: X\n---\n\ufeffkind: A\n---\n\ufeffkind: Y\n", "kind: X\n---\n\ufeffkind: Y\n"},
		"the mark of a first one": {"kind: A\n---\n\ufeffkind: X\n", "---\nkind: X\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, c.src)
			objects := selectAll(t, s, "A")
			require.Len(t, objects, 1)
			s.Remove(objects[0])
			assert.Equal(t, c.want, output(t, s))
		})
	}
}

func TestEditedDocumentsKeepDirectivesAndLoseTheMark(t *testing.T) {
	s := parse(t, "kind: X\n---\n\ufeffkind: A\n...\n%YAML 1.1\n---\nkind: Y\n")
	require.NoError(t, selectAll(t, s, "A")[0].Node().PipeE(yaml.SetField("v", yaml.NewStringRNode("x"))))
	assert.Equal(t, "kind: X\n---\nkind: A\nv: x\n...\n%YAML 1.1\n---\nkind: Y\n", output(t, s))
}
