package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/uow"
)

// waves splits units so that no two of a wave have anything in common.
func waves(all []*step) (split [][]*step) {
	next := map[[16]byte]int{} // the wave after the last one that has this in common
	for _, p := range all {
		n := 0
		for _, of := range p.apart {
			n = max(n, next[of])
		}
		if n == len(split) {
			split = append(split, nil)
		}
		split[n] = append(split[n], p)
		for _, of := range p.apart {
			next[of] = n + 1
		}
	}
	return split
}

// transpose returns n columns of the rows of units. What a row lacks is NULL.
func transpose(n int, all []*step, row func(p *step) []any) []any {
	columns := make([]any, n)
	for i := range columns {
		column := make([]any, len(all))
		for k, p := range all {
			if values := row(p); i < len(values) {
				column[k] = values[i]
			}
		}
		columns[i] = column
	}
	return columns
}

// generally makes the server plan the statements of groups once for each connection. Their arrays are
// short, so that it finds plans for just their lengths cheaper, and would plan anew for each group,
// which takes longer than the statements do.
const generally statement = "SET LOCAL plan_cache_mode = force_generic_plan"

// commitTogether commits units in one transaction and one round trip. Each is done or not for itself,
// and sees those before it of its kind that have something in common with it. If the transaction
// fails, none is done, and each may go alone.
func (s *Store) commitTogether(lease *pgxpool.Conn, all []*step) []fate {
	ctx := context.Background() // no member's; roundTrip has a limit of its own
	c := &conn{store: s, lease: lease, on: lease, frame: writing}
	defer c.leave(ctx)
	c.later(generally)
	var kinds []*kind
	some, ofKind := map[[16]byte]*step{}, map[*kind][]*step{}
	for _, p := range all {
		if ofKind[p.kind] == nil {
			kinds = append(kinds, p.kind)
		}
		some[p.id], ofKind[p.kind] = p, append(ofKind[p.kind], p)
	}
	held, done := map[[16]byte]bool{}, map[[16]byte]bool{}
	for _, k := range kinds {
		units := ofKind[k]
		args := transpose(1+len(units[0].needs), units, func(p *step) []any { return append([]any{p.id}, p.needs...) })
		c.queue = append(c.queue, command{k.hold, args, noting(held, value((*row).id))})
	}
	for _, k := range kinds {
		for _, wave := range waves(ofKind[k]) {
			args := transpose(len(k.columns), wave, func(p *step) []any { return p.args })
			c.queue = append(c.queue, command{k.together, args, noting(done, scan(some))})
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
	for i, p := range all {
		switch {
		case done[p.id]:
		case held[p.id]:
			fates[i].Err = errNone
		default:
			fates[i].Alone = true
		}
	}
	return fates
}

// noting returns a function that notes the ids that a statement returns.
func noting(noted map[[16]byte]bool, scan func(r *row, id *[16]byte)) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		ids, err := scanAll(results, scan)
		for _, one := range ids {
			noted[one] = true
		}
		return err
	}
}
