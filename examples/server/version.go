package main

import (
	"runtime/debug"
	"strings"
)

// version returns the version of the module that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// buildVersion returns the line that --version prints.
func buildVersion() string {
	line := "cicerone " + version()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return line
	}
	return line + describe(info)
}

// describe returns the revision of a build, if the go command recorded one, and the Go version.
func describe(info *debug.BuildInfo) string {
	var b strings.Builder
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.WriteString(", revision " + s.Value)
		case s.Key == "vcs.time":
			b.WriteString(" of " + s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			b.WriteString(", with uncommitted changes")
		}
	}
	return b.String() + ", " + info.GoVersion
}
