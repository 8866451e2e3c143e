package main

import (
	"fmt"
	"slices"
	"strings"
)

const module = "github.com/cicerone-go/cicerone"

var (
	// folders are the floors of the house. There are no others.
	folders = []string{"core", "ports", "adapters", "transport", "wiring", "examples"}

	// helpers are the packages of core that every domain may use.
	helpers = []string{"clock", "fault", "id", "idempotency", "page", "text", "uow"}

	// domains are the packages of core that hold the business. Each sees only those to its left.
	domains = []string{"tokens", "users", "moderation", "matching", "messaging", "reservations", "privacy", "audit"}

	// stores are the adapters that keep the data; a server is wired for exactly one of them.
	stores = []string{"memory", "sqlite", "postgres", "mongodb"}

	// pure are the libraries that core may lean on: they compute, and touch nothing outside.
	pure = []string{
		"github.com/go-json-experiment/json", "github.com/google/uuid", "github.com/govalues/decimal", "golang.org/x/text",
	}

	// edgeLibraries are those of transport/edge: none is of a protocol.
	edgeLibraries = []string{gokit + "/kit/endpoint", gokit + "/kit/ratelimit", "golang.org/x/time/rate"}

	// containers start real servers for tests. They are heavy, and an importer's `go mod tidy` follows
	// the tests of what it imports, so they stay in adapters/internal.
	containers = []string{"github.com/testcontainers/testcontainers-go", "github.com/ory/dockertest"}
)

const (
	edge     = "transport/edge"
	failures = edge + "/failure" // the part of edge that knows no domain

	gokit = "github.com/go-kit"
	wire  = "github.com/google/wire"
)

// refuse says why the package from may not import to in its own files, or "" where it may.
func refuse(from, to string) string {
	if why := refuseAnywhere(from, to); why != "" {
		return why
	}
	from = inModule(from)
	switch {
	case from == edge && under(to, "net/http"):
		return "transport/edge knows no protocol"
	case isStandard(to):
		return ""
	case under(from, failures) && to != module+"/core/fault":
		return "edge/failure knows the kinds of failure, and nothing else"
	case within(from, inModule(to)):
		return "" // a package and what is nested in it are one
	case isOwn(to, "core/internal") && !under(from, "core/internal"):
		return "core/internal is for tests"
	case under(to, wire) && !under(from, "wiring"):
		return "wire stays inside wiring"
	case under(to, gokit) && (under(from, "core") || under(from, "ports") || under(from, "adapters")):
		return "go-kit belongs to the transports"
	case isOwn(to, "ports/porttest") && !mayUseKit(from):
		return "the conformance kit is for tests"
	case isOwn(to, "examples") && !under(from, "examples"):
		return "nothing depends on an example"
	case isOwn(to, "wiring") && !under(from, "wiring") && !under(from, "examples"):
		return "only a program puts the house together"
	}
	switch top(from) {
	case "":
		return "the module's root holds documentation only"
	case "core":
		return refuseCore(unit(from), to)
	case "ports":
		return refusePorts(from, to)
	case "adapters":
		return refuseAdapter(from, to)
	case "transport":
		return refuseTransport(from, to)
	case "wiring":
		return refuseWiring(unit(from), to)
	case "examples":
		return ""
	}
	return "" // an unknown folder: misplaced speaks of it
}

// refuseAnywhere holds for test files as well.
func refuseAnywhere(from, to string) string {
	if under(inModule(from), "adapters/internal") {
		return ""
	}
	if isOwn(to, "adapters/internal") {
		return "adapters/internal is for the tests that stand in it: importers would fetch what it needs"
	}
	for _, c := range containers {
		if under(to, c) {
			return "container libraries stay in adapters/internal: importers would fetch them"
		}
	}
	return ""
}

func refuseCore(from, to string) string {
	if slices.ContainsFunc(pure, func(lib string) bool { return under(to, lib) }) {
		return ""
	}
	if from == "internal" && (isOwn(to, "core") || isOwn(to, "ports")) {
		return "" // the world in which core is tested
	}
	if !isOwn(to, "core") {
		return "core imports the standard library, core, and " + strings.Join(pure, ", ")
	}
	imported := unit(inModule(to))
	if slices.Contains(helpers, imported) {
		return ""
	}
	here, there := slices.Index(domains, from), slices.Index(domains, imported)
	if here < 0 {
		return "a helper of core knows no domain"
	}
	if there < 0 || there > here {
		return "a domain imports only those to its left: " + strings.Join(domains, " <- ")
	}
	return ""
}

