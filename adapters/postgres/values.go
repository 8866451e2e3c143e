package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// The encoding of arguments. The functions with OrNull in their names store the zero value as NULL.

// uuid returns a value that pgx encodes as it is, unlike an array of bytes.
func uuid[E any](i id.ID[E]) pgtype.UUID { return pgtype.UUID{Bytes: i, Valid: true} }

func uuidOrNull[E any](i id.ID[E]) any {
	if i.IsZero() {
		return nil
	}
	return uuid(i)
}

// timestamp returns a value that pgx encodes directly, for arguments of frequent statements. It
// would first wrap a time.Time.
func timestamp(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: true} }

func uuids[E any](ids []id.ID[E]) []pgtype.UUID {
	all := make([]pgtype.UUID, len(ids))
	for i, one := range ids {
		all[i] = uuid(one)
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

// notNil returns s, or an empty slice instead of nil, which pgx would encode as NULL.
func notNil[E any](s []E) []E {
	if s == nil {
		return []E{}
	}
	return s
}

// limited returns the limit of a query; PostgreSQL rejects a negative one.
func limited(n int) int64 { return int64(max(n, 0)) }

// latestFirst returns the arguments of a page in descending order of time: the position of the last
// item of the page before, or a position after all items.
func latestFirst(last *page.Moment) (at pgtype.Timestamptz, item [16]byte) {
	if last == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, item
	}
	return pgtype.Timestamptz{Time: last.At, Valid: true}, last.ID
}

// oldestFirst is like latestFirst, for a page in ascending order.
func oldestFirst(last *page.Moment) (at pgtype.Timestamptz, item [16]byte) {
	if last == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}, item
	}
	return pgtype.Timestamptz{Time: last.At, Valid: true}, last.ID
}
