package mongodbtest

import (
	"context"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// scene is a store with a community in which each use case can be run once.
type scene struct {
	*community.Scene
	database string
	store    *mongodb.Store
	sessions map[string]bool // the logical sessions in which the scene sent commands
}

func (s target) scene(t testing.TB) *scene {
	t.Helper()
	o := s.fresh(t)
	store := s.open(t, o)
	t.Cleanup(func() { must(t, store.Close(context.Background())) })
	clock := community.NewClock()
	services := community.New(store, clock, id.NewGenerator(nil), uow.Policy{})
	c, err := community.NewScene(context.Background(), services, clock)
	must(t, err)
	return &scene{c, o.Database, store, map[string]bool{}}
}

// useCase is a use case, and the commands that it sends. Each command is a round trip.
type useCase struct {
	community.UseCase
	commands string
}

// useCases lists the use cases with their commands, in a conversation that the process has cached. A use case
// that takes a key is listed with one. Without a key it saves two commands: the claim of the key, and the update
// that stores the answer.
var useCases = costing(map[string]string{
	"send a message":          "findAndModify findAndModify find findAndModify update insert insert insert update commitTransaction",
	"send a picture":          "findAndModify findAndModify find findAndModify update insert insert insert update insert commitTransaction",
	"read messages":           "findAndModify find find update update update insert commitTransaction",
	"open a conversation":     "findAndModify findAndModify find find find find find find find insert find find find find find update insert insert commitTransaction",
	"propose":                 "findAndModify find findAndModify findAndModify find find find find find find find update insert insert commitTransaction",
	"accept":                  "findAndModify find find findAndModify findAndModify find findAndModify find find find find update update insert insert commitTransaction",
	"decline":                 "findAndModify find find findAndModify find find find find update update insert commitTransaction",
	"cancel":                  "findAndModify find find findAndModify findAndModify find find find find update update insert insert commitTransaction",
	"settle":                  "find find findAndModify findAndModify update insert insert commitTransaction findAndModify update insert commitTransaction",
	"sign up":                 "findAndModify find find find find insert findAndModify update insert insert insert insert insert insert insert update commitTransaction",
	"sign in":                 "find update commitTransaction find findAndModify find insert insert update commitTransaction",
	"refresh":                 "find update find find update insert commitTransaction",
	"change a password":       "find find find update commitTransaction update commitTransaction findAndModify find update update delete commitTransaction",
	"change an account":       "find findAndModify insert commitTransaction",
	"save a profile":          "findAndModify find find find findAndModify update insert commitTransaction",
	"block":                   "findAndModify find update findAndModify insert commitTransaction",
	"report":                  "findAndModify find find find update insert insert commitTransaction",
	"report a message":        "findAndModify find find find find find find update insert insert insert commitTransaction",
	"move a report":           "find find update insert insert commitTransaction",
	"deactivate somebody":     "update find find findAndModify update update delete insert insert commitTransaction",
	"suspend somebody":        "findAndModify update find find findAndModify update update update delete insert insert insert commitTransaction",
	"lift a sanction":         "find find findAndModify find update insert commitTransaction",
	"post tokens":             "findAndModify find find findAndModify update insert insert insert commitTransaction",
	"change an interest":      "find findAndModify find update insert insert commitTransaction",
	"leave":                   "find find find update commitTransaction update commitTransaction update find find find find findAndModify findAndModify findAndModify findAndModify findAndModify update findAndModify find delete delete find update insert insert delete update delete delete delete delete delete delete delete delete commitTransaction",
	"read a page of messages": "find find",
	"read a report":           "find find find find find find find find find",
	"list conversations":      "find find find find find find abortTransaction",
	"search":                  "find find find find aggregate abortTransaction",
	"look into a wallet":      "find aggregate abortTransaction",
})

func costing(commands map[string]string) (all []useCase) {
	for _, u := range community.UseCases {
		all = append(all, useCase{u, commands[u.Name]})
	}
	return all
}

// TestCommandsOfUseCases checks the commands of each use case.
func TestCommandsOfUseCases(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	seen := &commands{}
	defer server.Observe(seen.add)()
	for _, u := range useCases {
		t.Run(u.Name, func(t *testing.T) {
			c := s.scene(t)
			seen.take()
			must(t, u.Do(context.Background(), c.Scene, "a-key"))
			var names []string
			for _, command := range seen.take() {
				names = append(names, command.Name)
			}
			if got := strings.Join(names, " "); got != u.commands {
				t.Errorf("%d commands:\n got %s\nwant %s", len(names), got, u.commands)
			}
		})
	}
}
