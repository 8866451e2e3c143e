package main

import (
	"log/slog"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// unlimited is above every real limit of memory, in bytes. Some cgroups say that they have none by
// a number beyond it.
const unlimited = 1 << 60

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
