package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cicerone-go/cicerone/adapters/jwt"
)

// readKey reads what signs access tokens from a file. Where there is no such file it makes a new key, and
// found is false.
func readKey(path string) (key []byte, found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := jwt.NewKey()
		return key, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the key of access tokens: %w", err)
	}
	key, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < jwt.KeySize {
		return nil, false, fmt.Errorf("%s holds no key of access tokens: remove it, and a new one is made", path)
	}
	return key, true, nil
}

// saveKey writes a key for readKey, as --access-key takes it. The file gets its name when it is whole, and
// nobody but its owner can read it.
func saveKey(path string, key []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("keep the key of access tokens: %w", err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the key of access tokens: %w", err), os.Remove(f.Name()))
	}
	return nil
}
