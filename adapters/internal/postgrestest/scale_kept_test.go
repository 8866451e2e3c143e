package postgrestest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// plannedAnew are parts of the statements that the server plans each time on purpose, and why.
var plannedAnew = map[string]string{
	"EXISTS (SELECT FROM mine) AND candidate.findable": "how many profiles are in a place or of an age decides where a search begins",
	"LIKE": "how many names have a part decides whether they are found by it, or by their times",
	"(country_searched, city_searched, profiles.id) >": "is read when a server starts, of all profiles",
	"WHERE profiles.id > $1":                           "is read when a server starts, of all profiles",
	"WHERE id >= $1 OFFSET 0":                          "that few transactions are recent must be seen; asked every other second",
	".set_aside_events WHERE (subscriber":              adminsAsk,
	".users WHERE (created_at, id) < ($1, $2)":         adminsAsk,
	".reservations WHERE (created_at, id) < ($1, $2)":  adminsAsk,
	".reports WHERE (created_at, id) > ($1, $2)":       adminsAsk,
	".audit_records WHERE (created_at, id) <":          adminsAsk,
}

const adminsAsk = "is a page of a whole table, for admins only: that it is short must be seen"

// plansAreKept checks that the server does not plan questions each time that they are asked.
func (s *scale) plansAreKept(what string, questions []sent) {
	s.Helper()
	if !s.planner.tells {
		return // it is older than 14
	}
	times := map[string]int{}
	for _, q := range questions {
		if times[q.sql]++; times[q.sql] > 2 || q.general || s.renewed[q.sql] {
			continue
		}
		kept, err := s.planner.keeps(s.Context(), q)
		if err != nil {
			s.Fatalf("%s: plan %s: %v", what, q.sql, err)
		}
		if kept {
			continue
		}
		s.renewed[q.sql] = true
		if !onPurpose(q.sql) {
			s.Errorf("%s: the server makes a new plan each time for %s %v", what, q.sql, q.args)
		}
	}
}

func onPurpose(sql string) bool {
	for part := range plannedAnew {
		if strings.Contains(sql, part) {
			return true
		}
	}
	return false
}

// everyRenewalIsOnPurpose checks that plansAreKept can fail, and that PostgreSQL plans each
// statement in plannedAnew at each execution.
func (s *scale) everyRenewalIsOnPurpose() {
	s.Helper()
	if !s.planner.tells {
		return
	}
	renewed := slices.Collect(maps.Keys(s.renewed))
	for part := range plannedAnew {
		if !slices.ContainsFunc(renewed, func(sql string) bool { return strings.Contains(sql, part) }) {
			s.Errorf("no statement with %s is planned each time", part)
		}
	}
	messages := pgx.Identifier{s.options.Schema, "messages"}.Sanitize()
	for sql, want := range map[string]bool{
		"SELECT * FROM " + messages + " ORDER BY id LIMIT $1":                  false,
		"SELECT * FROM " + messages + " ORDER BY id LIMIT (SELECT $1::bigint)": true,
	} {
		kept, err := s.planner.keeps(s.Context(), sent{sql: sql, args: []any{int64(3)}})
		must(s, err)
		if kept != want {
			s.Errorf("%s: the plan is kept: %v", sql, kept)
		}
	}
}

// useAll checks the statements of all use cases, and of what a server does in the background. Use
// cases are done in a small store, and their statements planned in the large one.
func (s *scale) useAll(dsn string) {
	s.Helper()
	o := fresh(s, dsn)
	o.MaxConns = 1
	pool := hostPool(s.T, dsn, o, func(c *pgxpool.Config) { c.ConnConfig.Tracer = s.recorder })
	defer pool.Close()
	in := func(o postgres.Options) string { return pgx.Identifier{o.Schema}.Sanitize() + "." }
	check := func(what string) {
		s.Helper()
		questions := s.recorder.take()
		for i, q := range questions {
			questions[i].sql = strings.ReplaceAll(q.sql, in(o), in(s.options))
		}
		s.plansAreKept(what, questions)
	}
	for _, u := range community.UseCases {
		empty(s, dsn, o)
		store, err := postgres.New(s.Context(), pool, o)
		must(s, err)
		clock := community.NewClock()
		scene, err := community.NewScene(s.Context(), community.New(store, clock, id.NewGenerator(nil), uow.Policy{}), clock)
		must(s, err)
		check("a scene")
		must(s, u.Do(s.Context(), scene, "a-key"))
		check(u.Name)
		must(s, store.Close(s.Context()))
	}
	s.workInTheBackground()
}

