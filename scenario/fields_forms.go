package scenario

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// form is what a value must look like, as far as it can be said of the value by
// itself and without a program. Its patterns are read by Go and by the editors'
// JavaScript, so they keep to what both understand. A pattern may let through
// what validation refuses, never the other way round; a test compares them.
type form struct {
	// accepts says it in words, those of validation's error; but adds what a good
	// value is besides.
	accepts, but string
	values       []string
	// pattern must match, not must not.
	pattern, not string
	maxLength    int
	// otherwise is what is taken when the field is left out.
	otherwise string
}

// matches holds a value against the patterns and the length.
func (f form) matches(value string) bool {
	return (f.maxLength == 0 || utf8.RuneCountInString(value) <= f.maxLength) &&
		(f.pattern == "" || regexp.MustCompile(f.pattern).MatchString(value)) &&
		(f.not == "" || !regexp.MustCompile(f.not).MatchString(value))
}

// Parts of patterns.
const (
	label     = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
	subdomain = label + `(\.` + label + `)*`
	labelName = `[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?`
	octet     = `(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	ipv4      = octet + `(\.` + octet + `){3}`
	ipv6      = `[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(\.[0-9.]+)?`
	// An address that no one host can have: unspecified, or of a group.
	noHost = `(0\.0\.0\.0|::|(22[4-9]|23[0-9])\..*|[Ff][Ff][0-9A-Fa-f]{2}:.*)`
	// An address that no Service can have either: loopback and broadcast.
	noService = `(127\..*|::1|255\.255\.255\.255)`
	port      = `([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])`
	// An image's repository, and then a tag, a digest or both. Without either it would
	// be whatever the registry that it comes from calls latest that day.
	imagePattern = `^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?([/._-]*[a-z0-9])*` +
		`(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?@sha256:[0-9a-f]{64})$`
	// What needs no escape, neither in an address nor in nginx's configuration; no
	// segment is "." or "..".
	tokenPathPattern = `^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`
	longestTokenPath = 255
	// A quantity of nothing, or of less.
	noBytes = `^-|^\+?[0.]+([^0-9.].*)?$`
	// The longest names, as Kubernetes has them.
	longestLabel, longestSubdomain = 63, 253
)

func labelForm() form {
	return form{
		accepts: `a name of at most 63 lower-case letters, digits and "-"`,
		pattern: `^` + label + `$`, maxLength: longestLabel,
	}
}

func subdomainForm() form {
	return form{
		accepts: `a name of at most 253 lower-case letters, digits, "-" and "."`,
		pattern: `^` + subdomain + `$`, maxLength: longestSubdomain,
	}
}

func addressForm() form {
	return form{
		accepts: "an IPv4 or IPv6 address", but: " of one host",
		pattern: `^(` + ipv4 + `|` + ipv6 + `)$`, not: `^` + noHost + `$`,
	}
}

func durationForm() form {
	return form{accepts: "a duration in h, m and s", pattern: `^\+?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)[hms])+)$`}
}

func materialForm() form {
	// PEM that was encoded twice begins like that.
	return form{
		accepts: "PEM in base64", but: ", encoded once, on one line",
		pattern: `^[ \t\r\n]*[A-Za-z0-9+/]+={0,2}[ \t\r\n]*$`, not: `^[ \t\r\n]*TFMwdExTMUNSVWRKVG`,
	}
}

func fileForm() form {
	return form{accepts: "the path of a PEM file", but: ", not what is in it", pattern: `^[^\r\n]+$`, not: `-----BEGIN |^LS0tLS1CRUdJTi`, maxLength: 4096}
}

// formOf is the form of the field at path; of a list, that of its entries.
func formOf(path string) form {
	switch path {
	case "apiVersion":
		return form{values: []string{APIVersion}}
	case "kind":
		return form{values: []string{Kind}}
	case "metadata.name", "metadata.namespace":
		return labelForm()
	case "spec.mode":
		return form{values: modes()}
	case "spec.readOnly.writablePaths":
		return form{
			accepts:   "an absolute path",
			but:       " other than /, /proc, /sys and /dev",
			pattern:   `^(/([^/:.\x00-\x1f\x7f-\x9f][^/:\x00-\x1f\x7f-\x9f]*|\.[^/:.\x00-\x1f\x7f-\x9f][^/:\x00-\x1f\x7f-\x9f]*|\.\.[^/:\x00-\x1f\x7f-\x9f]+))+$`,
			not:       `^(/proc(/.*)?|/sys|/dev)$`,
			otherwise: DefaultWritablePath,
		}
	case "spec.readOnly.proxyImage":
		return form{
			accepts: "an image with a tag or a digest, such as " + DefaultProxyImage,
			pattern: imagePattern, maxLength: 512, otherwise: DefaultProxyImage,
		}
	case "spec.readOnly.tokenPath":
		return form{
			accepts: "the path of an address, such as " + DefaultTokenPath, but: ", not below /v2",
			pattern: tokenPathPattern, not: `^(/v2(/.*)?|` + HealthPath + `)$`, maxLength: longestTokenPath,
			otherwise: DefaultTokenPath,
		}
	case "spec.service.clusterIP":
		f := addressForm()
		f.but, f.not = " of the cluster's service range", `^(`+noHost+`|`+noService+`)$`
		return f
	case "spec.certManager.issuerRef.name", "spec.tls.secret", "spec.pvc.storageClassName":
		return subdomainForm()
	case "spec.certManager.issuerRef.kind":
		// No pattern: the kinds of external issuers are their makers' choice.
		return form{otherwise: DefaultIssuerKind}
	case "spec.certManager.issuerRef.group":
		f := subdomainForm()
		f.otherwise = DefaultIssuerGroup
		return f
	case "spec.certManager.duration", "spec.certManager.renewBefore":
		return durationForm()
	case "spec.certManager.privateKey.algorithm":
		return form{values: keyAlgorithms()}
	case "spec.certManager.privateKey.size":
		return form{accepts: rsaSizes() + ", or " + ecdsaSizesInWords()}
	case "spec.certManager.privateKey.rotationPolicy":
		return form{values: rotationPolicies()}
	case "spec.certManager.dnsNames":
		f := subdomainForm()
		f.but, f.pattern, f.not = ", no address", `^(\*\.)?`+subdomain+`$`, `^`+ipv4+`$`
		return f
	case "spec.certManager.ipAddresses":
		return addressForm()
	case "spec.tls.crt", "spec.tls.key", "spec.tls.caCrt":
		return materialForm()
	case "spec.tls.crtFile", "spec.tls.keyFile", "spec.tls.caCrtFile":
		return fileForm()
	case "spec.registryLoginServer":
		return form{
			accepts: `a host name of lower-case letters, digits, "-" and "."`, but: ", no address",
			pattern: `^` + subdomain + `(:` + port + `)?$`, not: `^` + ipv4 + `(:[0-9]*)?$`,
		}
	case "spec.pvc.storageRequest":
		return form{
			accepts: "a quantity of bytes such as 500Gi", but: ", more than 0",
			pattern: quantityForm().String(), not: noBytes, maxLength: 32,
		}
	}
	if target, ok := strings.CutPrefix(path, "spec.targets."); ok {
		role, name, _ := strings.Cut(target, ".")
		return targetForm(role, name)
	}
	return form{}
}

func targetForm(role, name string) form {
	switch name {
	case "kind":
		return form{values: targetKinds(role)}
	case "name":
		return subdomainForm()
	case "namespace":
		return labelForm()
	case "labels":
		return form{
			accepts: `a label's value: at most 63 letters, digits, "-", "_" and "."`,
			pattern: `^(` + labelName + `)?$`, maxLength: longestLabel,
		}
	}
	return form{}
}

func rsaSizes() string {
	return strconv.Itoa(minRSA) + " to " + strconv.Itoa(maxRSA) + " for " + rsaKey
}

func ecdsaSizesInWords() string {
	var words []string
	for _, size := range ecdsaSizes() {
		words = append(words, strconv.Itoa(size))
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last] + " for " + ecdsaKey
}
