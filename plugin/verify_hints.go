package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/patch"
)

// hintOf names what an outer layer of kustomize may have changed, and the field of the
// scenario that says the same; empty if the differences look like no such change.
func hintOf(fields []patch.Difference) string {
	for _, d := range fields {
		found, _ := d.Before.(string)
		expected, _ := d.After.(string)
		switch {
		case strings.Contains(d.Path, ".dnsNames["):
			return "a certificate's dnsNames hold the Service's name and namespace; " +
				"if an outer layer renames them (namePrefix, nameSuffix, namespace), run the scenario in that layer"
		case found == "" || expected == "":
		case d.Path == "spec.template.spec.containers[connected-registry-proxy].image":
			return fmt.Sprintf("the proxy's image is %s; if an outer layer mirrors it (images), write readOnly.proxyImage: %s", valueText(found), valueText(found))
		case isSecretName(d.Path) && isRenamed(found, expected):
			return fmt.Sprintf("Secret %s has another name here; if an outer layer renames it (namePrefix, nameSuffix, secretGenerator), write tls.secret: %s", valueText(expected), valueText(found))
		}
	}
	return ""
}

func isSecretName(path string) bool {
	return slices.ContainsFunc([]string{".secret.secretName", ".secret.name", ".secretKeyRef.name"}, func(field string) bool {
		return strings.HasSuffix(path, field)
	})
}

// isRenamed reports whether a name is another one with a prefix or a suffix.
func isRenamed(name, from string) bool {
	return name != from && strings.Contains(name, from)
}
