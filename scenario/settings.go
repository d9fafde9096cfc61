package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/connected-registry/scenario/codes"
)

// SettingsName is the name of a scenario that consists of settings alone.
const SettingsName = "settings"

// Setting is one configuration setting of the Arc extension, as
// `az k8s-extension create --config key=value` takes it.
type Setting struct {
	Key, Value string
	// Line and Column are where it stands in a file, from 1; 0 on a command line.
	Line, Column int
}

// knownSetting is a setting that the documentation has shown, and what it means
// for a scenario.
type knownSetting struct {
	key string
	// apply says what is wrong with the value. nil: no manifest can be patched for
	// it, and note says what to do about that.
	apply func(s *settingsReader, value string) Error
	note  string
	// protected settings are secrets.
	protected bool
}

const forTheChart = "is a value of the chart: give it to helm, or keep it in the extension's settings; a scenario has no use for it"

// knownSettings are every key that was ever documented: the Arc
// tutorials and quickstarts since May 2024, their glossary, the Helm quickstarts of
// charts 0.1.0 to 0.4.0, and the managed identity preview of 2026.
func knownSettings() []knownSetting {
	return []knownSetting{
		{key: "service.clusterIP", apply: (*settingsReader).clusterIP},
		{key: "service.type", apply: (*settingsReader).serviceType},
		{key: "cert-manager.enabled", apply: flag(func(s *settingsReader) **bool { return &s.certManager().Enabled })},
		{key: "cert-manager.install", apply: flag(func(s *settingsReader) **bool { return &s.certManager().Install })},
		{key: "trustDistribution.enabled", apply: flag(func(s *settingsReader) **bool { return &s.trust().Enabled })},
		{key: "trustDistribution.useNodeSelector", apply: flag(func(s *settingsReader) **bool { return &s.trust().UseNodeSelector })},
		{key: "trustDistribution.skipNodeSelector", apply: (*settingsReader).skipNodeSelector},
		{key: "httpEnabled", apply: flag(func(s *settingsReader) **bool { return &s.spec().HTTPEnabled })},
		{key: "httpsEnabled", apply: (*settingsReader).httpsEnabled},
		{key: "registryLoginServer", apply: word(func(s *settingsReader) **string { return &s.spec().RegistryLoginServer })},
		{key: "pvc.storageClassName", apply: word(func(s *settingsReader) **string { return &s.pvc().StorageClassName })},
		{key: "pvc.storageRequest", apply: word(func(s *settingsReader) **string { return &s.pvc().StorageRequest })},
		{key: "tls.secret", apply: word(func(s *settingsReader) **string { return &s.tls().Secret })},
		{key: "tls.crt", apply: word(func(s *settingsReader) **string { return &s.tls().Crt }), protected: true},
		{key: "tls.key", apply: word(func(s *settingsReader) **string { return &s.tls().Key }), protected: true},
		{key: "tls.cacrt", apply: word(func(s *settingsReader) **string { return &s.tls().CaCrt }), protected: true},
		{key: "connectionString", apply: (*settingsReader).connectionString, protected: true},
		{key: "image", note: forTheChart},
		{key: "sync.chunkSizeInMb", note: forTheChart},
		{key: "registry.replicas", note: forTheChart},
		{key: "registry.uploadSecret", note: forTheChart, protected: true},
	}
}

// settingPaths are the scenario's fields that settings end up in.
var settingPaths = map[string]string{
	"service.clusterIP":                  "spec.service.clusterIP",
	"cert-manager.enabled":               "spec.certManager.enabled",
	"cert-manager.install":               "spec.certManager.install",
	"trustDistribution.enabled":          "spec.trustDistribution.enabled",
	"trustDistribution.useNodeSelector":  "spec.trustDistribution.useNodeSelector",
	"trustDistribution.skipNodeSelector": "spec.trustDistribution.useNodeSelector",
	"httpEnabled":                        "spec.httpEnabled",
	"httpsEnabled":                       "spec.httpEnabled",
	"registryLoginServer":                "spec.registryLoginServer",
	"pvc.storageClassName":               "spec.pvc.storageClassName",
	"pvc.storageRequest":                 "spec.pvc.storageRequest",
	"tls.secret":                         "spec.tls.secret",
	"tls.crt":                            "spec.tls.crt",
	"tls.key":                            "spec.tls.key",
	"tls.cacrt":                          "spec.tls.caCrt",
	"connectionString":                   connectionPath,
}

