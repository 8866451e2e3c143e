package postgres

import (
	"fmt"
	"slices"
	"strings"
)

// kind is a kind of units. A unit that goes alone is one statement, after those that lock, if its
// kind has any. Many units of a kind are one statement, too, so that those that arrive together
// share a transaction, also with units of other kinds.
type kind struct {
	columns     []column  // the arguments of a unit
	alone, once statement // a unit that goes alone, without and with a key

	// hold locks what units of a group need: its arguments are the places and step.needs of all. It
	// waits for no lock, so that no group waits for the sake of one of its units, or for another
	// group that holds the same rows. The order of these locks therefore does not matter. hold
	// returns the places of the units for which it got all locks, and sets a variable to these
	// places, which together reads.
	hold     statement
	together statement // units of a group, of which no two have anything of step.apart in common, and their places
}

// column is an argument of a statement that has its name in braces.
type column struct{ name, kind string }

// recordColumns are the last columns of each kind: the record of the key, which is left out or NULL
// if there is none.
var recordColumns = []column{
	{"key_owner", "text"}, {"key_name", "text"}, {"fingerprint", "bytea"}, {"answer", "bytea"}, {"kept_at", "timestamptz"},
}

// variant is what differs between the statements of a kind. The statements have the names of
// kind.columns in braces. In a group these names are columns of units, and no table that is read
// beside units has a column of such a name.
type variant struct {
	all, from statement // the columns of units in a list of columns, and the units in a FROM clause
	place     statement // of a unit in its group
	only      statement // further conditions
	once      bool      // a record may have to be kept
}

// keep saves the record of a key for each row of from, unless there is no key.
func (v variant) keep(from statement) statement { return v.keepAs("{answer}", from) }

// keepAs is keep for an answer that the rows decide.
func (v variant) keepAs(answer, from statement) statement {
	if !v.once {
		return ""
	}
	return `, kept AS (
		INSERT INTO @idempotency_records (owner, key, fingerprint, answer, created_at)
		SELECT {key_owner}, {key_name}, {fingerprint}, ` + answer + `, {kept_at} FROM ` + from + ` WHERE {key_name} IS NOT NULL
	)`
}

// notUsed excludes a unit if the statement sees a record of its key. The record of a concurrent
// unit with the same key makes the statement fail. With NOT EXISTS, a plan that was made when there
// were few records would join all of them.
const notUsed statement = `
			AND (SELECT true FROM @idempotency_records WHERE owner = {key_owner} AND key = {key_name}) IS NULL`

// newKind returns a kind with a name that no other has. held is the query by which hold finds the
// places that it returns, and locking the CTEs before it.
func newKind(name string, columns []column, of func(v variant) statement, locking, held statement) *kind {
	variable := "cicerone.held_" + statement(name)
	k := &kind{columns: slices.Concat(columns, recordColumns)}
	k.alone = one(columns, of(variant{place: "0::bigint"}))
	k.once = one(k.columns, of(variant{place: "0::bigint", only: notUsed, once: true}))
	k.hold = locking + " SELECT unnest(set_config('" + variable + "', ARRAY(" + held + ")::text, true)::bigint[])"
	k.together = many(append([]column{{"place", "bigint"}}, k.columns...), func(from statement) statement {
		return of(variant{
			all: "units.*, ", from: from + " CROSS JOIN ", place: "place", once: true,
			only: " AND place = ANY((SELECT current_setting('" + variable + "')::bigint[])::bigint[])" + notUsed,
		})
	})
	return k
}

// one returns a statement whose arguments are the columns, in their order.
func one(columns []column, s statement) statement {
	var values []string
	for i, c := range columns {
		values = append(values, "{"+c.name+"}", fmt.Sprintf("$%d::%s", i+1, c.kind))
	}
	return statement(strings.NewReplacer(values...).Replace(string(s)))
}

// many returns a statement for the units of from. Each argument is an array with the values of a
// column.
func many(columns []column, of func(from statement) statement) statement {
	var arrays, names, values []string
	for i, c := range columns {
		arrays, names = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, c.kind)), append(names, c.name)
		values = append(values, "{"+c.name+"}", c.name)
	}
	from := "unnest(" + strings.Join(arrays, ", ") + ") AS units (" + strings.Join(names, ", ") + ")"
	return statement(strings.NewReplacer(values...).Replace(string(of(statement(from)))))
}

// scan returns a function that reads a row of one of these units, and sets place to the unit's
// place.
func scan(some ...*step) func(r *row, place *int64) {
	return func(r *row, place *int64) {
		if *place = r.int(); r.err == nil {
			some[*place].take(r)
		}
	}
}
