package bench

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestApart checks where the generator, a database that runs already, and a server that is started
// are, and that the first two are where they were when the test ends.
func TestApart(t *testing.T) {
	on := func(pid int) (set unix.CPUSet) {
		t.Helper()
		if err := unix.SchedGetaffinity(pid, &set); err != nil {
			t.Fatal(err)
		}
		return set
	}
	run := func() int {
		t.Helper()
		c := exec.CommandContext(t.Context(), "sleep", "60")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Kill() // it may have ended with the context
			_ = c.Wait()         // it was killed
		})
		return c.Process.Pid
	}
	before, database := on(0), run()
	t.Run("apart", func(t *testing.T) {
		c := newCores(t)
		c.place(t, database)
		server := 0
		c.starting(t, func() { server = run() })
		generator, served := on(os.Getpid()), on(server)
		if generator.Count() == 0 || served.Count() != c.count() || generator.Count()+c.count() != before.Count() {
			t.Errorf("the generator has %d cores, and a server %d of %d", generator.Count(), served.Count(), before.Count())
		}
		for n := range 1024 {
			if generator.IsSet(n) && c.servers.IsSet(n) {
				t.Errorf("the generator and the servers share core %d", n)
			}
		}
		if on(database) != served || on(0) != generator {
			t.Error("the database is not where a server is, or a thread of the generator is not where the first is")
		}
	})
	if on(os.Getpid()) != before || on(database) != before {
		t.Error("the generator or the database is not where it was")
	}
}