// connectionPath is where errors and overrides place the connection string. It is
// no field: a scenario file never holds it.
const connectionPath = "connectionString"

// CanonicalSetting is a documented setting's key in the documentation's letter
// case, whatever the case it is written in. secret says that its value is none to
// be shown, and chartOnly that a scenario has no use for it.
func CanonicalSetting(key string) (canonical string, secret, chartOnly, ok bool) {
	for _, known := range knownSettings() {
		if strings.EqualFold(known.key, key) {
			return known.key, known.protected, known.apply == nil, true
		}
	}
	return "", false, false, false
}

// ParseSetting takes a "key=value" apart, at the first "=" as az does. Errors name
// the source "--config" and never the value.
func ParseSetting(text string) (Setting, error) {
	fail := func(code codes.Code, path, message, fix string) (Setting, error) {
		return Setting{}, Errors{{Code: code, Source: "--config", Path: path, Message: message, Fix: fix}}
	}
	key, value, ok := strings.Cut(text, "=")
	at := ""
	if printable(key) {
		at = key
	}
	switch {
	case !utf8.ValidString(text):
		return fail(codes.NotUTF8, "", "the setting is not UTF-8", "write it in UTF-8")
	case strings.ContainsRune(text, '\ufeff'):
		return fail(codes.ByteOrderMark, "", "the setting holds a byte order mark", "remove it; it was pasted along and cannot be seen")
	case strings.ContainsRune(text, '\r'):
		return fail(codes.CarriageReturn, "", "the setting holds a carriage return, as a file or a command from Windows has it", `use tr -d '\r' on where it comes from`)
	case strings.ContainsAny(text, curlyQuotes):
		return fail(codes.CurlyQuotes, "", "the setting holds curly quotes, which the shell passes on as part of it", fixCurlyQuotes)
	case strings.ContainsFunc(key, unicode.IsSpace):
		return fail(codes.MalformedSetting, "", "the key holds a blank", "write --config once for each setting, without quotes around several")
	case !ok && isSetting(key):
		return fail(codes.MalformedSetting, at, `found no "="`, "write "+at+"=value")
	case !ok, at == "": // a value, perhaps, that is not to be repeated
		return fail(codes.MalformedSetting, "", "expected key=value", "write a setting's name and = before the value")
	case strings.HasPrefix(value, "="):
		fix := "write " + key + "=VALUE"
		if _, secret, _, known := CanonicalSetting(key); known && !secret && harmless(value) {
			fix = "write " + key + value
		}
		return fail(codes.MalformedSetting, at, `found "==", expected one "="`, fix)
	}
	return Setting{Key: key, Value: value}, nil
}

func isSetting(key string) bool {
	_, _, _, ok := CanonicalSetting(key)
	return ok
}

// curlyQuotes are what a word processor makes of straight ones.
const curlyQuotes = "“”„‟‘’‚‛"

const fixCurlyQuotes = "use straight ones, \" or '"

// NewSettings makes a layer of settings: what `az k8s-extension` takes, as a
// scenario. Source is "--config" or the file's name; protected says that it is a
// file of protected settings. Everything that is wrong is reported at once, as
// Errors that repeat no secret. What deserves attention is in Layer.Notes.
func NewSettings(source string, settings []Setting, protected bool) (*Layer, error) {
	l := &Layer{
		Source: source, settings: true, fields: map[string]position{},
		Scenario: Scenario{APIVersion: APIVersion, Kind: Kind, Metadata: Metadata{Name: SettingsName}},
	}
	r := &settingsReader{layer: l, protected: protected, seen: map[string]Setting{}}
	for _, setting := range settings {
		r.read(setting)
	}
	r.together()
	if err := r.errs.sorted(); err != nil {
		return nil, err
	}
	return l, nil
}

// settingsReader fills a layer from settings.
type settingsReader struct {
	layer     *Layer
	protected bool
	setting   Setting
	seen      map[string]Setting
	errs      Errors
}

func (s *settingsReader) spec() *Spec { return &s.layer.Scenario.Spec }

func (s *settingsReader) certManager() *CertManager { return made(&s.spec().CertManager) }

