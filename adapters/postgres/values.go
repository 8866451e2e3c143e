package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// How values go in. What the domain has no value of is stored as NULL by the functions that say OrNull.

func uuid[E any](i id.ID[E]) [16]byte { return i }

func uuidOrNull[E any](i id.ID[E]) any {
	if i.IsZero() {
		return nil
	}
	return uuid(i)
}

func uuids[E any](ids []id.ID[E]) []pgtype.UUID {
	all := make([]pgtype.UUID, len(ids))
	for i, one := range ids {
		all[i] = pgtype.UUID{Bytes: one, Valid: true}
	}
	return all
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// notNil is s, which would be NULL if it were nil.
func notNil[E any](s []E) []E {
	if s == nil {
		return []E{}
	}
	return s
}

// limited is a limit of rows; PostgreSQL refuses one below zero.
func limited(n int) int64 { return int64(max(n, 0)) }

// before is where a page that goes backwards in time begins, as two arguments: the place of the last item of the
// page before, or behind all there is.
func before(last *page.Moment) (at pgtype.Timestamptz, item [16]byte) {
	if last == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, item
	}
	return pgtype.Timestamptz{Time: last.At, Valid: true}, last.ID
}

// after is before for a page that goes forwards.
func after(last *page.Moment) (at pgtype.Timestamptz, item [16]byte) {
	if last == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}, item
	}
	return pgtype.Timestamptz{Time: last.At, Valid: true}, last.ID
}
