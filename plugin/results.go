package plugin

import (
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// result is an entry of a ResourceList's results.
// Source: KRM Functions Specification v1.
type result struct {
	Message     string            `yaml:"message"`
	Severity    string            `yaml:"severity"`
	ResourceRef *resource.Ref     `yaml:"resourceRef,omitempty"`
	Field       *resultField      `yaml:"field,omitempty"`
	File        *resultFile       `yaml:"file,omitempty"`
	Tags        map[string]string `yaml:"tags,omitempty"`
}

type resultField struct {
	Path string `yaml:"path"`
}

// resultFile is where the host read the object from.
type resultFile struct {
	Path  string `yaml:"path"`
	Index int    `yaml:"index,omitempty"`
}

// setResults puts results in a list. Without any the list stays as it is.
func setResults(set *resource.Set, results []result) error {
	if len(results) == 0 {
		return nil
	}
	encoded, err := yaml.Marshal(results)
	if err != nil {
		return err
	}
	node, err := yaml.Parse(string(encoded))
	if err != nil {
		return err
	}
	set.SetResults(node)
	return nil
}

func resultsOf(report *transformers.Report) []result {
	var results []result
	for _, c := range report.Changes {
		results = append(results, result{
			Message: scrub(c.Message), Severity: "info",
			ResourceRef: reference(c.Object), File: fileOf(c.Object), Tags: tags(c.Transformer, ""),
		})
	}
	for _, w := range report.Warnings {
		results = append(results, result{
			Message: scrub(w.Message), Severity: "warning",
			ResourceRef: reference(w.Object), File: fileOf(w.Object), Tags: tags(w.Transformer, w.Code.String()),
		})
	}
	return results
}

// tags are what of a result the specification has no field for, none where there is
// nothing.
func tags(transformer, code string) map[string]string {
	tags := map[string]string{}
	if transformer != "" {
		tags["transformer"] = transformer
	}
	if code != "" {
		tags["code"] = code
	}
	return tags
}

func reference(o *resource.Object) *resource.Ref {
	if o == nil {
		return nil
	}
	return refOf(o.Ref())
}

// fileOf is the file that the host's annotations name, nil where they name none.
func fileOf(o *resource.Object) *resultFile {
	if o == nil {
		return nil
	}
	annotations := o.Annotations()
	path := annotations["internal.config.kubernetes.io/path"]
	if path == "" {
		return nil
	}
	index, err := strconv.Atoi(annotations["internal.config.kubernetes.io/index"])
	if err != nil {
		index = 0 // which is what its absence means
	}
	return &resultFile{Path: path, Index: index}
}

// errorResults are a failure's problems. Their messages stay whole, because a
// host may show nothing else of a result.
func errorResults(set *resource.Set, err error) []result {
	var results []result
	for _, problem := range problemsOf(err) {
		o := find(set, problem)
		r := result{Message: problem.text, Severity: "error", ResourceRef: reference(o), File: fileOf(o), Tags: tags("", problem.Code)}
		if problem.Object != "" && problem.Path != "" {
			r.Field = &resultField{Path: problem.Path}
		}
		results = append(results, r)
	}
	return results
}

// find looks up the object that a problem is with, nil where it names none or one
// that is not in the input.
func find(set *resource.Set, p problem) *resource.Object {
	if p.Ref == nil {
		return nil
	}
	objects, err := set.Select([]string{p.Ref.Kind})
	if err != nil {
		return nil
	}
	for _, o := range objects {
		if o.Ref() == *p.Ref && o.Document() == p.Document {
			return o
		}
	}
	return nil
}
