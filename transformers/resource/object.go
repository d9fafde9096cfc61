package resource

import (
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Object is one manifest of a Set: a document, or an item of a list.
type Object struct {
	// The identity that the object had when it was parsed or added.
	APIVersion, Kind, Namespace, Name string

	set     *Set
	unit    *unit      // the document that holds it; nil for a document that was added
	items   *yaml.Node // the sequence that holds it; nil when it is a whole document
	index   int        // its number in items, from 0, as of parse
	node    *yaml.RNode
	print   uint64            // fingerprint as of parse
	source  []byte            // the text it was parsed from (the lines of it, for an item)
	came    map[string]string // see OriginalAnnotations
	added   bool
	removed bool
}

// Node returns the live tree: what is changed in it is what Set.Bytes writes.
// Aliases and merge keys are expanded in it. Changes of comments and style
// alone are not written.
func (o *Object) Node() *yaml.RNode {
	o.wholly()
	return o.node
}

// Added says whether the object came by Set.Add.
func (o *Object) Added() bool { return o.added }

// Changed reports whether the object differs from its original, in more than comments
// and style. It is false for one that was added.
func (o *Object) Changed() bool {
	switch {
	case o.added:
		return false
	case o.items == nil:
		return o.unit.changed()
	}
	return fingerprint(o.node.YNode()) != o.print
}

// Removed says whether the object went by Set.Remove.
func (o *Object) Removed() bool { return o.removed }

// Labels returns a copy of metadata.labels as it is now, never nil.
func (o *Object) Labels() map[string]string { return o.stringMap("labels") }

// Annotations returns a copy of metadata.annotations as it is now, never nil.
func (o *Object) Annotations() map[string]string { return o.stringMap("annotations") }

// OriginalAnnotations returns metadata.annotations as they came; nil for an object
// that had none.
func (o *Object) OriginalAnnotations() map[string]string { return o.came }

func (o *Object) stringMap(field string) map[string]string {
	values := map[string]string{}
	if o == nil || o.node == nil {
		return values
	}
	fields := child(child(o.node.YNode(), "metadata"), field)
	if fields == nil || fields.Kind != yaml.MappingNode {
		return values
	}
	for i := 0; i+1 < len(fields.Content); i += 2 {
		if fields.Content[i+1].Kind == yaml.ScalarNode {
			values[fields.Content[i].Value] = fields.Content[i+1].Value
		}
	}
	return values
}

// Ref is what Kubernetes knows an object by. Namespace is empty where the object
// states none.
type Ref struct {
	APIVersion string `json:"apiVersion" yaml:"apiVersion"`
	Kind       string `json:"kind" yaml:"kind"`
	Name       string `json:"name" yaml:"name"`
	Namespace  string `json:"namespace,omitempty" yaml:"namespace,omitempty"`
}

// Ref returns the identity that the object had when it was parsed or added.
func (o *Object) Ref() Ref {
	return Ref{APIVersion: o.APIVersion, Kind: o.Kind, Name: o.Name, Namespace: o.Namespace}
}

// String returns kind and name, as in "Deployment/web".
func (o *Object) String() string {
	return orUnknown(o.Kind, "(no kind)") + "/" + orUnknown(o.Name, "(no name)")
}

// ID returns kind, namespace (if the object states one) and name, as in
// "Deployment/shop/web".
func (o *Object) ID() string {
	if o.Namespace == "" {
		return o.String()
	}
	return orUnknown(o.Kind, "(no kind)") + "/" + o.Namespace + "/" + orUnknown(o.Name, "(no name)")
}

func orUnknown(s, unknown string) string {
	if s == "" {
		return unknown
	}
	return s
}

// Annotations that tell where an object came from.
const (
	helmFilename   = "postrenderer.helm.sh/postrender-filename"
	kustomizePath  = "config.kubernetes.io/path"
	kustomizeIndex = "config.kubernetes.io/index"
)

// File returns the path of the template that rendered the object, within its Helm
// release: from Helm 3's "# Source:" comment or Helm 4's annotation, empty if the
// object has neither.
func (o *Object) File() string {
	if o.unit != nil && o.items == nil {
		if path := o.unit.sourcePath(); path != "" {
			return path
		}
	}
	return o.Annotations()[helmFilename]
}

// Document names the object's origin for messages: Helm 3's "# Source:"
// path, else Helm 4's file name annotation, else the path (and index)
// annotation of KRM functions, else its number in the input, from 1.
func (o *Object) Document() string {
	annotations := o.Annotations()
	switch {
	case o.unit != nil && o.items == nil && o.unit.sourcePath() != "":
		return o.unit.sourcePath()
	case annotations[helmFilename] != "":
		return annotations[helmFilename]
	case annotations[kustomizePath] != "" && annotations[kustomizeIndex] != "":
		return fmt.Sprintf("%s, index %s", annotations[kustomizePath], annotations[kustomizeIndex])
	case annotations[kustomizePath] != "":
		return annotations[kustomizePath]
	case o.added && o.unit == nil, o.unit == nil:
		return "added document"
	case o.added:
		return "added item"
	case o.items == nil:
		return o.unit.name()
	case o.unit == o.set.list:
		return fmt.Sprintf("item %d", o.index+1)
	default:
		return fmt.Sprintf("%s, item %d", o.unit.name(), o.index+1)
	}
}

// identify fills the identity from the tree, or gives it that of a typed list's items.
func (o *Object) identify(apiVersion, kind string) {
	root := o.node.YNode()
	o.APIVersion, o.Kind = scalar(root, "apiVersion"), scalar(root, "kind")
	if o.APIVersion == "" && o.Kind == "" {
		o.APIVersion, o.Kind = apiVersion, kind
	}
	metadata := child(root, "metadata")
	o.Namespace, o.Name = scalar(metadata, "namespace"), scalar(metadata, "name")
	if child(metadata, "annotations") != nil && !o.added {
		o.came = o.Annotations()
	}
}

// child returns the value of a key of a mapping, nil when there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i].Kind == yaml.ScalarNode {
			return n.Content[i+1]
		}
	}
	return nil
}

// scalar returns the text of a scalar under a key, "" for null and all else.
func scalar(n *yaml.Node, key string) string {
	v := child(n, key)
	if v == nil || v.Kind != yaml.ScalarNode || v.ShortTag() == yaml.NodeTagNull {
		return ""
	}
	return v.Value
}
