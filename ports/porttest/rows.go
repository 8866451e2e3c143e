package porttest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// rows tests how rows are read from and written to a store, and the marks on it.
var rows = []test{
	{"values have the kinds of their columns", rowKinds},
	{"pages of rows hold each once, by key", rowPages},
	{"a unit reads the rows of the events that it has added", rowsInUnit},
	{"a copy in another store is equal and usable", copied},
	{"rows whose key exists are refused", rowsRepeated},
	{"rows that break a rule of the store are refused", rowsAgainstRules},
	{"interests with one name are twins", interestTwins},
	{"malformed rows are refused", malformedRows},
	{"malformed keys are refused", malformedKeys},
	{"the ledger only grows", appendOnly},
	{"a mark keeps its first time", marksStay},
	{"a single read never sees half a unit", wholeReads},
}

func rowKinds(f *fixture) {
	f.town()
	for _, table := range ports.Tables {
		all := f.rowsOf(table, 100)
		if len(all) == 0 {
			f.Errorf("%s is empty in a town", table.Name)
		}
		for _, row := range all {
			if err := table.Check(row); err != nil {
				f.Errorf("%v in %s", err, describe(row))
			}
		}
	}
}

// rowsOf reads a whole table in batches.
func (f *fixture) rowsOf(table *ports.Table, batch int) []ports.Row {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]ports.Row, error) { return rowsOf(ctx, tx, table, batch) })
}

// firstRow reads the first row of a table.
func (f *fixture) firstRow(table *ports.Table) ports.Row {
	f.Helper()
	there := read(f, func(ctx context.Context, tx ports.Tx) ([]ports.Row, error) {
		return tx.Rows().Read(ctx, table, nil, 1)
	})
	if len(there) != 1 || len(there[0]) != len(table.Columns) {
		f.Fatalf("the first row of %s was read as %v", table.Name, there)
	}
	return there[0]
}

func rowPages(f *fixture) {
	f.town()
	for i, r := range "bAa\U0001F600\uFF5E é" { // names that every order but that of bytes puts in another order
		f.do(func(ctx context.Context, tx ports.Tx) error {
			return tx.Marks().Mark(ctx, string(r), noon.Add(time.Duration(i)*time.Second))
		})
	}
	for _, u := range f.many(25, "more") {
		f.post(u.ID, 3, tokens.Bonus)
		f.post(u.ID, 4, tokens.Bonus)
	}
	for _, table := range ports.Tables {
		whole := f.rowsOf(table, 1000)
		if !slices.IsSortedFunc(whole, func(a, b ports.Row) int { return compareKeys(a[:table.Key], b[:table.Key]) }) {
			f.Errorf("%s is not read in the order of its key", table.Name)
		}
		for _, size := range pageSizes {
			got := f.rowsOf(table, size)
			if !slices.EqualFunc(got, whole, func(a, b ports.Row) bool { return describe(a) == describe(b) }) {
				f.Errorf("%s in batches of %d differs from %[1]s in one batch", table.Name, size)
			}
		}
	}
}

func compareKeys(a, b []any) int {
	for i := range a {
		c := 0
		switch x := a[i].(type) {
		case [16]byte:
			y, _ := b[i].([16]byte)
			c = slices.Compare(x[:], y[:])
		case string:
			y, _ := b[i].(string)
			c = strings.Compare(x, y)
		case []byte:
			y, _ := b[i].([]byte)
			c = slices.Compare(x, y)
		case int64:
			y, _ := b[i].(int64)
			c = int(min(max(x-y, -1), 1))
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// copyTo writes all rows of the fixture's store into another one.
func (f *fixture) copyTo(target ports.Storage) {
	f.Helper()
	for _, table := range ports.Tables {
		all := f.rowsOf(table, 7)
		for batch := range slices.Chunk(all, 5) {
			err := ports.NewStore(target, policy).Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return tx.Rows().Write(ctx, table, batch)
			})
			if err != nil {
				f.Fatalf("write %s into another store: %v", table.Name, err)
			}
		}
	}
}

func copied(f *fixture) {
	w := f.town()
	f.message(f.conversation(w.cleo, w.ben), w.ben, noon) // older than those of the first conversation
	f.conversation(w.ben, w.ada)
	f.do(f.erase(w.dora.ID)) // two accounts without an address are no duplicates
	f.do(f.erase(w.wanderers[0].ID))
	target := f.another()
	f.copyTo(target)
	if d := diff(f.dump(), f.dumpOf(target)); d != "" {
		f.Fatalf("the copy differs:\n%s", d)
	}

	// The copy must hold all that its lists and guards need.
	c := *f
	c.storage, c.store = target, ports.NewStore(target, policy)
	for _, u := range []users.User{w.ada, w.ben} {
		c.same("the conversations of "+u.Name, c.overviews(u), f.overviews(u))
		c.same("the matches of "+u.Name, c.search(matching.Query{Viewer: u.ID}), f.search(matching.Query{Viewer: u.ID}))
	}
	again := c.newUser("again")
	again.Email = strings.ToUpper(w.ada.Email)
	stored := write(&c, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Users().Add(ctx, again, hashOf("x"))
	})
	c.same("an address taken in the copy is free", stored, false)
	receipt := c.post(w.ada.ID, 5, tokens.Bonus)
	c.same("the next transaction", []int64{receipt.Transaction.Seq, receipt.Transaction.BalanceBefore}, []int64{4, 37})
	held := read(&c, func(ctx context.Context, tx ports.Tx) (int64, error) {
		return tx.Reservations().Held(ctx, w.ada.ID)
	})
	c.same("the tokens that are held", held, w.accepted.Tokens)
	clash := c.reservation(w.talk, 5)
	c.same("an overlapping accept", c.move(clash, reservations.Pending, reservations.Accepted), reservations.Overlaps)
	found, password, _ := c.byEmail(w.ada.Email)
	c.same("an account found by its address", found, w.ada)
	c.same("its password", password, hashOf("ada").Reveal())
}

