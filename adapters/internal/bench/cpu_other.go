//go:build !linux

package bench

import (
	"errors"
	"runtime"
	"testing"
	"time"
)

// On other systems than Linux the report has no CPU times and no memory, and all share the cores.

func cpuOf(int) (time.Duration, error)     { return 0, errors.ErrUnsupported }
func familyCPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }
func memoryOf(int) (int64, error)          { return 0, errors.ErrUnsupported }
func parentNamed(int, string) (int, bool)  { return 0, false }
func named(int, string) bool               { return false }

type cores struct{}

func newCores(t *testing.T) *cores {
	t.Helper()
	t.Skip("-apart is for Linux")
	return nil
}

func (c *cores) place(*testing.T, int)               {}
func (c *cores) starting(_ *testing.T, start func()) { start() }
func (c *cores) count() int                          { return runtime.GOMAXPROCS(0) }
