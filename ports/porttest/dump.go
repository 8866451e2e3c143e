package porttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/ports"
)

// contents holds every row of a store by table, as text that can be compared and printed.
type contents map[string][]string

// dump reads all rows of the store. It leaves out a table that Rows cannot read yet: the suite rows
// reports that, and the other suites compare the remaining tables.
func (f *fixture) dump() contents {
	f.Helper()
	return f.dumpOf(f.storage)
}

func (f *fixture) dumpOf(s ports.Storage) (c contents) {
	f.Helper()
	err := ports.NewStore(s, policy).Snapshot(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		c, err = dumpIn(ctx, tx)
		return err
	})
	if err != nil {
		f.Fatalf("read all rows: %v", err)
	}
	return c
}

// dumpIn reads all rows that a unit of work can see.
func dumpIn(ctx context.Context, tx ports.Tx) (contents, error) {
	c := contents{}
	for _, table := range ports.Tables {
		all, err := rowsOf(ctx, tx, table, 100)
		if errors.Is(err, fault.Unimplemented) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c[table.Name] = []string{}
		for _, row := range all {
			c[table.Name] = append(c[table.Name], describe(row))
		}
	}
	return c, nil
}

// rowsOf reads a whole table, page rows at a time.
func rowsOf(ctx context.Context, tx ports.Tx, table *ports.Table, page int) (all []ports.Row, err error) {
	for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, page) {
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, nil
}

func describe(row ports.Row) string {
	values := make([]string, len(row))
	for i, v := range row {
		switch v := v.(type) {
		case nil:
			values[i] = "-"
		case string:
			values[i] = fmt.Sprintf("%q", v)
		case time.Time:
			values[i] = v.Format(time.RFC3339Nano)
		case []byte:
			values[i] = fmt.Sprintf("%x", v)
		case []string:
			values[i] = fmt.Sprintf("%q", v)
		case [16]byte:
			values[i] = fmt.Sprintf("%x", v)
		default:
			values[i] = fmt.Sprint(v)
		}
		if len(values[i]) > 200 {
			values[i] = fmt.Sprintf("%s…%x", values[i][:40], sha256.Sum256([]byte(values[i])))
		}
	}
	return strings.Join(values, " ")
}

// unchanged fails the test if the store holds other rows than before.
func (f *fixture) unchanged(what string, before contents) {
	f.Helper()
	if d := diff(before, f.dump()); d != "" {
		f.Errorf("%s changed rows:\n%s", what, d)
	}
}

// audited fails the test if the store breaks a rule of core/README.md.
func (f *fixture) audited() {
	f.Helper()
	f.numberAll()
	v, err := audit.New(ports.ForAudit(f.store)).Audit(f.ctx)
	if errors.Is(err, fault.Unimplemented) {
		f.Log("not audited: ", err) // the suite life reports it
		return
	}
	if err != nil {
		f.Fatalf("audit: %v", err)
	}
	for _, broken := range v.Violations {
		f.Errorf("the audit found a violation of %s by %s: %s", broken.Rule, broken.Subject, broken.Detail)
	}
}

// numberAll numbers all events in steps, so that an audit finds those that the store put in a wrong
// order. It does nothing if the store has no events yet.
func (f *fixture) numberAll() {
	f.Helper()
	for n, err := f.numberSome(50); n > 0 || err != nil; n, err = f.numberSome(50) {
		if errors.Is(err, fault.Unimplemented) {
			return
		}
		if err != nil {
			f.Fatalf("number events: %v", err)
		}
	}
}

// rowCount fails the test if a table holds another number of rows.
func (f *fixture) rowCount(table *ports.Table, want int) {
	f.Helper()
	if all, readable := f.dump()[table.Name]; readable {
		f.same("the number of rows of "+table.Name, len(all), want)
	}
}

// diff lists the rows that only one of two dumps has. It is empty if the dumps are equal.
func diff(before, after contents) string {
	var out strings.Builder
	for _, table := range ports.Tables {
		only(&out, "- "+table.Name, before[table.Name], after[table.Name])
		only(&out, "+ "+table.Name, after[table.Name], before[table.Name])
		if out.Len() == 0 && !slices.Equal(before[table.Name], after[table.Name]) {
			fmt.Fprintf(&out, "%s: the rows are in another order, or some are there twice\n", table.Name)
		}
	}
	return out.String()
}

func only(out *strings.Builder, mark string, these, those []string) {
	const most = 5
	shown := 0
	for _, row := range these {
		if slices.Contains(those, row) {
			continue
		}
		if shown++; shown > most {
			fmt.Fprintf(out, "%s …\n", mark)
			return
		}
		fmt.Fprintf(out, "%s %s\n", mark, row)
	}
}
