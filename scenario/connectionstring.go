package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
)

// The parts of a connection string, as `az acr connected-registry get-settings`
// prints them; the managed identity's form has ManagedIdentityClientId in place
// of the sync token. Source: azure-cli acr/connected_registry.py and Azure/acr
// docs/preview/connected-registry/managed-identity-connected-registry.md.
const (
	partRegistry = "ConnectedRegistryName"
	partToken    = "SyncTokenName"
	partPassword = "SyncTokenPassword"
	partIdentity = "ManagedIdentityClientId"
	partEndpoint = "ParentGatewayEndpoint"
	partProtocol = "ParentEndpointProtocol"
)

var connectionParts = []string{partRegistry, partToken, partPassword, partIdentity, partEndpoint, partProtocol}

// getSettings is the command that prints a connection string which works.
const getSettings = "az acr connected-registry get-settings --generate-password 1 --parent-protocol https"

// maxConnectionString is far above any real one.
const maxConnectionString = 4096

// ConnectionString is how a connected registry finds its parent, and proves who it
// is. It holds a password: nothing of it but the registry's name is ever shown.
type ConnectionString struct {
	text     string
	registry string
	endpoint string
	identity bool
}

// RegistryName is the connected registry's name.
func (c ConnectionString) RegistryName() string { return c.registry }

// ParentEndpoint is the host, with a port where one is stated, of the parent.
func (c ConnectionString) ParentEndpoint() string { return c.endpoint }

// ManagedIdentity says that it names a managed identity and holds no password.
func (c ConnectionString) ManagedIdentity() bool { return c.identity }

// Reveal is the text itself, for the Secret that it belongs in.
func (c ConnectionString) Reveal() string { return c.text }

// String keeps the password out of every log and error.
func (c ConnectionString) String() string { return partRegistry + "=" + c.registry + ";<redacted>" }

// GoString keeps the password out of every log and error.
func (c ConnectionString) GoString() string { return c.String() }

// MarshalText keeps the password out of everything that is encoded.
func (c ConnectionString) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ParseConnectionString reads a connection string. There is no escaping: it is
// split at each ";", and each part at its first "=", because passwords are like
// base64 and hold "/", "+" and "=" anywhere. The parts may come in any order and
// their names in any letter case.
//
// The error is an Errors without sources. It repeats no value.
func ParseConnectionString(text string) (ConnectionString, error) {
	if err := wholeConnectionString(text); err != nil {
		return ConnectionString{}, Errors{*err}
	}
	values, errs := splitConnectionString(text)
	if len(errs) == 0 {
		errs = judgeConnectionString(values)
	}
	if err := errs.sorted(); err != nil {
		return ConnectionString{}, err
	}
	_, identity := values[partIdentity]
	return ConnectionString{text: text, registry: values[partRegistry], endpoint: values[partEndpoint], identity: identity}, nil
}

// wholeConnectionString judges the text before it is taken apart.
func wholeConnectionString(text string) *Error {
	fail := func(code codes.Code, message, fix string) *Error {
		e := mistake(code, message, fix)
		return &e
	}
	switch {
	case strings.TrimSpace(text) == "":
		return fail(codes.EmptyValue, "the connection string is empty", "write what this prints: "+getSettings)
	case strings.HasPrefix(text, "\ufeff"):
		return fail(codes.ByteOrderMark, "the connection string begins with a byte order mark", `use "UTF-8 without BOM" when saving the file`)
	case strings.ContainsRune(text, '\r'):
		return fail(codes.CarriageReturn, "the connection string holds a carriage return, as a command on Windows prints it",
			`use tr -d '\r' on the command's output`)
	case !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		return fail(codes.ConnectionStringMalformed, "the connection string holds a line break or another character that none can hold",
			"write it on one line, as the command prints it")
	case len(text) > maxConnectionString:
		return fail(codes.ConnectionStringMalformed, fmt.Sprintf("the connection string has %d characters, expected some 200", len(text)), "write what this prints: "+getSettings)
	case IsPlaceholder(text):
		return fail(codes.Placeholder, "the connection string is a placeholder", "write what this prints in its place: "+getSettings)
	}
	return nil
}

