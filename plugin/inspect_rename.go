package plugin

import (
	"fmt"
	"net/netip"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

var (
	// anyPEM is replaced too, because certificates name hosts.
	anyPEM = lazyregexp.New(`(?s)-----BEGIN [^-]+-----.*?-----END [^-]+-----`)
	// nameWord is a word that may be a name, addressWord one that may be an address.
	nameWord    = lazyregexp.New(`[A-Za-z0-9][A-Za-z0-9-]*`)
	addressWord = lazyregexp.New(`\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}`)
	// hostWord is a DNS name that ends in letters, which no version does.
	hostWord = lazyregexp.New(`\b[A-Za-z0-9](?:[A-Za-z0-9-]*\.)+[A-Za-z]{2,}\b`)
	// publicHost is of Kubernetes and of public projects, or a file's name.
	publicHost = lazyregexp.New(`(?i)(?:^|\.)(?:kubernetes\.io|k8s\.io|cert-manager\.io|helm\.sh|coreos\.com|microsoft\.com|quay\.io|docker\.io|ghcr\.io|gcr\.io|cluster\.local|connectedregistry\.dev|github\.com|[a-z]+\.(?:crt|key|pem|ya?ml|toml|sh|conf|json|txt|env|log)|d|svc)$`)
	// publicName is documented, or one of Kubernetes' or cert-manager's own.
	publicName = lazyregexp.New(`^(?:|connected-registry(?:-.*)?|default|kube-.*|system|cert-manager(?:-.*)?|cainjector|webhook|controller|https?|tcp|tls|ca|certs?|data|config|registry|Helm|true|false|[A-Z_]+|\d+)$`)
	// knownSuffix is a part of a name that the program recognizes roles by.
	knownSuffix = lazyregexp.New(`-?(?:containerd-config|ca-cert|:?leaderelection)$`)
)

// renamer replaces names one to one.
type renamer struct {
	release string // the release's name, replaced at the start of longer ones too
	names   map[string]string
	others  map[string]string // hosts and addresses, as they are met
}

func (f *inspection) newRenamer(objects []*resource.Object) *renamer {
	r := &renamer{names: map[string]string{}, others: map[string]string{}}
	if f.registry != nil && !publicName().MatchString(f.registry.Release.Name) {
		r.release = f.registry.Release.Name
		r.names[r.release] = "release-1"
	}
	for _, o := range objects {
		if o.Kind == "CustomResourceDefinition" {
			continue
		}
		for _, name := range append(registry.Names(o), o.Namespace) {
			r.add(name)
		}
		eachScalar(o.Node().YNode(), "", func(key string, s *yaml.Node) {
			switch key {
			case "secretName", "claimName", "storageClassName", "serviceAccountName", "nodeName", "ingressClassName", "namespace", registry.InstanceLabel, registry.ReleaseNameLabel, "meta.helm.sh/release-namespace":
				r.add(s.Value)
			}
		})
		r.addLabels(o)
	}
	return r
}

// addLabels adds the values of the labels that are a site's own.
func (r *renamer) addLabels(o *resource.Object) {
	for key, value := range o.Labels() {
		if !strings.HasPrefix(key, "app.kubernetes.io/") && !strings.HasPrefix(key, "helm.sh/") {
			r.add(value)
		}
	}
	for _, ref := range registry.SecretRefs(registry.PodSpec(o.Node())) {
		r.add(ref.Name())
	}
	for _, path := range [][]string{{"spec", "issuerRef", "name"}, {"spec", "ca", "secretName"}} {
		r.add(node.Text(o.Node(), path...))
	}
}

func (r *renamer) add(name string) {
	if r.names[name] != "" || publicName().MatchString(name) || r.isOfRelease(name) || hostWord().FindString(name) == name {
		return
	}
	r.names[name] = fmt.Sprintf("name-%d%s", len(r.names)+1, knownSuffix().FindString(name))
}

func (r *renamer) isOfRelease(name string) bool {
	return r.release != "" && (strings.HasPrefix(name, r.release+"-") || strings.HasPrefix(name, r.release+":"))
}

// renameObject replaces the site's names in an object. The body of a CRD has none.
func (r *renamer) renameObject(kind string, n *yaml.RNode) {
	if kind == "CustomResourceDefinition" {
		n = node.Lookup(n, "metadata")
	}
	eachScalar(n.YNode(), "", func(key string, s *yaml.Node) { r.rename(s, key) })
	r.renameKeys(n.YNode())
}

// rename replaces the site's names in one value.
func (r *renamer) rename(s *yaml.Node, key string) {
	if s.ShortTag() != yaml.NodeTagString {
		return
	}
	switch key {
	case "apiVersion", "kind", "helm.sh/chart", "app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", registry.HookAnnotation:
		return
	}
	text := r.text(s.Value, key == "image" || strings.HasPrefix(s.Value, "/"))
	if text != s.Value {
		s.Value = text
	}
}

// text replaces certificates, addresses, hosts and, unless they are a path's or an
// image's, names.
func (r *renamer) text(text string, isPath bool) string {
	if strings.Contains(text, "-----BEGIN") {
		text = anyPEM().ReplaceAllStringFunc(text, redacted)
	}
	if strings.Contains(text, "LS0tLS1CRUdJTi") {
		text = encodedPEM().ReplaceAllStringFunc(text, redacted)
	}
	if now, isName := r.names[text]; isName {
		return now
	}
	text = r.hosts(addressWord().ReplaceAllStringFunc(text, r.address))
	if !isPath {
		text = nameWord().ReplaceAllStringFunc(text, r.word)
	}
	return text
}

func (r *renamer) word(word string) string {
	if now, isName := r.names[word]; isName {
		return now
	}
	if r.isOfRelease(word) {
		return r.names[r.release] + strings.TrimPrefix(word, r.release)
	}
	return word
}

func (r *renamer) address(word string) string {
	ip, err := netip.ParseAddr(word)
	switch {
	case err != nil || ip.IsLoopback() || ip.IsUnspecified():
		return word
	case r.others[word] == "" && ip.Is4():
		n := len(r.others) + 1
		r.others[word] = fmt.Sprintf("198.18.%d.%d", n/250, n%250+1) // RFC 2544, for tests
	case r.others[word] == "":
		r.others[word] = fmt.Sprintf("2001:db8::%x", len(r.others)+1) // RFC 3849, for documentation
	}
	return r.others[word]
}

func (r *renamer) hosts(text string) string {
	return hostWord().ReplaceAllStringFunc(text, func(host string) string {
		if publicHost().MatchString(host) {
			return host
		}
		if r.others[host] == "" {
			r.others[host] = fmt.Sprintf("host-%d.example.com", len(r.others)+1)
		}
		return r.others[host]
	})
}

// renameKeys replaces the site's hosts in the keys of labels and other maps of strings.
func (r *renamer) renameKeys(n *yaml.Node) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && strings.ContainsAny(c.Value, "./") {
			c.Value = r.hosts(c.Value)
			continue
		}
		r.renameKeys(c)
	}
}
