package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxSecret is the greatest number of bytes of a file with a secret.
const maxSecret = 64 << 10

// readPrivate reads a file that holds a secret. It refuses a file that others can read.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSecret {
		return nil, fmt.Errorf("%s: has more than %d bytes", path, maxSecret)
	}
	return b, nil
}

// checkPrivate returns an error if others can read or change a file.
func checkPrivate(path string, file fs.FileInfo) error {
	if exposed(file) {
		return fmt.Errorf("%s: others can read or change this file (%v): run chmod 600 %s", path, file.Mode().Perm(), path)
	}
	return nil
}

// secret returns the value of a flag that may hold a secret: given, or else the text of the file, or
// usual if neither is set. Its errors do not contain the value.
func secret(flag string, given *string, file, usual string) (string, error) {
	switch {
	case given != nil && file != "":
		return "", bothGiven(flag)
	case given != nil:
		return *given, nil
	case file != "":
		return readSecret(flag, file)
	}
	return usual, nil
}

func bothGiven(flag string) error {
	return fmt.Errorf("%s and %s-file: only one of them may be set", flag, flag)
}

// readSecret returns the text of the file that a flag with -file names, without the line end after
// it.
func readSecret(flag, file string) (string, error) {
	b, err := readPrivate(file)
	if err != nil {
		return "", fmt.Errorf("%s-file: %w", flag, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("%s-file: %s is empty", flag, file)
	}
	return text, nil
}

// keys decodes the keys of a flag, or of a file with one key in each line, from standard base64.
func keys(flag string, given []string, file string) ([][]byte, error) {
	if file != "" {
		if len(given) > 0 {
			return nil, bothGiven(flag)
		}
		text, err := readSecret(flag, file)
		if err != nil {
			return nil, err
		}
		flag, given = flag+"-file", strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	}
	var decoded [][]byte
	for i, text := range given {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil { // err is not wrapped, because it quotes a part of the key
			return nil, fmt.Errorf("%s: key %d must be standard base64", flag, i+1)
		}
		decoded = append(decoded, key)
	}
	return decoded, nil
}