func refusePorts(from, to string) string {
	if isOwn(to, "core") {
		return ""
	}
	if from != "ports" { // the kit, or the copier
		if to == module+"/ports" {
			return ""
		}
		return from + " imports core, ports and the standard library"
	}
	return "ports imports core and the standard library"
}

func refuseAdapter(from, to string) string {
	switch {
	case isOwn(to, "adapters") && !under(from, "adapters/internal"):
		return "an adapter imports no other adapter"
	case isOwn(to, "transport"):
		return "an adapter knows no transport"
	}
	return ""
}

func refuseTransport(from, to string) string {
	switch {
	case isOwn(to, "ports"), isOwn(to, "adapters"):
		return "a transport sees core only, never ports or adapters"
	case under(from, edge):
		return refuseEdge(to)
	case under(from, "transport/kithttp") && isOwn(to, "core") && slices.Contains(domains, unit(inModule(to))):
		return "kithttp has no word of this domain"
	case under(from, "transport/kithttp") && isOwn(to, edge) && !isOwn(to, failures):
		return "kithttp has no word of this domain: of edge, it imports edge/failure only"
	case isOwn(to, "transport") && !isOwn(to, edge) && unit(inModule(to)) != "kithttp":
		return "of the transports only edge and kithttp are shared"
	}
	return ""
}

// refuseEdge keeps protocols out of what all transports share.
func refuseEdge(to string) string {
	if isOwn(to, "core") || slices.Contains(edgeLibraries, to) {
		return ""
	}
	return "transport/edge imports the standard library, core, and " + strings.Join(edgeLibraries, ", ")
}

func refuseWiring(from, to string) string {
	if isOwn(to, "wiring") {
		if slices.Contains(stores, unit(inModule(to))) {
			return "a root is built on by programs, not by other wiring"
		}
		return ""
	}
	if !isOwn(to, "adapters") {
		return ""
	}
	store := unit(inModule(to))
	if !slices.Contains(stores, store) || store == from {
		return ""
	}
	if slices.Contains(stores, from) {
		return fmt.Sprintf("wiring/%s wires exactly one store, adapters/%s", from, from)
	}
	return "what all servers share knows no store"
}

// misplaced says what is wrong with a package being where it is, or "".
func misplaced(pkg string) string {
	pkg = inModule(pkg)
	switch {
	case top(pkg) == "":
		return ""
	case !slices.Contains(folders, top(pkg)):
		return "unknown top-level folder; there are " + strings.Join(folders, ", ")
	case top(pkg) == "core" && unit(pkg) != "internal" && !slices.Contains(helpers, unit(pkg)) && !slices.Contains(domains, unit(pkg)):
		return "unknown package of core: name it in .ci/layers/rules.go, as a helper or in the order of the domains"
	case top(pkg) == "ports" && pkg != "ports" && pkg != "ports/porttest" && pkg != "ports/copier":
		return "ports holds porttest and copier, and nothing else"
	}
	return ""
}

// mayUseKit holds for the packages that are tests, or show how to test.
func mayUseKit(pkg string) bool {
	return under(pkg, "adapters/internal") || under(pkg, "examples")
}

// top is the first element of a path: the floor, for a package of the module.
func top(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// unit is the second element of a path: the domain, the adapter, the transport.
func unit(pkg string) string {
	_, rest, _ := strings.Cut(pkg, "/")
	return top(rest)
}

// inModule cuts the module's path off; the path of another module stays as it is.
func inModule(pkg string) string {
	if pkg == module {
		return ""
	}
	return strings.TrimPrefix(pkg, module+"/")
}

func isOwn(pkg, folder string) bool { return under(pkg, module+"/"+folder) }

func under(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// within holds for two packages of one unit, like adapters/postgres and adapters/postgres/migrations.
func within(a, b string) bool {
	return unit(a) != "" && top(a) == top(b) && unit(a) == unit(b)
}

// isStandard holds for the standard library, whose first path element has no dot.
func isStandard(pkg string) bool { return !strings.Contains(top(pkg), ".") }