// overviews lists the conversations of a user.
func (f *fixture) overviews(viewer users.User) (all []flat) {
	f.Helper()
	list := read(f, func(ctx context.Context, tx ports.Tx) ([]messaging.Overview, error) {
		return tx.Messaging().Overviews(ctx, viewer.ID, nil, paged)
	})
	for _, o := range list {
		all = append(all, flatten(o))
	}
	return all
}

func rowsRepeated(f *fixture) {
	f.town()
	before := f.dump()
	for _, table := range ports.Tables {
		there := []ports.Row{f.firstRow(table)}
		// Once: a store that takes the row for that of a concurrent unit answers a conflict each time.
		err := f.once(func(ctx context.Context, tx ports.Tx) error {
			return inOrder(
				func() error { return tx.Marks().Mark(ctx, "together with "+table.Name, noon) },
				func() error { return tx.Rows().Write(ctx, table, there) },
			)
		})
		if err == nil {
			f.Errorf("%s accepted a row whose key exists", table.Name)
		}
	}
	f.unchanged("refused rows", before)
}

func rowsAgainstRules(f *fixture) {
	w := f.town()
	f.profile(w.cleo)
	before := f.dump()
	for _, rule := range []struct {
		name   string
		table  *ports.Table
		change func(row ports.Row) // makes another row that breaks the rule
	}{
		{"an address is unique", ports.Users, func(r ports.Row) {
			r[0], r[2] = f.ids.Next(), strings.ToUpper(r[2].(string))
		}},
		{"one wallet for each account", ports.Wallets, func(r ports.Row) { r[0] = f.ids.Next() }},
		{"one profile for each account", ports.Profiles, func(r ports.Row) { r[0] = f.ids.Next() }},
		{"the name of an interest is unique", ports.Interests, func(r ports.Row) {
			r[0], r[1] = f.ids.Next(), strings.ToUpper(r[1].(string))
		}},
		{"one conversation for each pair", ports.Conversations, func(r ports.Row) { r[0] = f.ids.Next() }},
		{"one pending report for each pair", ports.Reports, func(r ports.Row) { r[0] = f.ids.Next() }},
		{"accepted reservations do not overlap", ports.Reservations, func(r ports.Row) {
			r[0], r[8], r[9], r[10] = f.ids.Next(), w.accepted.Date.Add(-time.Minute), w.accepted.EndDate, "accepted"
		}},
	} {
		row := f.firstRow(rule.table)
		rule.change(row)
		// Once: a store that takes the rule for a race answers a conflict each time.
		err := f.once(func(ctx context.Context, tx ports.Tx) error {
			return tx.Rows().Write(ctx, rule.table, []ports.Row{row})
		})
		if err == nil {
			f.Errorf("%s accepted a row against the rule: %s", rule.table.Name, rule.name)
		}
	}
	f.unchanged("refused rows", before)
}

