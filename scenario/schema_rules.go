package scenario

import "strings"

// addRules adds to the schema of the object at path what must hold between its
// fields: the rules of validate*.go that need no render and no arithmetic.
func addRules(s *schema, path string) {
	switch path {
	case "spec":
		s.AllOf = specRules()
	case "spec.readOnly":
		s.AllOf = []*schema{needsTrue("writablePaths", "rootFilesystem"), needsTrue("proxyImage", "enforce"), needsTrue("tokenPath", "enforce")}
	case "spec.certManager":
		s.AllOf = []*schema{{If: is("enabled", false), Then: withoutCertManager()}}
	case "spec.certManager.issuerRef":
		s.AllOf = []*schema{{
			If:   &schema{Properties: properties{{"group", only(DefaultIssuerGroup)}}},
			Then: &schema{Properties: properties{{"kind", &schema{Enum: issuerKinds()}}}},
		}}
	case "spec.certManager.privateKey":
		s.AllOf = keyRules()
	case "spec.certManager.privateKey.size":
		s.AnyOf = []*schema{ofRSA(), ofECDSA()}
	case "spec.tls":
		s.AllOf, s.OneOf = tlsPairs(), tlsAlternatives()
	}
	if role, ok := strings.CutPrefix(path, "spec.targets."); ok {
		switch _, name, _ := strings.Cut(role, "."); name {
		case "":
			s.MinProperties = 1
		case "labels":
			s.PropertyNames = &schema{
				Pattern:      `^(` + subdomain + `/)?` + labelName + `$`,
				ErrorMessage: "expected a label's name, such as app.kubernetes.io/name",
			}
		}
	}
}

func specRules() []*schema {
	withTLS := properties{{"certManager", withoutCertManager(property{"enabled", only(false)})}}
	return []*schema{
		{
			If:   is("mode", string(ReadWriteMode)),
			Then: nested("readOnly", property{"enforce", only(false)}),
		},
		{
			If: is("httpEnabled", true),
			Then: &schema{Properties: properties{
				{"tls", false},
				{"certManager", &schema{Properties: properties{{"enabled", only(false)}}}},
			}},
		},
		{If: stated("tls"), Then: &schema{Properties: withTLS}},
	}
}

// withoutCertManager is spec.certManager where cert-manager is not for the
// registry: its settings would have no effect.
func withoutCertManager(more ...property) *schema {
	none := 0
	empty := &schema{MaxItems: &none}
	return &schema{Properties: append(more, properties{
		{"install", only(false)},
		{"issuerRef", false},
		{"duration", false},
		{"renewBefore", false},
		{"privateKey", false},
		{"dnsNames", empty},
		{"ipAddresses", empty},
	}...)}
}

func keyRules() []*schema {
	return []*schema{
		{If: is("algorithm", rsaKey), Then: &schema{Properties: properties{{"size", ofRSA()}}}},
		{If: is("algorithm", ecdsaKey), Then: &schema{Properties: properties{{"size", ofECDSA()}}}},
		{If: is("algorithm", ed25519), Then: &schema{Properties: properties{{"size", false}}}},
	}
}

func ofRSA() *schema { return &schema{Minimum: minRSA, Maximum: maxRSA} }

func ofECDSA() *schema { return &schema{Enum: ecdsaSizes()} }

// tlsAlternatives are the ways to state a certificate: something of one of them, and
// nothing of the others. What each must be complete with is told apart, because an
// editor says only of the first alternative what is wrong with it.
func tlsAlternatives() []*schema {
	var ways []*schema
	for _, by := range []alternative{bySecret, byValue, byFile} {
		way := &schema{Title: by.String()}
		for _, p := range new(TLS).parts() {
			if p.by == by {
				way.AnyOf = append(way.AnyOf, stated(p.name))
				continue
			}
			way.Properties = append(way.Properties, property{p.name, false})
		}
		ways = append(ways, way)
	}
	return ways
}

// tlsPairs are the certificate and the key that any of their alternative needs.
func tlsPairs() []*schema {
	var pairs []*schema
	parts := new(TLS).parts()
	for _, p := range parts {
		for _, other := range parts {
			if p.by == other.by && p.name != other.name && !strings.HasPrefix(other.name, "ca") {
				pairs = append(pairs, &schema{If: stated(p.name), Then: stated(other.name)})
			}
		}
	}
	return pairs
}

// only allows one value.
func only(value any) *schema { return &schema{Const: value} }

// stated holds where the field is there.
func stated(name string) *schema { return &schema{Required: []string{name}} }

// is holds where the field is there and has the value.
func is(name string, value any) *schema {
	return &schema{Required: []string{name}, Properties: properties{{name, only(value)}}}
}

// needsTrue is for a field that has a use only where another is true.
func needsTrue(name, other string) *schema {
	return &schema{If: stated(name), Then: &schema{Required: []string{other}, Properties: properties{{other, only(true)}}}}
}

// nested is about a field of a field.
func nested(name string, inner property) *schema {
	return &schema{Properties: properties{{name, &schema{Properties: properties{inner}}}}}
}
