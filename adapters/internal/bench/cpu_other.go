//go:build !linux

package bench

import (
	"errors"
	"time"
)

// On other systems than Linux the report has no CPU times and no memory.

func cpuOf(int) (time.Duration, error)     { return 0, errors.ErrUnsupported }
func familyCPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }
func memoryOf(int) (int64, error)          { return 0, errors.ErrUnsupported }
func parentNamed(int, string) (int, bool)  { return 0, false }
func named(int, string) bool               { return false }
