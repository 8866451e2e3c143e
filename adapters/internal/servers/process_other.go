//go:build !unix

package servers

import (
	"errors"
	"syscall"
)

// startsPrograms is false: on these systems, servers are found by address or in Docker, and the
// functions below are never called.
const startsPrograms = false

type account struct{}

func findAccount() (account, error) { return account{}, errors.ErrUnsupported }

func (account) give(string) error { return errors.ErrUnsupported }

func (account) admit(string) error { return errors.ErrUnsupported }

func (account) attributes() *syscall.SysProcAttr { return nil }

func (*process) freeze() error { return errors.ErrUnsupported }

func (*process) thaw() error { return errors.ErrUnsupported }
