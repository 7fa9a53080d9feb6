package toolchain

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// SignatureError is an archive without a good signature by a key of the keyring
// that was given.
type SignatureError struct {
	Artifact string
	Err      error
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("toolchain: %s has no good signature by a key of the keyring: %v", e.Artifact, e.Err)
}

func (e *SignatureError) Unwrap() error { return e.Err }

// maxSignature bounds a .asc file; one with several signatures has a few KiB.
const maxSignature = 64 << 10

// keyring reads OpenPGP public keys, armoured or not.
func keyring(keys []byte) (openpgp.EntityList, error) {
	var list openpgp.EntityList
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(keys), []byte("-----BEGIN")) {
		list, err = openpgp.ReadArmoredKeyRing(bytes.NewReader(keys))
	} else {
		list, err = openpgp.ReadKeyRing(bytes.NewReader(keys))
	}
	if err == nil && len(list) == 0 {
		err = errors.New("it holds no key")
	}
	if err != nil {
		return nil, fmt.Errorf("toolchain: keyring: %w; it must hold OpenPGP public keys", err)
	}
	return list, nil
}

// checkSignature gives the signer's vouch for what is read.
func (a Artifact) checkSignature(content io.Reader) (Vouch, error) {
	keys, err := keyring(a.Keyring)
	if err != nil {
		return Vouch{}, err
	}
	signature := io.Reader(bytes.NewReader(a.Signature))
	if bytes.HasPrefix(bytes.TrimSpace(a.Signature), []byte("-----BEGIN")) {
		block, err := armor.Decode(signature)
		if err != nil {
			return Vouch{}, &SignatureError{a.Name, err}
		}
		signature = block.Body
	}
	signer, err := openpgp.CheckDetachedSignature(keys, content, signature, nil)
	if err != nil {
		return Vouch{}, &SignatureError{a.Name, err}
	}
	var names []string
	for name := range signer.Identities {
		names = append(names, name)
	}
	slices.Sort(names)
	return Vouch{"openpgp:" + hex.EncodeToString(signer.PrimaryKey.Fingerprint), "the signature of " + strings.Join(names, ", ")}, nil
}
