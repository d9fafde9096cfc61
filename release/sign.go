package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
)

// sign signs the checksums and each of Helm's packages. Without a key nothing is signed.
func (r *release) sign(key string) error {
	if key == "" {
		fmt.Fprintln(os.Stdout, "release: no key is given, so nothing is signed; make dist KEY=FILE signs")
		return nil
	}
	signer, err := readKey(key)
	if err != nil {
		return fmt.Errorf("reading the key %s: %w", key, err)
	}
	descriptor, err := r.descriptor()
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		archive, err := os.ReadFile(filepath.Join(r.out, filepath.FromSlash(r.helmPlugin(p))))
		if err != nil {
			return err
		}
		signed, err := helmProvenance(signer, path.Base(r.helmPlugin(p)), archive, descriptor)
		if err != nil {
			return err
		}
		if err := r.write(r.helmPlugin(p)+".prov", signed); err != nil {
			return err
		}
	}
	sums, err := os.ReadFile(filepath.Join(r.out, checksumsFile))
	if err != nil {
		return err
	}
	var signature, public bytes.Buffer
	err = errors.Join(
		openpgp.ArmoredDetachSign(&signature, signer, bytes.NewReader(sums), nil),
		signer.Serialize(&public)) // gpgv and helm take a key ring that is not armored
	if err != nil {
		return err
	}
	return errors.Join(r.write(checksumsFile+".asc", signature.Bytes()), r.write(name+".gpg", public.Bytes()))
}

// readKey reads a private key as gpg --export-secret-keys writes it, armored or not.
func readKey(file string) (*openpgp.Entity, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var reader io.Reader = bytes.NewReader(text)
	if block, err := armor.Decode(bytes.NewReader(text)); err == nil {
		reader = block.Body
	}
	keys, err := openpgp.ReadKeyRing(reader)
	switch {
	case err != nil:
		return nil, err
	case len(keys) != 1:
		return nil, fmt.Errorf("expected one key, got %d", len(keys))
	case keys[0].PrivateKey == nil:
		return nil, errors.New("expected a private key, got a public one; write it with gpg --export-secret-keys")
	case keys[0].PrivateKey.Encrypted:
		return nil, errors.New("expected a key without a passphrase, got one with; remove it in a copy of the key")
	}
	return keys[0], nil
}

// helmProvenance is what helm plugin package --sign writes: the plugin's descriptor, a
// line of YAML that ends it, and the digest of the archive under its name.
// Source: SignPlugin and ClearSign in helm.sh/helm/v4.
func helmProvenance(signer *openpgp.Entity, file string, archive, descriptor []byte) ([]byte, error) {
	var signed bytes.Buffer
	w, err := clearsign.Encode(&signed, signer.PrivateKey, nil)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(w, "%s\n...\nfiles:\n  %s: sha256:%s\n", descriptor, file, digest(archive)); err != nil {
		return nil, err
	}
	err = w.Close()
	return signed.Bytes(), err
}
