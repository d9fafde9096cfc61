package scenario

// alternative is one of the ways in which spec.tls can state a certificate; a
// scenario states exactly one.
type alternative int

const (
	bySecret alternative = iota
	byValue
	byFile
)

func (a alternative) String() string {
	return [...]string{"secret", "crt and key", "crtFile and keyFile"}[a]
}

// tlsPart is one field of spec.tls.
type tlsPart struct {
	name  string
	value **string
	by    alternative
	// holds is the part of the material that the field brings; nil for secret.
	holds func(*Material) *[]byte
}

func (t *TLS) parts() []tlsPart {
	crt := func(m *Material) *[]byte { return &m.Crt }
	key := func(m *Material) *[]byte { return &m.Key }
	caCrt := func(m *Material) *[]byte { return &m.CaCrt }
	return []tlsPart{
		{"secret", &t.Secret, bySecret, nil},
		{"crt", &t.Crt, byValue, crt},
		{"key", &t.Key, byValue, key},
		{"caCrt", &t.CaCrt, byValue, caCrt},
		{"crtFile", &t.CrtFile, byFile, crt},
		{"keyFile", &t.KeyFile, byFile, key},
		{"caCrtFile", &t.CaCrtFile, byFile, caCrt},
	}
}

// alternatives lists the ways that t states something of.
func (t *TLS) alternatives() map[alternative]bool {
	stated := map[alternative]bool{}
	for _, p := range t.parts() {
		if *p.value != nil {
			stated[p.by] = true
		}
	}
	return stated
}