func (s *settingsReader) trust() *TrustDistribution { return made(&s.spec().TrustDistribution) }

func (s *settingsReader) pvc() *PVC { return made(&s.spec().PVC) }

func (s *settingsReader) tls() *TLS { return made(&s.spec().TLS) }

// made returns what p points to, making it where there is nothing.
func made[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

func (s *settingsReader) fail(path string, e Error) {
	if s.setting.Column > 0 {
		e.Message = fmt.Sprintf("column %d: %s", s.setting.Column, e.Message)
	}
	e.Source, e.Line, e.Path = s.layer.Source, s.setting.Line, path
	s.errs = append(s.errs, e)
}

func (s *settingsReader) note(code codes.Code, format string, args ...any) {
	s.layer.notes = append(s.layer.notes, Note{code, s.layer.Source + ": " + fmt.Sprintf(format, args...)})
}

func (s *settingsReader) read(setting Setting) {
	s.setting = setting
	known := knownSettings()
	i := slices.IndexFunc(known, func(k knownSetting) bool { return strings.EqualFold(k.key, setting.Key) })
	if i < 0 {
		s.unknown()
		return
	}
	k := known[i]
	if before, twice := s.seen[k.key]; twice && before.Value != setting.Value {
		s.note(codes.RepeatedSetting, "%s is given twice, and the last one holds", k.key)
	}
	s.seen[k.key] = setting
	value := setting.Value
	switch {
	case k.apply == nil:
		s.note(codes.ChartSetting, "%s %s", k.key, k.note)
		return
	case value == "":
		s.fail(k.key, mistake(codes.EmptyValue, "empty, expected a value; a variable that was not set, perhaps", "write one, or remove the setting"))
		return
	case k.key != "connectionString" && IsPlaceholder(value):
		s.fail(k.key, mistake(codes.Placeholder, "found "+shownPlaceholder(value)+", which is a placeholder or a variable that was not expanded", "write the value in its place"))
		return
	case k.protected && !s.protected:
		s.note(codes.SecretInTheOpen, "%s is a secret: Azure stores and shows what is no protected setting in clear; use --config-protected-file", k.key)
	}
	if e := k.apply(s, value); e.found() {
		s.fail(k.key, e)
		return
	}
	s.layer.place(settingPaths[k.key], position{s.layer.Source, setting.Line})
}

// shownPlaceholder shows the name of a variable and what stands in brackets, but
// no command with its arguments.
func shownPlaceholder(value string) string {
	if strings.HasPrefix(strings.TrimSpace(value), "$(") {
		return "$(…)"
	}
	return show(value)
}

// place notes where a field was stated, and what it is within.
func (l *Layer) place(path string, at position) {
	l.fields[path] = at
	for p := parent(path); p != ""; p = parent(p) {
		if _, ok := l.fields[p]; !ok {
			l.fields[p] = at
		}
	}
}

// unknown words the error on a key that was never documented.
func (s *settingsReader) unknown() {
	key := s.setting.Key
	if !printable(key) {
		s.fail("", mistake(codes.UnknownSetting, fmt.Sprintf("unknown setting with a name of %d characters", len(key)), "remove it"))
		return
	}
	s.fail(key, mistake(codes.UnknownSetting, "unknown setting", "write "+SuggestSetting(key)))
}

// SuggestSetting says which documented setting a key was meant as. The
// documentation itself has service-clusterIP and pvc-storageClassName, which az
// takes and the chart ignores.
func SuggestSetting(key string) string {
	plain := func(key string) string {
		return strings.NewReplacer("-", "", ".", "", "_", "").Replace(strings.ToLower(key))
	}
	var keys, meant []string
	for _, known := range knownSettings() {
		if known.apply != nil {
			keys = append(keys, known.key)
		}
		if plain(known.key) == plain(key) {
			return known.key
		}
		if near(known.key, key) || strings.EqualFold(leaf(known.key), key) {
			meant = append(meant, known.key)
		}
	}
	if len(meant) > 0 {
		return strings.Join(meant, " or ")
	}
	return "one of " + strings.Join(keys, ", ")
}

// flag is a setting that is true or false.
func flag(field func(*settingsReader) **bool) func(*settingsReader, string) Error {
	return func(s *settingsReader, value string) Error {
		b, bad := s.truth(value)
		if !bad.found() {
			*field(s) = &b
		}
		return bad
	}
}

// word is a setting that is text; Validate judges it.
func word(field func(*settingsReader) **string) func(*settingsReader, string) Error {
	return func(s *settingsReader, value string) Error {
		*field(s) = &value
		return Error{}
	}
}

// truth reads a boolean as the chart does: YAML's true and false, in its cases.
func (s *settingsReader) truth(value string) (bool, Error) {
	switch value {
	case "true", "True", "TRUE":
		return true, Error{}
	case "false", "False", "FALSE":
		return false, Error{}
	}
	message := "found a value of " + fmt.Sprint(len(value)) + " characters, expected true or false"
	if harmless(value) {
		message = "found " + show(value) + ", expected true or false"
	}
	for meant, words := range map[string][]string{"true": {"yes", "on", "1", "tru"}, "false": {"no", "off", "0", "flase"}} {
		if slices.Contains(words, strings.ToLower(value)) {
			return false, mistake(codes.WrongType, message, "write "+s.setting.Key+"="+meant)
		}
	}
	return false, mistake(codes.WrongType, message, "write "+s.setting.Key+"=true or "+s.setting.Key+"=false")
}

func (s *settingsReader) clusterIP(value string) Error {
	made(&s.spec().Service).ClusterIP = &value
	return Error{}
}

// serviceType knows the one value that was documented, and that is the default.
func (s *settingsReader) serviceType(value string) Error {
	if value != "ClusterIP" {
		return mistake(codes.InvalidValue, "found "+show(value)+"; the registry's Service is of type ClusterIP", "remove it, or write service.type=ClusterIP")
	}
	s.note(codes.NoEffect, "service.type ClusterIP has no effect: the registry's Service is of that type")
	return Error{}
}

// skipNodeSelector is the setting of charts before some 0.11.0: true meant every
// node, where useNodeSelector true means the labelled ones only.
func (s *settingsReader) skipNodeSelector(value string) Error {
	b, bad := s.truth(value)
	if bad.found() {
		return bad
	}
	use := !b
	s.trust().UseNodeSelector = &use
	s.note(codes.RenamedSetting, "trustDistribution.skipNodeSelector=%t is the setting of older charts, taken as trustDistribution.useNodeSelector=%t, its opposite", b, use)
	return Error{}
}

// httpsEnabled is the setting of the documentation of May to July 2024 only.
func (s *settingsReader) httpsEnabled(value string) Error {
	b, bad := s.truth(value)
	if bad.found() {
		return bad
	}
	http := !b
	s.spec().HTTPEnabled = &http
	s.note(codes.RenamedSetting, "httpsEnabled=%t was documented in 2024 and no chart is known to have it; taken as httpEnabled=%t", b, http)
	return Error{}
}

func (s *settingsReader) connectionString(value string) Error {
	c, err := ParseConnectionString(value)
	if errs, ok := errors.AsType[Errors](err); ok {
		for _, e := range errs[1:] {
			s.fail("connectionString", e)
		}
		return errs[0]
	}
	s.layer.connection = &c
	return Error{}
}

// together judges settings that say the same thing in two ways.
func (s *settingsReader) together() {
	for _, pair := range [][2]string{
		{"httpEnabled", "httpsEnabled"},
		{"trustDistribution.useNodeSelector", "trustDistribution.skipNodeSelector"},
	} {
		now, one := s.seen[pair[0]]
		old, other := s.seen[pair[1]]
		// They are each other's opposite.
		if one && other && strings.EqualFold(now.Value, old.Value) {
			s.setting = old
			s.fail(pair[1], mistake(codes.Contradiction, "contradicts "+pair[0]+": the two are each other's opposite", "remove "+pair[1]))
		}
	}
	if t := s.spec().TrustDistribution; t != nil && t.Enabled != nil && !*t.Enabled && t.UseNodeSelector != nil {
		t.UseNodeSelector = nil
		delete(s.layer.fields, "spec.trustDistribution.useNodeSelector")
		s.layer.notes = slices.DeleteFunc(s.layer.notes, func(n Note) bool { return strings.Contains(n.Message, "skipNodeSelector=") })
		s.note(codes.NoEffect, "which nodes the trust distribution runs on has no effect while trustDistribution.enabled is false")
	}
}
