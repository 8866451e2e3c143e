// Package reach checks which tables the repositories of a store use. A repository reads and writes
// only the tables of its domain, and of each domain that has its Tx embedded in the domain's Tx.
package reach

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// Statement is a statement or a command that a store has sent.
type Statement struct {
	Text   string
	Tables []string // the names of the tables that it reads or writes
}

// owner is a repository and the tables of its domain. The method of ports.Tx that returns the
// repository has the same name.
type owner struct {
	repository string
	sees       reflect.Type // an interface with a method for each repository whose tables it may use
	tables     []*ports.Table
}

// owners are all repositories except Rows, which uses every table.
var owners = []owner{
	{"Idempotency", reflect.TypeFor[idempotency.Tx](), []*ports.Table{ports.IdempotencyRecords}},
	{"Events", reflect.TypeFor[events.RelayTx](), []*ports.Table{ports.Outbox, ports.Events, ports.Counters}},
	{"Subscriptions", reflect.TypeFor[events.RelayTx](), []*ports.Table{ports.Subscriptions, ports.SetAside}},
	{"Tokens", reflect.TypeFor[tokens.Tx](), []*ports.Table{ports.Wallets, ports.TokenTransactions, ports.LedgerSeals}},
	{"Users", reflect.TypeFor[users.Tx](), []*ports.Table{
		ports.Users, ports.SecondFactors, ports.Sessions, ports.RefreshTokens, ports.PasswordResets, ports.SignupGrants, ports.Tries,
		ports.StoreKeys,
	}},
	{"Moderation", reflect.TypeFor[moderation.Tx](), []*ports.Table{ports.Reports, ports.ReportedMessages, ports.Sanctions, ports.Blocks, ports.AuditRecords}},
	{"Matching", reflect.TypeFor[matching.Tx](), []*ports.Table{
		ports.Interests, ports.Profiles, ports.ProfileInterests, ports.Correspondents,
	}},
	{"Messaging", reflect.TypeFor[messaging.Tx](), []*ports.Table{ports.Conversations, ports.Messages, ports.Attachments}},
	{"Reservations", reflect.TypeFor[reservations.Tx](), []*ports.Table{ports.Reservations}},
	{"Notifications", reflect.TypeFor[notifications.Tx](), []*ports.Table{ports.NotificationPreferences, ports.Presences, ports.Notices}},
	{"Webhooks", reflect.TypeFor[webhooks.Tx](), []*ports.Table{ports.Webhooks}},
	{"Marks", reflect.TypeFor[interface{ Marks() ports.Marks }](), []*ports.Table{ports.StoreMarks}},
}

// may reports whether a repository may use a table.
func (o owner) may(table string) bool {
	return slices.ContainsFunc(owners, func(other owner) bool {
		_, sees := o.sees.MethodByName(other.repository)
		return sees && slices.Contains(other.own(), table)
	})
}

func (o owner) own() []string {
	names := make([]string, len(o.tables))
	for i, table := range o.tables {
		names[i] = table.Name
	}
	return names
}

var word = regexp.MustCompile(`\w+`)

// SQL returns a statement in SQL. It takes each word of the text that is the name of a table for
// that table.
func SQL(text string) Statement {
	s := Statement{Text: text}
	words := word.FindAllString(text, -1)
	for _, table := range ports.Tables {
		if slices.Contains(words, table.Name) {
			s.Tables = append(s.Tables, table.Name)
		}
	}
	return s
}

