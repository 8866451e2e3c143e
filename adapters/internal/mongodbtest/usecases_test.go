package mongodbtest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
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
	clock.Advance(time.Second) // the next message is later than the last one
	return &scene{c, o.Database, store, map[string]bool{}}
}

// useCase is a use case, and the commands that it sends. Each command is a round trip.
type useCase struct {
	community.UseCase
	commands string
}

// useCases lists the use cases with their commands, in a conversation that the process has cached. A use case
// that takes a key is listed with one. Without a key it saves two commands: the claim of the key, and the update
// that stores the answer. A send saves one, the insertion of its record.
var useCases = costing(map[string]string{
	"send a message":          "find insert findAndModify findAndModify insert insert insert commitTransaction",
	"send a picture":          "findAndModify findAndModify find findAndModify update insert insert insert update insert commitTransaction",
	"read messages":           "findAndModify find find update update update insert commitTransaction",
	"open a conversation":     "findAndModify findAndModify find find find find find find find insert find find find find find update insert insert commitTransaction",
	"propose":                 "findAndModify find findAndModify findAndModify find find find find find find find update insert insert commitTransaction",
	"accept":                  "aggregate insert findAndModify update findAndModify insert insert commitTransaction",
	"decline":                 "findAndModify find find findAndModify find find find find update update insert commitTransaction",
	"cancel":                  "aggregate insert update findAndModify insert insert commitTransaction",
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
	"read a page of messages": "aggregate",
	"read a report":           "find find find find find find find find find",
	"list conversations":      "find find find find find find abortTransaction",
	"search":                  "find find find find aggregate abortTransaction",
	"look into a wallet":      "aggregate abortTransaction",
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
			seen.want(t, u, u.commands)
		})
	}
}

// frequent are use cases with the commands that they send without a key, and with one, in units that begin
// with the check of the caller's session. Two of the commands of a send are sent at the same time: the first
// two without a key.
var frequent = []struct {
	name                     string
	keyless, guarded, behind string // the last is guarded, behind mongos
}{
	{"send a message",
		"find findAndModify findAndModify insert insert insert commitTransaction",
		"aggregate insert findAndModify findAndModify insert insert insert commitTransaction",
		"find find insert findAndModify findAndModify insert insert insert commitTransaction"},
	{"read a page of messages", "aggregate", "aggregate", "find find find find"},
	{"accept",
		"aggregate findAndModify update findAndModify insert insert commitTransaction",
		"aggregate insert findAndModify update findAndModify insert insert commitTransaction",
		"find find find find find insert findAndModify find update findAndModify insert insert commitTransaction"},
	{"cancel",
		"aggregate update findAndModify insert insert commitTransaction",
		"aggregate insert update findAndModify insert insert commitTransaction",
		"find find find find find insert update findAndModify insert insert commitTransaction"},
	{"look into a wallet", "aggregate abortTransaction", "aggregate abortTransaction", "find find find find find aggregate abortTransaction"},
}

// TestCommandsOfFrequentUseCases checks the commands of use cases without a key, and with the check of a session.
func TestCommandsOfFrequentUseCases(t *testing.T) {
	replicas := onFake(startFake(t))
	behind, _ := startCluster(t, mongofake.Config{})
	for _, f := range frequent {
		u := useCases[slices.IndexFunc(useCases, func(u useCase) bool { return u.Name == f.name })]
		for how, c := range map[string]struct {
			on      target
			guarded bool
			key     idempotency.Key
			want    string
		}{
			"without a key":                  {replicas, false, "", f.keyless},
			"with the session":               {replicas, true, "a-key", f.guarded},
			"with the session behind mongos": {behind, true, "a-key", f.behind},
		} {
			t.Run(f.name+"/"+how, func(t *testing.T) {
				s, ctx, seen := c.on.scene(t), context.Background(), &commands{}
				if c.guarded {
					ctx = s.guarded(t, f.name)
				}
				defer c.on.fake.Observe(seen.add)()
				must(t, u.Do(ctx, s.Scene, c.key))
				seen.want(t, u, c.want)
			})
		}
	}
}

// guarded returns a context in which units begin with the check of the session of the user of a use case.
func (c *scene) guarded(t *testing.T, useCase string) context.Context {
	t.Helper()
	user := c.Voyager
	if useCase == "accept" || useCase == "read a page of messages" {
		user = c.Local
		_, err := c.Users.SignIn(t.Context(), users.SignIn{Email: "local0@example.org", Password: community.Password})
		must(t, err)
	}
	open, err := c.Users.Sessions(t.Context(), user, page.Request[page.Moment]{})
	must(t, err)
	p := users.Presence{User: user, Session: open.Items[0].ID, Open: users.SessionFilter{Live: true}}
	ctx, _ := c.Store.Guarded(context.Background(), func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, p) })
	return ctx
}

// want checks the names of the commands of a use case. While a message is sent in one step, what its people
// may do is read outside of the transaction: this is listed first.
func (c *commands) want(t *testing.T, u useCase, want string) {
	t.Helper()
	all := c.take()
	if u.Name == "send a message" {
		slices.SortStableFunc(all, func(a, b mongofake.Command) int { return cmp.Compare(a.TxnNumber, b.TxnNumber) })
	}
	var names []string
	for _, command := range all {
		names = append(names, command.Name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%d commands:\n got %s\nwant %s", len(names), got, want)
	}
}
