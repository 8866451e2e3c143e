package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/uow"
)

// waves splits places of all so that no two units of a wave have anything in common.
func waves(all []*step, places []int) (split [][]int) {
	next := map[[16]byte]int{} // the wave after the last one that has this in common
	for _, place := range places {
		n := 0
		for _, of := range all[place].apart {
			n = max(n, next[of])
		}
		if n == len(split) {
			split = append(split, nil)
		}
		split[n] = append(split[n], place)
		for _, of := range all[place].apart {
			next[of] = n + 1
		}
	}
	return split
}

// transpose returns the places of units, followed by n columns of their rows. What a row lacks is
// NULL.
func transpose(n int, all []int, row func(place int) []any) []any {
	columns := make([]any, 1+n)
	for i := range columns {
		column := make([]any, len(all))
		for k, place := range all {
			values := row(place)
			switch {
			case i == 0:
				column[k] = int64(place)
			case i <= len(values):
				column[k] = values[i-1]
			}
		}
		columns[i] = column
	}
	return columns
}

// generally makes the server plan the statements of groups once for each connection. Their arrays
// are short, so that it finds plans for just their lengths cheaper, and would plan anew for each
// group, which takes longer than the statements do. And it makes it find rows by their keys: a plan
// that was made when a table had next to no rows would read all of them later.
const generally statement = "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"

// commitTogether commits units in one transaction and one round trip. Each is done or not for
// itself, and sees those before it of its kind that have something in common with it. If the
// transaction fails, none is done, and each may go alone.
func (s *Store) commitTogether(lease *pgxpool.Conn, all []*step) []fate {
	ctx := context.Background() // no member's; roundTrip has a limit of its own
	c := &conn{store: s, lease: lease, on: lease, frame: writing}
	defer c.leave(ctx)
	c.later(generally)
	var kinds []*kind
	places := map[*kind][]int{}
	for place, p := range all {
		if places[p.kind] == nil {
			kinds = append(kinds, p.kind)
		}
		places[p.kind] = append(places[p.kind], place)
	}
	held, done := make([]bool, len(all)), make([]bool, len(all))
	for _, k := range kinds {
		some := places[k]
		args := transpose(len(all[some[0]].needs), some, func(place int) []any { return all[place].needs })
		c.queue = append(c.queue, command{k.hold, args, noting(held, value((*row).int))})
	}
	for _, k := range kinds {
		for _, wave := range waves(all, places[k]) {
			args := transpose(len(k.columns), wave, func(place int) []any { return all[place].args })
			c.queue = append(c.queue, command{k.together, args, noting(done, scan(all...))})
		}
	}
	if err := c.end(ctx); err != nil {
		failed := fate{Alone: true}
		if errors.Is(err, uow.ErrOutcomeUnknown) {
			failed = fate{Err: err}
		}
		return slices.Repeat([]fate{failed}, len(all))
	}
	fates := make([]fate, len(all))
	for i := range all {
		switch {
		case done[i]:
		case held[i]:
			fates[i].Err = errNone
		default:
			fates[i].Alone = true
		}
	}
	return fates
}

// noting returns a function that notes the places that a statement returns.
func noting(noted []bool, scan func(r *row, place *int64)) func(answers) error {
	return func(results answers) error {
		places, err := scanAll(results, scan)
		for _, place := range places {
			noted[place] = true
		}
		return err
	}
}
