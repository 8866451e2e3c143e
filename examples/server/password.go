package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// askPassword reads a new password. On a terminal it asks twice and does not show the input;
// otherwise it reads the first line of in.
func askPassword(ctx context.Context, in *os.File, prompts io.Writer) (string, error) {
	terminal := int(in.Fd()) // #nosec G115 -- file descriptors are small
	if !term.IsTerminal(terminal) {
		return firstLine(in)
	}
	before, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("ask for a password: %w", err)
	}
	type answer struct {
		password string
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		password, err := askTwice(prompts, func() (string, error) {
			b, err := term.ReadPassword(terminal)
			return string(b), err
		})
		answered <- answer{password, err}
	}()
	select {
	case a := <-answered:
		return a.password, a.err
	case <-ctx.Done(): // Ctrl-C: make the terminal show the input again
		return "", errors.Join(fmt.Errorf("ask for a password: %w", ctx.Err()), term.Restore(terminal, before))
	}
}

// askTwice asks until the same password was typed twice in a row, or read returns an error.
func askTwice(prompts io.Writer, read func() (string, error)) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(prompts, prompt)
		typed, err := read()
		fmt.Fprintln(prompts)
		if err != nil {
			return "", fmt.Errorf("ask for a password: %w", err)
		}
		return typed, nil
	}
	for {
		first, err := ask("Password for the new account: ")
		if err != nil {
			return "", err
		}
		second, err := ask("Repeat the password: ")
		if err != nil {
			return "", err
		}
		if first == second {
			return first, nil
		}
		fmt.Fprintln(prompts, "The passwords are not the same.")
	}
}

func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(in).ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("read the password for the new account from standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
