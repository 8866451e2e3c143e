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

// readKey reads the key of access tokens from a file. If the file does not exist, it returns a new
// key, and found is false.
func readKey(path string) (key []byte, found bool, err error) {
	text, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := jwt.NewKey()
		return key, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the key of access tokens: %w", err)
	}
	key, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) < jwt.KeySize {
		return nil, false, fmt.Errorf("%s does not hold a key of access tokens: remove the file, and the server makes a new key", path)
	}
	return key, true, nil
}

// saveKey writes a key for readKey, in the form that --access-key takes. Only the owner can read
// the file. It is renamed after it was written, so that path never names an incomplete file.
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