// splitConnectionString takes it apart; the names are spelled as documented.
func splitConnectionString(text string) (map[string]string, Errors) {
	values := map[string]string{}
	var errs Errors
	add := func(code codes.Code, message, fix string) { errs = append(errs, mistake(code, message, fix)) }
	parts := strings.Split(text, ";")
	if parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1] // a final ";" says nothing
	}
	for i, part := range parts {
		key, value, ok := strings.Cut(part, "=")
		at := slices.IndexFunc(connectionParts, func(known string) bool { return strings.EqualFold(known, strings.TrimSpace(key)) })
		switch {
		case part == "":
			add(codes.ConnectionStringMalformed, fmt.Sprintf("part %d of the connection string is empty", i+1), `remove one of the two ";"`)
			continue
		case !ok:
			add(codes.ConnectionStringMalformed, fmt.Sprintf(`part %d of the connection string has no "="`, i+1), "write name=value")
			continue
		case at < 0:
			// What stands there may be a password's second half.
			add(codes.ConnectionStringMalformed, fmt.Sprintf("part %d of the connection string is none of %s", i+1, strings.Join(connectionParts, ", ")), meantPart(key))
			continue
		}
		name := connectionParts[at]
		if _, twice := values[name]; twice {
			add(codes.ConnectionStringMalformed, name+" stands in the connection string twice", "remove one of the two")
			continue
		}
		if strings.TrimSpace(value) == "" {
			add(codes.ConnectionStringIncomplete, name+" is empty in the connection string", "write what this prints: "+getSettings)
		} else if trimmed := strings.TrimSpace(part); trimmed != part || strings.TrimSpace(value) != value {
			add(codes.ConnectionStringMalformed, name+" has blanks around it in the connection string", "remove them")
		}
		values[name] = value
	}
	return values, errs
}

func meantPart(key string) string {
	for _, known := range connectionParts {
		if near(key, known) {
			return "write " + known
		}
	}
	return "remove it"
}

// judgeConnectionString holds the parts against what each must be.
func judgeConnectionString(values map[string]string) Errors {
	var errs Errors
	add := func(code codes.Code, message, fix string) { errs = append(errs, mistake(code, message, fix)) }
	has := func(name string) bool { _, ok := values[name]; return ok }

	token := has(partToken) || has(partPassword)
	required := []string{partRegistry, partToken, partPassword, partEndpoint, partProtocol}
	switch {
	case has(partIdentity) && token:
		add(codes.ConnectionStringMixed, "the connection string names a sync token and a managed identity, which the registry refuses when it starts",
			"remove "+partIdentity+", or "+partToken+" and "+partPassword)
		return errs
	case has(partIdentity):
		required = []string{partRegistry, partIdentity, partEndpoint, partProtocol}
	}
	for _, name := range required {
		if !has(name) {
			add(codes.ConnectionStringIncomplete, name+" is missing in the connection string", "write it as this prints it: "+getSettings)
		}
	}
	for _, part := range []struct {
		name  string
		judge func(string) Error
	}{
		{partRegistry, judgeRegistryName},
		{partToken, judgeTokenName},
		{partPassword, judgePassword},
		{partIdentity, judgeClientID},
		{partEndpoint, judgeEndpoint},
		{partProtocol, judgeProtocol},
	} {
		if !has(part.name) {
			continue
		}
		if e := part.judge(values[part.name]); e.found() {
			add(e.Code, part.name+" "+e.Message, e.Fix)
		}
	}
	if len(errs) == 0 && values[partProtocol] == "http" && isCloud(values[partEndpoint]) {
		add(codes.ParentProtocol, partProtocol+" is http with a parent in the cloud, which answers https only; http is for a parent that is a connected registry",
			"write "+partProtocol+"=https")
	}
	return errs
}

