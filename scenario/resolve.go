package scenario

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Resolve makes the certificate and key that spec.tls states available through
// TLS.Material: it decodes crt, key and caCrt, and reads crtFile, keyFile and
// caCrtFile with readFile, which is given each path as the scenario has it and
// knows what it is relative to. Without either there is nothing to do.
//
// Call it on each layer before Merge, while paths still belong to one file.
// What it decodes is PEM by its looks only; package keypair checks more. Errors
// name field and path, and never repeat content. readFile may be nil for a host
// without files, which makes stated paths an error.
func (l *Layer) Resolve(readFile func(path string) ([]byte, error)) error {
	t := l.Scenario.Spec.TLS
	if t == nil {
		return nil
	}
	var (
		material Material
		found    bool
		errs     Errors
	)
	for _, p := range t.parts() {
		if *p.value == nil || p.by == bySecret {
			continue
		}
		var (
			pem          []byte
			message, fix string
		)
		if p.by == byFile {
			pem, message, fix = readPEM(p.name, **p.value, readFile)
		} else {
			pem, message, fix = decodePEM(p.name, **p.value)
		}
		if message != "" {
			errs = append(errs, l.At("spec.tls."+p.name, message, fix))
			continue
		}
		*p.holds(&material), found = pem, true
	}
	if err := errs.sorted(); err != nil {
		return err
	}
	if found {
		t.material = &material
	}
	return nil
}

// begin is how PEM shows itself, plain, in base64, and in base64 twice.
var (
	begin       = []byte("-----BEGIN ")
	begin64     = []byte("LS0tLS1CRUdJTi")
	begin64Head = "LS0tLS1CRUdJTi"
)

// readPEM reads a crtFile, keyFile or caCrtFile.
func readPEM(name, path string, readFile func(string) ([]byte, error)) (pem []byte, message, fix string) {
	inline := strings.TrimSuffix(name, "File")
	switch {
	case path == "":
		return nil, "empty, expected the path of a PEM file", fmt.Sprintf("write %s: %s.pem", name, inline)
	case strings.Contains(path, "-----BEGIN "):
		return nil, "holds PEM, expected the path of a PEM file",
			fmt.Sprintf("write the PEM to a file and its path here, or write its base64 as %s (base64 -w0)", inline)
	case strings.HasPrefix(path, begin64Head):
		return nil, "holds base64, expected the path of a PEM file", "write it as " + inline
	case len(path) > 4096 || strings.ContainsAny(path, "\n\r"):
		return nil, "expected the path of a PEM file, on one line", ""
	case readFile == nil:
		return nil, "files cannot be read here", fmt.Sprintf("write the file's base64 as %s (base64 -w0)", inline)
	}
	shown := showPath(path)
	pem, err := readFile(path)
	if err != nil {
		// The path is said once, and an error's own text is only what the system
		// says about it.
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Sprintf("cannot read %s: %v", shown, err), "write a path relative to the scenario file (in kustomize, to the kustomization)"
	}
	trimmed := bytes.TrimSpace(pem)
	switch {
	case len(trimmed) == 0:
		return nil, shown + " is empty, expected PEM", ""
	case bytes.Contains(trimmed, begin):
		return pem, "", ""
	case bytes.HasPrefix(trimmed, begin64):
		return nil, shown + " holds base64, expected PEM", fmt.Sprintf("write the output of base64 -d %s to the file", shown)
	}
	what, fix := notPEM(trimmed, shown, inline)
	return nil, shown + " " + what, fix
}

// showPath quotes a path, unless it might be a key in base64 that was pasted in
// the path's place: a long run of nothing but base64's letters.
func showPath(path string) string {
	if len(path) > 40 && isBase64(strings.TrimRight(path, "=")) {
		return fmt.Sprintf("the path of %d characters", len(path))
	}
	return strconv.Quote(path)
}

// decodePEM decodes a crt, key or caCrt.
func decodePEM(name, value string) (pem []byte, message, fix string) {
	encode := fmt.Sprintf("write the output of base64 -w0 %s.pem, or the file's path as %sFile", name, name)
	text := strings.TrimSpace(value) // a block scalar ends in a line break
	switch {
	case text == "":
		return nil, "empty, expected PEM in base64", encode
	case strings.Contains(text, "-----BEGIN "):
		return nil, "holds PEM as it is, expected PEM in base64", encode
	case strings.HasPrefix(text, "$"):
		return nil, "holds a shell variable that was not expanded, expected PEM in base64", encode
	}
	joined := strings.Join(strings.Fields(text), "")
	decoded, err := base64.StdEncoding.DecodeString(joined)
	switch {
	case err != nil && len(joined)%4 != 0 && isBase64(strings.TrimRight(joined, "=")):
		return nil, fmt.Sprintf("base64 that is cut short: %d characters are no multiple of 4", len(joined)), encode
	case err != nil:
		return nil, "not base64, expected PEM in base64 (letters, digits, +, / and = only)", encode
	case joined != text:
		return nil, "base64 wrapped over several lines, expected one line", encode
	case bytes.Contains(decoded, begin):
		return decoded, "", ""
	case bytes.HasPrefix(bytes.TrimSpace(decoded), begin64):
		return nil, "PEM encoded in base64 twice, expected once", "write what base64 -d makes of it"
	case len(decoded) == 0:
		return nil, "empty, expected PEM in base64", encode
	}
	message, fix = notPEM(decoded, name+".der", name)
	return nil, "base64 of something that " + message, fix
}

func isBase64(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

// notPEM words what data that is not PEM seems to be.
func notPEM(data []byte, path, name string) (message, fix string) {
	// A DER certificate or key is a sequence of at least 128 bytes, or (Ed25519)
	// a short one that begins with a version.
	if len(data) > 4 && data[0] == 0x30 && (data[1] >= 0x81 && data[1] <= 0x84 || int(data[1]) == len(data)-2) {
		tool := "x509"
		if name == "key" {
			tool = "pkey"
		}
		return "is DER, expected PEM", fmt.Sprintf("write the output of openssl %s -inform DER -in %s", tool, path)
	}
	return `is not PEM, expected "-----BEGIN …"`, ""
}