var errUndone = errors.New("done, and undone")

// workInTheBackground runs what a server does in the background, in a unit that is rolled back.
func (s *scale) workInTheBackground() {
	s.Helper()
	now := begun.Add(year)
	since := id.Transaction(id.First(now))
	user := func(n int) id.User { return id.User(s.town.userRows[n][0].([16]byte)) } //nolint:forcetypeassert // users made it
	lease := events.Lease{Name: subscriber, Holder: "a holder", Position: 5}
	type work func(ctx context.Context, tx ports.Tx) error
	for what, do := range map[string]work{
		"number events": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Number(ctx, 500)
			return err
		},
		"trim events": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Trim(ctx, 3, 500)
			return err
		},
		"read the backlog": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Backlog(ctx)
			return err
		},
		"read the next event": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().After(ctx, int64(s.town.lesser-2), 500)
			return err
		},
		"read an event": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().After(ctx, 5, 1)
			return err
		},
		"lease": func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Subscriptions().Lease(ctx, subscriber, "a holder", now, now)
			return err
		},
		"advance": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Advance(ctx, lease, 6)
			return err
		},
		"postpone": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Postpone(ctx, lease, 6, now)
			return err
		},
		"release": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Release(ctx, lease)
			return err
		},
		"read a subscription": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().Subscription(ctx, subscriber)
			return err
		},
		"list subscriptions": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Subscriptions().List(ctx, "", 100)
			return err
		},
		"take notices": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Notifications().TakeNotices(ctx, now, now, 100)
			return err
		},
		"look for one who is here": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Notifications().Attendances(ctx, user(5))
			return err
		},
		"look for many who are here": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Notifications().Attendances(ctx, slices.Repeat([]id.User{user(5)}, 30)...)
			return err
		},
		"look for transactions without a seal": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Tokens().Unsealed(ctx, since, id.User{}, 500)
			return err
		},
		"look for chains": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Tokens().Chains(ctx, user(5), 500)
			return err
		},
		"read new transactions": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Tokens().Following(ctx, []tokens.Chain{
				{Last: tokens.Seal{UserID: user(5)}, Posted: 3}, {Last: tokens.Seal{UserID: user(6)}, Posted: 3},
			}, 500)
			return err
		},
		"seal": func(ctx context.Context, tx ports.Tx) error {
			return tx.Tokens().Seal(ctx, tokens.Seal{UserID: user(5), Seq: 1}, tokens.Seal{UserID: user(6), Seq: 1})
		},
		"pin": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().Pin(ctx, user(5), user(6))
			return err
		},
		"look for reservations that are due": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Reservations().Due(ctx, now, 100)
			return err
		},
		"look for reservations that have lapsed": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Reservations().Lapsed(ctx, now, 100)
			return err
		},
		"purge sessions": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().PurgeSessions(ctx, now, 100)
			return err
		},
		"purge tries": func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().PurgeTries(ctx, now, 100)
			return err
		},
	} {
		s.recorder.take()
		err := s.app.Storage.Run(s.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
			return errors.Join(do(ctx, tx), errUndone)
		})
		if !errors.Is(err, errUndone) || errors.Is(err, uow.ErrConflict) {
			s.Fatalf("%s: %v", what, err)
		}
		s.plansAreKept(what, s.recorder.take())
	}
}
