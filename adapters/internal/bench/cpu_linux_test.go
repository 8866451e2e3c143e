package bench

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestCPU checks the CPU time of this process, and of a family: of a child that runs, and after it
// has ended.
func TestCPU(t *testing.T) {
	self := os.Getpid()
	before, err := cpuOf(self)
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < 150*time.Millisecond; {
	}
	if after, err := cpuOf(self); err != nil || after <= before {
		t.Errorf("CPU time %v after %v, %v", after, before, err)
	}
	family, err := familyCPU(self)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("/bin/sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; read line")
	in, err := child.StdinPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	spent := time.Duration(0)
	for begun := time.Now(); spent < 50*time.Millisecond && time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
		now, err := familyCPU(self)
		if err != nil {
			t.Fatal(err)
		}
		if own, err := cpuOf(child.Process.Pid); err != nil || now < own {
			t.Fatalf("the family has %v, and its child %v, %v", now, own, err)
		}
		spent = now - family
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // read has failed
	if now, err := familyCPU(self); err != nil || now-family < spent {
		t.Errorf("after its child ended the family has spent %v, %v; before %v", now-family, err, spent)
	}
	if parent, ok := parentNamed(child.Process.Pid, "postgres"); ok {
		t.Errorf("%d is a parent named postgres", parent)
	}
	if used, err := memoryOf(self); err != nil || used < 1<<20 {
		t.Errorf("memory of %d bytes, %v", used, err)
	}
}