var (
	registryName = lazyregexp.New(`^[A-Za-z][A-Za-z0-9]{4,39}$`)
	// tokenName is wider than a registry's: early samples have NAME-sync-token.
	tokenName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	clientID  = lazyregexp.New(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	hostName  = lazyregexp.New(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

func judgeRegistryName(value string) Error {
	switch {
	case IsPlaceholder(value):
		return mistake(codes.Placeholder, "is a placeholder", "write the connected registry's name")
	case !registryName().MatchString(value):
		return mistake(codes.ConnectionStringMalformed, "is no name of a connected registry: 5 to 40 letters and digits, a letter first", "write it as az acr connected-registry list shows it")
	}
	return Error{}
}

func judgeTokenName(value string) Error {
	if !tokenName().MatchString(value) {
		return mistake(codes.ConnectionStringMalformed, "is no name of a token", "write it as az acr connected-registry show has it")
	}
	return Error{}
}

// judgePassword knows the text that get-settings prints in a password's place.
// Without --generate-password Azure cannot tell the password, and the text looks
// like a connection string until the registry fails to activate.
func judgePassword(value string) Error {
	switch {
	case strings.Contains(strings.ToLower(value), "generate-password"):
		return mistake(codes.PasswordNotGenerated, "is the text that get-settings prints when it made no password", "run it with --generate-password 1")
	case IsPlaceholder(value), strings.Trim(value, "xX*") == "":
		return mistake(codes.Placeholder, "is a placeholder", "run "+getSettings)
	case strings.ContainsFunc(value, unicode.IsSpace):
		return mistake(codes.ConnectionStringMalformed, "holds a blank, which no password of Azure's does", "run "+getSettings)
	}
	return Error{}
}

func judgeClientID(value string) Error {
	if !clientID().MatchString(value) {
		return mistake(codes.ConnectionStringMalformed, "is no client id, which looks like 00000000-0000-0000-0000-000000000000", "run az identity show --query clientId")
	}
	return Error{}
}

func judgeEndpoint(value string) Error {
	const login = "write the parent's data endpoint, such as myregistry.westeurope.data.azurecr.io"
	host, port := SplitLoginServer(value)
	_, notAnAddress := netip.ParseAddr(strings.Trim(host, "[]"))
	number, err := strconv.Atoi(port)
	switch {
	case strings.Contains(value, "$IOTEDGE_PARENTHOSTNAME"):
		return mistake(codes.Placeholder, "is a variable that IoT Edge fills in and Kubernetes does not", "write the parent's host name")
	case IsPlaceholder(value):
		return mistake(codes.Placeholder, "is a placeholder, as get-settings prints it where it does not know the parent", login)
	case strings.Contains(value, "://"), strings.Contains(value, "/"):
		return mistake(codes.ConnectionStringMalformed, "has a scheme or a path, expected a host", login)
	case !hostName().MatchString(host) && notAnAddress != nil, len(host) > 253:
		return mistake(codes.ConnectionStringMalformed, "is no host name", login)
	case strings.HasSuffix(value, ":"), port != "" && (err != nil || number < 1 || number > 65535):
		return mistake(codes.ConnectionStringMalformed, "has no port from 1 to 65535 after its colon", "remove the colon and what follows")
	}
	return Error{}
}

func judgeProtocol(value string) Error {
	if value != "https" && value != "http" {
		return mistake(codes.ConnectionStringMalformed, "is neither https nor http", "write "+partProtocol+"=https")
	}
	return Error{}
}

// isCloud says whether a host is Azure's; the sovereign clouds have other suffixes.
func isCloud(endpoint string) bool {
	host, _ := SplitLoginServer(strings.ToLower(endpoint))
	return strings.HasSuffix(host, ".azurecr.io") || strings.HasSuffix(host, ".azurecr.cn") || strings.HasSuffix(host, ".azurecr.us")
}

var placeholder = lazyregexp.New(`^\s*(<[^<>]*>|\[[^\[\]:]*\]|\{[^{}]*\}|…|\.{3}|` +
	`\$[A-Za-z_][A-Za-z0-9_]*|\$\{[^{}]*\}|\$\((?s:.*)\)|%[A-Za-z_][A-Za-z0-9_]*%)\s*$`)

// IsPlaceholder says that a value is one that somebody, or a shell, was to replace:
// <my registry>, [connection string here], $TLS_CRT, $(az …), %TLS_CRT%.
func IsPlaceholder(value string) bool { return placeholder().MatchString(value) }
