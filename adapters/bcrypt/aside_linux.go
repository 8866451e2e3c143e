package bcrypt

import (
	"runtime"
	"syscall"
)

// niceness is how far the priority of a thread that hashes is below that of the others. Against one
// of them it gets about a tenth of a core.
const niceness = 10

// aside runs f on a thread of low priority, and waits for it: a hash occupies a core for long, and
// the threads that serve requests need one often and briefly.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Only a privileged process can raise the priority again, so the goroutine keeps the thread,
		// which ends with it. The main thread would not end, and so is only held meanwhile.
		runtime.LockOSThread()
		if syscall.Gettid() == syscall.Getpid() {
			defer runtime.UnlockOSThread()
			aside(f)
			return
		}
		if above, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0); err == nil { // 20 and less the nicer the thread is
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, 20-above+niceness) // if it is refused, f runs all the same
		}
		f()
	}()
	<-done
}
