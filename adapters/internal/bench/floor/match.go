package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// interest is an interest as clients get it. Its number is that of its bit in the bit strings.
type interest struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"`
	Icon     *string   `json:"icon"`
	IsActive bool      `json:"is_active"`
}

// prepare makes the bit strings of all profiles, once.
func (f *floor) prepare(ctx context.Context) error {
	rows, err := f.pool.Query(ctx, "SELECT id, name, icon, is_active FROM cicerone.interests ORDER BY id")
	if err != nil {
		return err
	}
	if f.interests, err = pgx.CollectRows(rows, pgx.RowToStructByPos[interest]); err != nil {
		return err
	}
	f.zero = strings.Repeat("0", len(f.interests))
	return pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		var exists bool
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'floor')").Scan(&exists)
		if err != nil || exists {
			return err
		}
		_, err = tx.Exec(ctx, strings.ReplaceAll(bits, "@zero", fmt.Sprintf("B'%s'", f.zero)))
		return err
	})
}

// profile is a profile as clients get it.
type profile struct {
	ID           uuid.UUID `json:"id"`
	UserID       uuid.UUID `json:"user_id"`
	FirstName    *string   `json:"first_name"`
	Age          *int      `json:"age"`
	Biography    *string   `json:"biography"`
	Country      *string   `json:"country"`
	City         *string   `json:"city"`
	ImageURL     *string   `json:"image_url"`
	IsSearchable bool      `json:"is_searchable"`
}

type match struct {
	Profile         profile    `json:"profile"`
	Score           int        `json:"score"`
	SharedInterests []interest `json:"shared_interests"`
}

func (f *floor) matches(ctx context.Context, c caller, r *http.Request) (any, error) {
	query := r.URL.Query()
	args, fitting := []any{c.Session}, ""
	if country := query.Get("country"); country != "" {
		args = append(args, strings.ToLower(country))
		fitting = " AND people.country = $2"
	}
	if asked := query["interest_id"]; len(asked) > 0 {
		wanted := []byte(f.zero)
		for n, i := range f.interests {
			for _, id := range asked {
				if i.ID.String() == id {
					wanted[n] = '1'
				}
			}
		}
		args = append(args, string(wanted))
		fitting += fmt.Sprintf(" AND bit_count(people.bits & $%d::text::bit(%d)) > 0", len(args), len(f.zero))
	}
	return read(ctx, f, f.scanMatch, matches(fitting), args...)
}

func (f *floor) scanMatch(row pgx.CollectableRow) (m match, err error) {
	var shared string
	m.SharedInterests = []interest{}
	p := &m.Profile
	err = row.Scan(&p.ID, &p.UserID, &p.FirstName, &p.Age, &p.Biography, &p.Country, &p.City, &p.ImageURL, &p.IsSearchable,
		&m.Score, &shared)
	for n, bit := range []byte(shared) {
		if bit == '1' {
			m.SharedInterests = append(m.SharedInterests, f.interests[n])
		}
	}
	return m, err
}
