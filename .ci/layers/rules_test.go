package main

import (
	"slices"
	"strings"
	"testing"
)

func TestRefuse(t *testing.T) {
	const own = module + "/"
	tests := []struct {
		from, to string
		why      string // a part of the reason; empty if the import is allowed
	}{
		{"core/tokens", "context", ""},
		{"core/tokens", own + "core/fault", ""},
		{"core/tokens", "github.com/govalues/decimal", ""},
		{"core/text", "golang.org/x/text/unicode/norm", ""},
		{"core/id", own + "core/clock", ""},
		{"core/id", own + "core/users", "helper"},
		{"core/users", own + "core/users/internal/hash", ""},
		{"core/tokens", own + "ports", "core imports only"},
		{"core/tokens", own + "adapters/memory", "core imports only"},
		{"core/tokens", own + "transport/httpapi", "core imports only"},
		{"core/tokens", "github.com/jackc/pgx/v5", "core imports only"},
		{"core/tokens", "golang.org/x/crypto/bcrypt", "core imports only"},
		{"core/tokens", "golang.org/x/textual", "core imports only"},
		{"core/tokens", "github.com/go-kit/kit/endpoint", "go-kit"},

		{"ports", own + "core/users", ""},
		{"ports", "github.com/google/uuid", "ports imports only core"},
		{"ports", own + "adapters/memory", "ports imports only core"},
		{"ports", own + "ports/porttest", "for tests"},
		{"ports/porttest", own + "ports", ""},
		{"ports/porttest", own + "core/fault", ""},
		{"ports/porttest", "testing", ""},
		{"ports/porttest", own + "adapters/memory", "ports/porttest imports only core"},
		{"ports/porttest", "github.com/google/go-cmp/cmp", "ports/porttest imports only core"},
		{"ports", own + "ports/copier", "ports imports only core"},
		{"ports/porttest", own + "ports/copier", "ports/porttest imports only core"},
		{"ports/copier", own + "ports", ""},
		{"ports/copier", own + "core/audit", ""},
		{"ports/copier", own + "ports/porttest", "for tests"},
		{"ports/copier", own + "adapters/memory", "ports/copier imports only core"},
		{"core/audit", own + "ports", "core imports only"},

		{"adapters/postgres", own + "core/users", ""},
		{"adapters/postgres", own + "ports", ""},
		{"adapters/postgres", own + "adapters/postgres/migrations", ""},
		{"adapters/postgres", "github.com/jackc/pgx/v5", ""},
		{"adapters/postgres", own + "adapters/memory", "no other adapter"},
		{"adapters/postgres", own + "adapters/internal/servers", "adapters/internal"},
		{"adapters/postgres", own + "ports/porttest", "for tests"},
		{"adapters/postgres", own + "transport/httpapi", "no transport"},
		{"adapters/postgres", own + "wiring", "only a program"},
		{"adapters/postgres", "github.com/google/wire", "wire is used only"},
		{"adapters/postgres", "github.com/testcontainers/testcontainers-go/modules/postgres", "libraries for tests"},
		{"adapters/nats", "github.com/nats-io/nats-server/v2/server", "libraries for tests"},
		{"adapters/internal/natstest", "github.com/nats-io/nats-server/v2/server", ""},
		{"adapters/internal/servers", "github.com/testcontainers/testcontainers-go", ""},
		{"adapters/internal/histories", own + "adapters/postgres", ""},
		{"adapters/internal/wired", own + "wiring", ""},
		{"adapters/internal/histories", own + "ports/porttest", ""},
		{"adapters/internal/histories", own + "transport/httpapi", "no transport"},
		{"adapters/internal/surface", own + "transport/grpcapi", ""},
		{"adapters/internal/bench", own + "transport/grpcapi", ""},

		{"transport/httpapi", own + "core/users", ""},
		{"transport/httpapi", own + "transport/kithttp", ""},
		{"transport/httpapi", "github.com/go-kit/kit/endpoint", ""},
		{"transport/httpapi", "github.com/swaggest/openapi-go", ""},
		{"transport/httpapi", own + "ports", "no ports"},
		{"transport/httpapi", own + "adapters/jwt", "no ports or adapters"},
		{"transport/httpapi", own + "transport/grpcapi", "only edge, kithttp and kitgrpc"},
		{"transport/grpcapi", own + "transport/httpapi", "only edge, kithttp and kitgrpc"},
		{"transport/grpcapi", own + "transport/kitgrpc", ""},
		{"transport/grpcapi", own + "transport/kithttp", ""},
		{"transport/grpcapi", own + "transport/grpcapi/cicerone/live/v1", ""},
		{"transport/kitgrpc", own + "transport/kithttp", ""},
		{"transport/kitgrpc", own + "transport/edge", "only edge/failure"},
		{"transport/kitgrpc", own + "core/users", "independent of the domains"},
		{"transport/kithttp", own + "transport/kitgrpc", "no other transport"},
		{"transport/client", own + "transport/grpcapi", ""},
		{"transport/client", own + "transport/httpapi", ""},
		{"transport/client", own + "ports", "no ports"},
		{"transport/httpapi", own + "transport/client", "only edge, kithttp and kitgrpc"},
		{"transport/httpapi", own + "transport/edge", ""},
		{"transport/httpapi", own + "transport/edge/failure", ""},
		{"transport/edge", own + "core/users", ""},
		{"transport/edge", own + "transport/edge/failure", ""},
		{"transport/edge", "github.com/go-kit/kit/endpoint", ""},
		{"transport/edge", "github.com/go-kit/kit/ratelimit", ""},
		{"transport/edge", "golang.org/x/time/rate", ""},
		{"transport/edge", "net/netip", ""},
		{"transport/edge", "net/http", "independent of protocols"},
		{"transport/edge", "github.com/go-kit/kit/transport/http", "transport/edge imports only"},
		{"transport/edge", "github.com/swaggest/openapi-go", "transport/edge imports only"},
		{"transport/edge", own + "transport/kithttp", "transport/edge imports only"},
		{"transport/edge", own + "ports", "no ports"},
		{"transport/edge", own + "adapters/jwt", "no ports or adapters"},
		{"transport/edge/failure", own + "core/fault", ""},
		{"transport/edge/failure", "net/http", ""},
		{"transport/edge/failure", own + "core/users", "kinds of failure"},
		{"transport/edge/failure", own + "transport/edge", "kinds of failure"},
		{"transport/kithttp", own + "transport/edge/failure", ""},
		{"transport/kithttp", own + "transport/edge", "only edge/failure"},
		{"transport/httpapi", own + "wiring", "only a program"},
		{"transport/kithttp", own + "core/fault", ""},
		{"transport/kithttp", own + "core/users", "independent of the domains"},

		{"wiring", "github.com/google/wire", ""},
		{"wiring", own + "transport/httpapi", ""},
		{"wiring", own + "adapters/bcrypt", ""},
		{"wiring", own + "adapters/memory", "imports no store"},
		{"wiring", own + "wiring/memory", "wiring of a store"},
		{"wiring", own + "examples/server", "example"},
		{"wiring/memory", own + "wiring", ""},
		{"wiring/memory", own + "adapters/memory", ""},
		{"wiring/memory", own + "adapters/postgres", "exactly one store"},
		{"wiring/memory", own + "wiring/postgres", "wiring of a store"},

		{"examples/server", own + "wiring/memory", ""},
		{"examples/server", own + "wiring/postgres", ""},
		{"examples/server", own + "examples/internal/demo", ""},
		{"examples/server", "github.com/google/wire", "wire is used only"},
		{"examples/ownadapter", own + "ports/porttest", ""},
		{"wiring", own + "ports/porttest", "for tests"},
		{"core/users", own + "core/internal/coretest", "for tests"},
		{"examples/server", own + "core/internal/coretest", "for tests"},
		{"core/internal/coretest", own + "ports", ""},
		{"core/internal/coretest", own + "core/privacy", ""},
		{"core/internal/coretest", own + "adapters/memory", "core imports only"},
		{"", own + "core/users", "documentation"},
	}
	for _, tt := range tests {
		from := strings.TrimSuffix(own+tt.from, "/")
		why := refuse(from, tt.to)
		if (why == "") != (tt.why == "") || !strings.Contains(why, tt.why) {
			t.Errorf("%s importing %s: got %q, want %q", tt.from, tt.to, why, tt.why)
		}
	}
}

