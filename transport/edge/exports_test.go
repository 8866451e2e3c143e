package edge_test

import (
	"errors"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

func TestBeginExport(t *testing.T) {
	ada, ben, cleo := id.User{1}, id.User{2}, id.User{3}
	g := edge.NewGate(new(users.Service), edge.Limits{Exports: edge.ExportLimits{PerUser: 1, AtOnce: 2}})
	begin := func(user id.User, want error) func() {
		t.Helper()
		end, err := g.BeginExport(user)
		if !errors.Is(err, want) {
			t.Errorf("got error %v, want %v", err, want)
		}
		return end
	}
	endOfAda := begin(ada, nil)
	begin(ada, edge.ErrExportRunning)
	endOfBen := begin(ben, nil)
	begin(cleo, edge.ErrExportsBusy)
	begin(ada, edge.ErrExportRunning) // also while the server has no room
	endOfBen()
	endOfCleo := begin(cleo, nil)
	endOfAda()
	endOfAda = begin(ada, nil)
	endOfAda()
	endOfCleo()

	free := edge.NewGate(new(users.Service), edge.Limits{})
	for range 10 {
		if _, err := free.BeginExport(ada); err != nil {
			t.Error(err)
		}
	}
}
