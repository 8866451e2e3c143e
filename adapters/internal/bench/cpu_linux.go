package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc, which is the same on every Linux that Go supports.
const tick = 10 * time.Millisecond

// stat has the fields of /proc/PID/stat that the benchmark reads.
type stat struct {
	pid      int
	name     string
	parent   int
	own      time.Duration // CPU time, user and system
	children time.Duration // of children that have ended
}

func statOf(pid int) (s stat, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return s, err
	}
	head, tail, _ := strings.Cut(string(b), "(")
	end := strings.LastIndexByte(tail, ')') // the name may have any characters
	fields := strings.Fields(tail[end+1:])
	if head == "" || end < 0 || len(fields) < 15 {
		return s, fmt.Errorf("the kernel describes process %d as %q", pid, b)
	}
	s.pid, s.name = pid, tail[:end]
	var numbers [5]int
	for i, field := range []int{1, 11, 12, 13, 14} {
		if numbers[i], err = strconv.Atoi(fields[field]); err != nil {
			return s, fmt.Errorf("the kernel describes process %d as %q: %w", pid, b, err)
		}
	}
	s.parent = numbers[0]
	s.own = time.Duration(numbers[1]+numbers[2]) * tick
	s.children = time.Duration(numbers[3]+numbers[4]) * tick
	return s, nil
}

// cpuOf returns the CPU time of a process.
func cpuOf(pid int) (time.Duration, error) {
	s, err := statOf(pid)
	return s.own, err
}

// looks is how often familyCPU reads the times, if children keep ending.
const looks = 100

// familyCPU returns the CPU time of a process and its children, those that have ended included. If a
// child ends while the times are read, its time would count twice or not at all, so familyCPU reads
// them again. It returns an error if that happens each of a hundred times.
func familyCPU(pid int) (time.Duration, error) {
	for range looks {
		before, err := statOf(pid)
		if err != nil {
			return 0, err
		}
		living, err := childrenCPU(pid)
		if err != nil {
			return 0, err
		}
		after, err := statOf(pid)
		if err != nil || after.children == before.children {
			return after.own + after.children + living, err
		}
	}
	return 0, fmt.Errorf("the CPU time of process %d: its children keep ending", pid)
}

// childrenCPU returns the CPU time of the living children of a process.
func childrenCPU(pid int) (sum time.Duration, err error) {
	children, err := childrenOf(pid)
	for _, c := range children {
		sum += c.own
	}
	return sum, err
}

// childrenOf returns the living children of a process.
func childrenOf(pid int) (children []stat, err error) {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, entry := range all {
		child, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		if c, err := statOf(child); err == nil && c.parent == pid { // on an error it has ended, and its parent has its time
			children = append(children, c)
		}
	}
	return children, nil
}

// parentNamed returns the parent of a process, if both have the given name: a process of another
// machine or container has neither.
func parentNamed(pid int, name string) (int, bool) {
	child, err := statOf(pid)
	if err != nil || child.name != name {
		return 0, false
	}
	parent, err := statOf(child.parent)
	return child.parent, err == nil && parent.name == name
}

// named reports whether a process has the given name.
func named(pid int, name string) bool {
	s, err := statOf(pid)
	return err == nil && s.name == name
}

// memoryOf returns the memory of a process, in bytes.
func memoryOf(pid int) (int64, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0, fmt.Errorf("the kernel describes the memory of process %d as %q: %w", pid, b, err)
	}
	return resident * int64(os.Getpagesize()), nil
}
