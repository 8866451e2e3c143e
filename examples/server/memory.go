package main

import (
	"log/slog"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// unlimited is above every real limit of memory, in bytes. Some cgroups say that they have none by
// a number beyond it.
const unlimited = 1 << 60

// idle is memory that is never touched, so that the system gives none for it. The garbage collector
// counts it: without it, a server that holds 10 MB would collect after each further 10 MB, which is
// a sixth of its time under load. With it, the server takes up to 16 MB more.
var idle []byte

const (
	idleSize  = 16 << 20
	idleLimit = 16 * idleSize // a server with a lower limit of memory has none to spare
)

// spareCollections makes the garbage collector run less often while the server holds little memory.
func spareCollections() {
	if limit := debug.SetMemoryLimit(-1); limit >= idleLimit {
		idle = make([]byte, idleSize)
	}
}

// limitMemory limits the memory to nine tenths of the limit of the cgroup, so that garbage is
// collected before the system ends the process. The variable GOMEMLIMIT has precedence.
func limitMemory(log *slog.Logger, cgroup memlimit.Provider) {
	limit, err := memlimit.Set(memlimit.WithProvider(cgroup))
	switch {
	case err != nil:
		log.Warn("the memory is not limited: the limit of the cgroup is not known; GOMEMLIMIT sets one", slog.Any("error", err))
	case limit >= unlimited:
		log.Info("the memory is not limited: the cgroup has no limit; GOMEMLIMIT sets one")
	default:
		log.Info("the memory is limited, by GOMEMLIMIT or the cgroup", slog.Int64("bytes", limit))
	}
}