func malformedRows(f *fixture) {
	f.town()
	before := f.dump()
	refused := func(what string, table *ports.Table, row ports.Row) {
		f.Helper()
		err := f.try(func(ctx context.Context, tx ports.Tx) error {
			return tx.Rows().Write(ctx, table, []ports.Row{row})
		})
		if err == nil {
			f.Errorf("%s accepted a row with %s", table.Name, what)
		}
	}
	for _, table := range ports.Tables {
		row := f.firstRow(table)
		refused("a value too few", table, row[1:])
		refused("a value too many", table, append(slices.Clone(row), "more"))
		for i, c := range table.Columns {
			for what, value := range malformed(c) {
				other := slices.Clone(row)
				// With another id, the value is the only reason to refuse the row.
				if table.Columns[0].Kind == ports.UUID && i > 0 {
					other[0] = f.ids.Next()
				}
				other[i] = value
				refused(what+" as "+c.Name, table, other)
			}
		}
	}
	refused("an unknown table", &ports.Table{Name: "unknown", Key: 1, Columns: ports.Users.Columns}, nil)
	f.unchanged("refused rows", before)
}

// malformed returns values that a column cannot hold, by their description.
func malformed(c ports.Column) map[string]any {
	values := map[string]any{"an int": 1, "a float": 1.5}
	if !c.Nullable {
		values["nil"] = nil
	}
	switch c.Kind {
	case ports.Text:
		values["a NUL"], values["broken UTF-8"], values["bytes"] = "a\x00", "a\xff", []byte("a")
	case ports.JSON:
		values["spaces in its JSON"], values["a list"], values["half an object"] = `{"a": 1}`, `[]`, `{`
	case ports.Decimal:
		values["one decimal place"], values["a sign"], values["no number"], values["a rounded price"] = "12.5",
			"+12.50", "free", "12.505"
	case ports.Time:
		values["a time zone"] = noon.In(time.FixedZone("", 3600))
		values["microseconds"], values["text"] = noon.Add(time.Microsecond), noon.String()
	default:
		values["text"] = "1"
	}
	return values
}

func malformedKeys(f *fixture) {
	f.town()
	for _, table := range ports.Tables {
		key := f.firstRow(table)[:table.Key]
		for what, after := range map[string][]any{
			"no value":                {},
			"a value too many":        append(slices.Clone(key), "more"),
			"a value of another kind": append([]any{1.5}, key[1:]...),
			"nil in it":               append([]any{nil}, key[1:]...),
			"its last value missing":  key[: table.Key-1 : table.Key-1],
		} {
			err := f.try(func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Rows().Read(ctx, table, after, 1)
				return err
			})
			if err == nil {
				f.Errorf("%s was read after a key with %s", table.Name, what)
			}
		}
	}
}

func appendOnly(f *fixture) {
	ada := f.rich("ada", 10)
	f.post(ada.ID, -3, tokens.Penalty)
	before := f.dump()
	ledger := read(f, func(ctx context.Context, tx ports.Tx) ([]ports.Row, error) {
		return tx.Rows().Read(ctx, ports.TokenTransactions, nil, 10)
	})
	for i, row := range ledger {
		other := slices.Clone(row)
		other[2], other[3] = [16]byte(id.Transaction(f.ids.Next())), int64(1000)
		err := f.try(func(ctx context.Context, tx ports.Tx) error {
			return tx.Rows().Write(ctx, ports.TokenTransactions, []ports.Row{other})
		})
		if err == nil {
			f.Errorf("line %d of a ledger was overwritten", i+1)
		}
	}
	f.unchanged("overwriting the ledger", before)
}

// marked reads a mark.
func (f *fixture) marked(name string) (since time.Time, marked bool) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) (err error) {
		since, marked, err = tx.Marks().Marked(ctx, name)
		return err
	})
	return since, marked
}

func marksStay(f *fixture) {
	mark := func(name string, at time.Time) {
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, name, at) })
	}
	mark("demo", noon)
	mark("demo", noon.Add(time.Hour))
	mark("Demo", noon.Add(2*time.Hour))
	for _, want := range []struct {
		name   string
		since  time.Time
		marked bool
	}{{"demo", noon, true}, {"Demo", noon.Add(2 * time.Hour), true}, {"other", time.Time{}, false}} {
		since, marked := f.marked(want.name)
		if since != want.since || marked != want.marked {
			f.Errorf("the mark %s: got %v, %v; want %v, %v", want.name, since, marked, want.since, want.marked)
		}
	}
	errs := concurrently(10, func(i int) error {
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
			return tx.Marks().Mark(ctx, "race", noon.Add(time.Duration(i)*time.Second))
		})
	})
	if err := errors.Join(errs...); err != nil {
		f.Errorf("concurrent marks: %v", err)
	}
}
