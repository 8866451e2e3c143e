package postgres

import (
	"context"
	"math"

	"github.com/cicerone-go/cicerone/core/matching"
)

// search finds profiles in the order of their ranks, and names what each has in common with the viewer, $1: a row for
// each interest, or one without. $2 and $3 are the rank of the last match before, $4 is how many to find.
func search(fitting statement) statement {
	return `
	WITH mine AS (
		SELECT interests.*
		FROM @profiles AS own
		JOIN @profile_interests ON profile_id = own.id
		JOIN @interests ON interests.id = interest_id AND interests.is_active
		WHERE own.user_id = $1
	),
	ranked AS (
		SELECT profiles.*, (
			SELECT count(*) FROM @profile_interests AS theirs JOIN mine ON mine.id = theirs.interest_id
			WHERE theirs.profile_id = profiles.id) AS score
		FROM @profiles JOIN @users ON users.id = profiles.user_id AND users.is_active
		WHERE profiles.is_searchable AND profiles.user_id <> $1
			AND NOT EXISTS (SELECT 1 FROM @blocks WHERE blocks.user_id = $1 AND blocked_user_id = profiles.user_id)
			AND NOT EXISTS (SELECT 1 FROM @blocks WHERE blocks.user_id = profiles.user_id AND blocked_user_id = $1)
			AND ` + fitting + `
	),
	page AS (SELECT * FROM ranked WHERE (-score, id) > (-$2::bigint, $3) ORDER BY score DESC, id LIMIT $4)
	SELECT ` + profileColumns + ", profiles.score, " + interestColumns + `
	FROM page AS profiles
	LEFT JOIN (@profile_interests AS theirs JOIN mine AS interests ON interests.id = theirs.interest_id) ON theirs.profile_id = profiles.id
	ORDER BY profiles.score DESC, profiles.id, interests.name_folded, interests.id`
}

func (r matchingRepository) Search(ctx context.Context, q matching.Query, last *matching.Rank, limit int) (matches []matching.Match, err error) {
	err = r.read(ctx, func(c *conn) error {
		from := matching.Rank{Score: math.MaxInt32}
		if last != nil {
			from = *last
		}
		w := where{args: []any{uuid(q.Viewer), int64(from.Score), uuid(from.Profile), limited(limit)}}
		w.add("true")
		if q.Country != "" {
			w.add("country_folded = ?", q.Country)
		}
		if q.City != "" {
			w.add("city_folded = ?", q.City)
		}
		if q.MinAge != 0 {
			w.add("age >= ?", int64(q.MinAge))
		}
		if q.MaxAge != 0 {
			w.add("age <= ?", int64(q.MaxAge))
		}
		if len(q.Interests) > 0 {
			w.add(`profiles.id IN (
				SELECT had.profile_id FROM @profile_interests AS had JOIN @interests ON interests.id = had.interest_id
				WHERE had.interest_id = ANY(?) AND interests.is_active)`, uuids(q.Interests))
		}
		found, err := list(ctx, c, scanMatch, search(w.text()), w.args...)
		matches = gather(found)
		return err
	})
	return matches, err
}

func scanMatch(r *row) matching.Match {
	m := matching.Match{Profile: scanProfile(r), Score: int(r.int())}
	m.Profile.LastName = ""
	if shared := scanInterest(r); !shared.ID.IsZero() {
		m.Shared = []matching.Interest{shared}
	}
	return m
}

// gather makes one match of the rows that name one profile.
func gather(rows []matching.Match) (matches []matching.Match) {
	for _, m := range rows {
		if last := len(matches) - 1; last >= 0 && matches[last].Profile.ID == m.Profile.ID {
			matches[last].Shared = append(matches[last].Shared, m.Shared...)
		} else {
			matches = append(matches, m)
		}
	}
	return matches
}