func TestOrderOfDomains(t *testing.T) {
	for here, from := range domains {
		for there, to := range domains {
			why := refuse(module+"/core/"+from, module+"/core/"+to)
			if allowed := there <= here; allowed != (why == "") {
				t.Errorf("%s importing %s: got %q", from, to, why)
			}
		}
	}
}

// valid returns a module with a package in every folder, and only allowed imports.
func valid() []listed {
	return []listed{
		{ImportPath: module + "/core/tokens"},
		{ImportPath: module + "/ports"},
		{ImportPath: module + "/adapters/memory"},
		{ImportPath: module + "/transport/httpapi"},
		{ImportPath: module + "/wiring/memory", Imports: []string{module + "/adapters/memory"}},
		{ImportPath: module + "/examples/server"},
	}
}

func TestCheck(t *testing.T) {
	if wrong := check(valid()); len(wrong) > 0 {
		t.Fatalf("got %q for a valid module, want none", wrong)
	}
	tests := []struct {
		name  string
		spoil func([]listed) []listed
		want  string
	}{
		{"import", func(h []listed) []listed { h[0].Imports = []string{module + "/ports"}; return h },
			"core/tokens may not import ports: "},
		{"import of a test", func(h []listed) []listed {
			h[2].XTestImports = []string{module + "/adapters/internal/servers"}
			return h
		}, "adapters/memory may not import adapters/internal/servers, not even in a test: "},
		{"unknown folder", func(h []listed) []listed { return append(h, listed{ImportPath: module + "/utils"}) },
			"utils: unknown top-level folder"},
		{"unknown part of core", func(h []listed) []listed { return append(h, listed{ImportPath: module + "/core/billing"}) },
			"core/billing: unknown package of core"},
		{"unknown part of ports", func(h []listed) []listed { return append(h, listed{ImportPath: module + "/ports/sql"}) },
			"ports/sql: ports contains"},
		{"unknown store", func(h []listed) []listed { return append(h, listed{ImportPath: module + "/wiring/files"}) },
			"wiring/files: unknown package of wiring"},
		{"empty folder", func(h []listed) []listed { return h[:5] }, "examples: no package found"},
		{"root without its store", func(h []listed) []listed { h[4].Imports = nil; return h },
			"wiring/memory does not import its store, adapters/memory"},
	}
	for _, tt := range tests {
		wrong := check(tt.spoil(valid()))
		if len(wrong) != 1 || !strings.HasPrefix(wrong[0], tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, wrong, tt.want)
		}
	}
}

func TestCheckDeps(t *testing.T) {
	type mod = struct{ Path string }
	deps := []listed{
		{ImportPath: "context", Standard: true},
		{ImportPath: module + "/core/id", Module: &mod{module}},
		{ImportPath: "github.com/google/uuid", Module: &mod{"github.com/google/uuid"}},
		{ImportPath: "github.com/google/wire", Module: &mod{"github.com/google/wire"}},
	}
	wrong := checkDeps(deps)
	if len(wrong) != 1 || !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, "google/wire:") }) {
		t.Errorf("got %q, want only a line about wire", wrong)
	}
}
