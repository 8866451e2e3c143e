package main

import (
	"fmt"
	"slices"
	"strings"
)

const module = "github.com/cicerone-go/cicerone"

var (
	// folders are the layers. The module has no other top-level folders.
	folders = []string{"core", "ports", "adapters", "transport", "wiring", "examples"}

	// helpers are the packages of core that every domain may use.
	helpers = []string{"clock", "events", "fault", "id", "idempotency", "page", "secret", "text", "uow"}

	// domains are the packages of core that contain the domain. Each may import only those to its
	// left.
	domains = []string{
		"tokens", "users", "moderation", "webhooks", "matching", "messaging", "reservations", "notifications", "live", "privacy", "audit", "services",
	}

	// stores are the adapters that store the data. A package of wiring imports exactly one of them.
	stores = []string{"memory", "sqlite", "postgres", "mongodb"}

	// pure are the libraries that core may import. They only compute, without input or output.
	pure = []string{
		"github.com/go-json-experiment/json", "github.com/google/uuid", "github.com/govalues/decimal", "golang.org/x/net/idna",
		"golang.org/x/text",
	}

	// edgeLibraries are the libraries that transport/edge may import. None implements a protocol.
	edgeLibraries = []string{gokit + "/kit/endpoint", gokit + "/kit/ratelimit", "golang.org/x/time/rate"}

	// kits are the packages of transport that serve a protocol and know no operation. A route is declared
	// with kithttp, and kitgrpc serves it, too.
	kits = []string{"kithttp", "kitgrpc"}

	// testers are libraries for tests that have many dependencies: those that start servers, those
	// that are servers, and a second implementation of a format or of a client. `go mod tidy` of an importer
	// includes the tests of imported packages, so they are allowed only in adapters/internal.
	testers = []string{
		"github.com/testcontainers/testcontainers-go", "github.com/ory/dockertest", "github.com/nats-io/nats-server",
		"github.com/cloudevents/sdk-go", "github.com/fullstorydev/grpcurl", "github.com/jhump/protoreflect",
	}
)

const (
	edge     = "transport/edge"
	failures = edge + "/failure" // the part of edge that is independent of the domains

	gokit = "github.com/go-kit"
	wire  = "github.com/google/wire"
)

