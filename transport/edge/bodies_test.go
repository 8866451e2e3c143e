package edge_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

const (
	small = edge.SmallBody
	large = edge.SmallBody + 1
)

func callFrom(address string) context.Context {
	return edge.WithCall(context.Background(), edge.Call{Address: address})
}

func by(user byte) context.Context {
	return edge.WithCaller(callFrom("192.0.2.1"), users.Caller{UserID: id.User{user}})
}

// body begins a body, and charges it with n bytes. It fails the test unless the error is want.
func body(t *testing.T, g *edge.Gate, ctx context.Context, most int64, n int, want error) (end func()) {
	t.Helper()
	charge, end := g.BeginBody(ctx, most)
	if err := charge(n); !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("%d bytes: got %v, want %v", n, err, want)
	}
	return end
}

func TestBodiesOfTheServer(t *testing.T) {
	g := edge.NewGate(new(users.Service), edge.Limits{Bodies: edge.BodyLimits{Total: 1000, Reserve: 200}})
	end := body(t, g, by(1), large, 500, nil)
	body(t, g, by(1), large, 300, nil) // one caller may use all of it, because there is no share
	body(t, g, by(2), large, 1, edge.ErrBodiesBusy)()
	endOfSmall := body(t, g, by(2), small, 200, nil) // the reserve
	body(t, g, by(3), small, 1, edge.ErrBodiesBusy)()
	endOfSmall()
	end()
	body(t, g, by(2), large, 501, edge.ErrBodiesBusy)()
	charge, end := g.BeginBody(by(2), large)
	for range 500 {
		if err := charge(1); err != nil {
			t.Fatal(err)
		}
	}
	if err := charge(1); !errors.Is(err, edge.ErrBodiesBusy) {
		t.Errorf("got %v, want %v: bytes count one by one", err, edge.ErrBodiesBusy)
	}
	end()
	body(t, g, callFrom("192.0.2.1"), small, 700, nil) // small bodies are not limited to the reserve
	body(t, g, by(1), large, 1, edge.ErrBodiesBusy)
}

func TestBodiesOfACaller(t *testing.T) {
	g := edge.NewGate(new(users.Service), edge.Limits{Bodies: edge.BodyLimits{Total: 1000, Reserve: 200, PerCaller: 500}})
	end := body(t, g, by(1), large, 500, nil)
	body(t, g, by(1), small, 1, edge.ErrBodyShare)()
	body(t, g, by(2), small, 100, nil) // half of the reserve, as of the total
	body(t, g, by(2), small, 1, edge.ErrBodyShare)()
	body(t, g, by(2), large, 300, nil)
	end()

	for _, addresses := range [][2]string{{"192.0.2.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8::2"}} {
		end := body(t, g, callFrom(addresses[0]), small, 100, nil)
		body(t, g, callFrom(addresses[1]), small, 1, edge.ErrBodyShare)()
		body(t, g, callFrom("2001:db8:0:1::1"), small, 1, nil)()
		end()
	}
}

func TestBodiesWithoutLimits(t *testing.T) {
	g := edge.NewGate(new(users.Service), edge.Limits{})
	for range 10 {
		body(t, g, by(1), large, 1<<30, nil)
	}
}