// Wrong fills an empty store, calls each method of each repository in units of its own, and returns
// a description of each defect:
//   - a method uses a table that its repository may not use, or sent no statement with a table;
//   - no call of a method succeeded;
//   - no method of a repository used one of its own tables, or no repository owns a table.
//
// The function sent returns the statements that the store has sent since the last call of sent. The
// error is not nil if the check itself failed.
func Wrong(ctx context.Context, storage ports.Storage, sent func() []Statement) (wrong []string, err error) {
	s, err := newScene(ctx, storage)
	if err != nil {
		return nil, fmt.Errorf("fill the store: %w", err)
	}
	var own []string
	for port := range reflect.TypeFor[ports.Tx]().Methods() {
		if port.Name == "Rows" {
			continue
		}
		i := slices.IndexFunc(owners, func(o owner) bool { return o.repository == port.Name })
		if i < 0 {
			return nil, fmt.Errorf("the repository %s has no tables", port.Name)
		}
		more, err := s.wrong(ctx, owners[i], port.Type.Out(0), sent)
		if err != nil {
			return nil, err
		}
		wrong, own = append(wrong, more...), append(own, owners[i].own()...)
	}
	for _, table := range ports.Tables {
		if !slices.Contains(own, table.Name) {
			wrong = append(wrong, fmt.Sprintf("no repository owns the table %s", table.Name))
		}
	}
	return wrong, nil
}

// wrong is Wrong for one repository, which has the type port.
func (s *scene) wrong(
	ctx context.Context, o owner, port reflect.Type, sent func() []Statement,
) (wrong []string, err error) {
	calls := make([]*call, port.NumMethod())
	for i := range calls {
		calls[i] = &call{owner: o, method: port.Method(i).Name, row: i, used: map[string]bool{}}
	}
	for _, v := range variants {
		for _, c := range calls {
			if err := s.try(ctx, c, v, sent); err != nil {
				return nil, fmt.Errorf("%s: %w", c, err)
			}
		}
	}
	for _, c := range calls {
		wrong = append(wrong, c.wrong...)
		if len(c.used) == 0 {
			wrong = append(wrong, fmt.Sprintf("%s sent no statement with a table", c))
		}
		if !c.succeeded {
			wrong = append(wrong, fmt.Sprintf("no call of %s succeeded: %v", c, c.failed))
		}
	}
	for _, table := range o.own() {
		if !slices.ContainsFunc(calls, func(c *call) bool { return c.used[table] }) {
			wrong = append(wrong, fmt.Sprintf("%s does not use its own table %s", o.repository, table))
		}
	}
	return wrong, nil
}

// call is a method of a repository, with what its calls have shown.
type call struct {
	owner
	method    string
	row       int // the first row to use: it differs between methods, so that they change other rows
	succeeded bool
	failed    error // of the last call that failed
	used      map[string]bool
	wrong     []string
}

func (c *call) String() string { return c.repository + "." + c.method }

func (c *call) add(s Statement) {
	for _, table := range s.Tables {
		if !c.used[table] && !c.may(table) {
			c.wrong = append(c.wrong, fmt.Sprintf("%s uses the table %s: %s", c, table, s.Text))
		}
		c.used[table] = true
	}
}

// try calls a method in units of its own, each time with other rows, until a call succeeds or
// 2 * mostRows calls have failed.
func (s *scene) try(ctx context.Context, c *call, v variant, sent func() []Statement) error {
	have, err := s.values(ctx)
	if err != nil {
		return err
	}
	for i := range 2 * mostRows {
		v.row = c.row + i
		sent()
		err := s.store.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
			repository := reflect.ValueOf(&tx).Elem().MethodByName(c.repository).Call(nil)[0]
			method := repository.MethodByName(c.method)
			args, err := have.arguments(ctx, method, v)
			if err != nil {
				return err
			}
			if record, ok := args[len(args)-1].Interface().(idempotency.Record); ok { // Save requires a claim of the key
				if _, err := tx.Idempotency().Claim(ctx, record.Owner, record.Key); !errors.Is(err, fault.NotFound) {
					return errors.Join(err, errors.New("the key has a record"))
				}
			}
			invoke := method.Call
			if method.Type().IsVariadic() {
				invoke = method.CallSlice
			}
			results := invoke(args)
			failed, _ := results[len(results)-1].Interface().(error)
			return failed
		})
		for _, statement := range sent() {
			c.add(statement)
		}
		if err == nil {
			c.succeeded = true
			return nil
		}
		if errors.Is(err, errNoValue) {
			return err
		}
		c.failed = err
	}
	return nil
}