// refuse returns the reason why the package from may not import to, except in tests, or "" if it
// may.
func refuse(from, to string) string {
	if why := refuseAnywhere(from, to); why != "" {
		return why
	}
	from = inModule(from)
	switch {
	case from == edge && under(to, "net/http"):
		return "transport/edge is independent of protocols"
	case isStandard(to):
		return ""
	case under(from, failures) && to != module+"/core/fault":
		return "edge/failure may import only the kinds of failure, core/fault"
	case within(from, inModule(to)):
		return "" // a package and the packages in its folder may import each other
	case isOwn(to, "core/internal") && !under(from, "core/internal"):
		return "core/internal is for tests"
	case under(to, wire) && !under(from, "wiring"):
		return "wire is used only in wiring"
	case under(to, gokit) && (under(from, "core") || under(from, "ports") || under(from, "adapters")):
		return "go-kit is used only in transports"
	case isOwn(to, "ports/porttest") && !isTest(from):
		return "the conformance kit is for tests"
	case isOwn(to, "examples") && !under(from, "examples"):
		return "no package depends on an example"
	case isOwn(to, "wiring") && !under(from, "wiring") && !isTest(from):
		return "only a program or a test imports wiring"
	}
	switch top(from) {
	case "":
		return "the root package contains only documentation"
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
	return "" // misplaced reports unknown folders
}

// refuseAnywhere returns the reason why the package from may not import to, even in tests, or "" if
// it may.
func refuseAnywhere(from, to string) string {
	if under(inModule(from), "adapters/internal") {
		return ""
	}
	if isOwn(to, "adapters/internal") {
		return "adapters/internal is only for its own tests: importers would download its dependencies"
	}
	for _, lib := range testers {
		if under(to, lib) {
			return "libraries for tests with many dependencies are used only in adapters/internal: importers would download them"
		}
	}
	return ""
}

func refuseCore(from, to string) string {
	if slices.ContainsFunc(pure, func(lib string) bool { return under(to, lib) }) {
		return ""
	}
	if from == "internal" && (isOwn(to, "core") || isOwn(to, "ports")) {
		return "" // test helpers of core
	}
	if !isOwn(to, "core") {
		return "core imports only the standard library, core, and " + strings.Join(pure, ", ")
	}
	imported := unit(inModule(to))
	if slices.Contains(helpers, imported) {
		return ""
	}
	here, there := slices.Index(domains, from), slices.Index(domains, imported)
	if here < 0 {
		return "a helper of core imports no domain"
	}
	if there < 0 || there > here {
		return "a domain imports only the domains to its left: " + strings.Join(domains, " <- ")
	}
	return ""
}

func refusePorts(from, to string) string {
	if isOwn(to, "core") {
		return ""
	}
	if from != "ports" { // porttest or copier
		if to == module+"/ports" {
			return ""
		}
		return from + " imports only core, ports and the standard library"
	}
	return "ports imports only core and the standard library"
}

func refuseAdapter(from, to string) string {
	switch {
	case isOwn(to, "adapters") && !under(from, "adapters/internal"):
		return "an adapter imports no other adapter"
	case isOwn(to, "transport") && from != "adapters/internal/surface" && from != "adapters/internal/bench": // which test the transports
		return "an adapter imports no transport"
	}
	return ""
}

func refuseTransport(from, to string) string {
	switch {
	case isOwn(to, "ports"), isOwn(to, "adapters"):
		return "a transport imports no ports or adapters"
	case under(from, edge):
		return refuseEdge(to)
	case slices.Contains(kits, unit(from)) && isOwn(to, "core") && slices.Contains(domains, unit(inModule(to))):
		return unit(from) + " is independent of the domains"
	case slices.Contains(kits, unit(from)) && isOwn(to, edge) && !isOwn(to, failures):
		return unit(from) + " is independent of the domains: of edge, it imports only edge/failure"
	case under(from, "transport/client"):
		return "" // it is over each of them
	case isOwn(to, "transport") && !isOwn(to, edge) && !slices.Contains(kits, unit(inModule(to))):
		return "transports share only edge, " + strings.Join(kits, " and ")
	case unit(from) == kits[0] && isOwn(to, "transport/"+kits[1]):
		return kits[0] + " knows no other transport"
	}
	return ""
}

// refuseEdge keeps protocols out of the code that all transports share.
func refuseEdge(to string) string {
	if isOwn(to, "core") || slices.Contains(edgeLibraries, to) {
		return ""
	}
	return "transport/edge imports only the standard library, core, and " + strings.Join(edgeLibraries, ", ")
}

func refuseWiring(from, to string) string {
	if isOwn(to, "wiring") {
		if slices.Contains(stores, unit(inModule(to))) {
			return "only a program imports the wiring of a store"
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
		return fmt.Sprintf("wiring/%s imports exactly one store, adapters/%s", from, from)
	}
	return "the wiring that all servers share imports no store"
}

// misplaced returns the reason why a package may not be in its folder, or "" if it may.
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
		return "ports contains only porttest and copier"
	case top(pkg) == "wiring" && pkg != "wiring" && unit(pkg) != "internal" && !slices.Contains(stores, unit(pkg)):
		return "unknown package of wiring: name its store in .ci/layers/rules.go"
	}
	return ""
}

// isTest reports whether a package consists of tests, or is an example, which may test itself.
func isTest(pkg string) bool {
	return under(pkg, "adapters/internal") || under(pkg, "examples")
}

// top returns the first element of a path: the layer, for a package of the module.
func top(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// unit returns the second element of a path: the domain, the adapter or the transport.
func unit(pkg string) string {
	_, rest, _ := strings.Cut(pkg, "/")
	return top(rest)
}

// inModule removes the path of the module. It returns the path of another module unchanged.
func inModule(pkg string) string {
	if pkg == module {
		return ""
	}
	return strings.TrimPrefix(pkg, module+"/")
}

func isOwn(pkg, folder string) bool { return under(pkg, module+"/"+folder) }

func under(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// within reports whether two packages are in one unit, like adapters/postgres and
// adapters/postgres/migrations.
func within(a, b string) bool {
	return unit(a) != "" && top(a) == top(b) && unit(a) == unit(b)
}

// isStandard reports whether a package is in the standard library: its first path element has no
// dot.
func isStandard(pkg string) bool { return !strings.Contains(top(pkg), ".") }
