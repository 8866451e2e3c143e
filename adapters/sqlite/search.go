package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
)

// sharing lists, for each profile, the active interests that it shares with the viewer, ?1.
const sharing = `
	sharing AS (
		SELECT theirs.profile_id, interests.*
		FROM profiles AS own
		JOIN profile_interests AS mine ON mine.profile_id = own.id
		JOIN interests ON interests.id = mine.interest_id AND interests.is_active = 1
		JOIN profile_interests AS theirs ON theirs.interest_id = mine.interest_id
		WHERE own.user_id = ?1
	)`

// fitting is the condition that the viewer, ?1, finds a profile. ?2 to ?7 are those of the query, of
// which NULL ones match every profile.
var fitting = `profiles.is_searchable = 1 AND profiles.user_id <> ?1
			AND (?2 IS NULL OR profiles.country_searched = ?2)
			AND (?3 IS NULL OR profiles.city_searched = ?3)
			AND (?4 IS NULL OR profiles.age >= ?4)
			AND (?5 IS NULL OR profiles.age <= ?5)
			AND (?6 = 0 OR profiles.id IN (
				SELECT had.profile_id
				FROM profile_interests AS had
				JOIN interests ON interests.id = had.interest_id AND interests.is_active = 1
				WHERE had.interest_id IN (SELECT unhex(value) FROM json_each(?7))))
			AND NOT ` + eitherBlocks("?1", "profiles.user_id")

// fittingArgs returns the arguments of fitting.
func fittingArgs(q matching.Query) []any {
	return []any{
		blob(q.Viewer), textOrNull(q.Country.String()), textOrNull(q.City.String()), intOrNull(q.MinAge), intOrNull(q.MaxAge),
		int64(len(q.Interests)), hexes(q.Interests),
	}
}

// among finds those of the profiles ?8 that a search finds, in its order.
var among = `
	WITH mine AS MATERIALIZED (` + ownInterests + `),
	ranked AS (
		SELECT profiles.*,
			(SELECT count(*) FROM profile_interests WHERE profile_id = profiles.id AND interest_id IN (SELECT interest_id FROM mine)) AS score
		FROM profiles
		JOIN users ON users.id = profiles.user_id AND users.is_active = 1
		WHERE profiles.id IN (SELECT unhex(value) FROM json_each(?8)) AND ` + fitting + `
	)
	SELECT ` + profiles.columns + `, profiles.score
	FROM ranked AS profiles
	ORDER BY profiles.score DESC, profiles.id`

// ownInterests lists the active interests of the viewer, ?1.
const ownInterests = `
	SELECT profile_interests.interest_id
	FROM profiles
	JOIN profile_interests ON profile_interests.profile_id = profiles.id
	JOIN interests ON interests.id = profile_interests.interest_id AND interests.is_active = 1
	WHERE profiles.user_id = ?1
	ORDER BY profile_interests.interest_id`

// candidates lists profiles after ?1, and interestsBetween the interests of those from ?1 to ?2.
const (
	candidates = `
	SELECT profiles.id, user_id, country, city, age, is_searchable = 1 AND is_active = 1
	FROM profiles JOIN users ON users.id = user_id
	WHERE profiles.id > ?1 ORDER BY profiles.id LIMIT +?2`

	interestsBetween = `
	SELECT profile_id, interest_id FROM profile_interests WHERE profile_id BETWEEN ?1 AND ?2 ORDER BY profile_id, interest_id`
)

// sharedBy reads the interests that the profiles in ?2 share with the viewer.
var sharedBy = `
	WITH` + sharing + `
	SELECT interests.profile_id, ` + interests.columns + `
	FROM sharing AS interests
	WHERE interests.profile_id IN (SELECT unhex(value) FROM json_each(?2))
	ORDER BY interests.name_folded, interests.id`

func scanMatch(r *row, m *matching.Match) {
	profiles.scan(r, &m.Profile)
	m.Score = int(r.int())
}

// share sets the interests that each match shares with the viewer.
func share(ctx context.Context, c *conn, viewer id.User, matches []matching.Match) error {
	found := make([]id.Profile, len(matches))
	at := make(map[id.Profile]int, len(matches))
	for i, m := range matches {
		found[i], at[m.Profile.ID] = m.Profile.ID, i
	}
	return c.query(ctx, func(r *row) {
		m := &matches[at[r.id()]]
		var i matching.Interest
		interests.scan(r, &i)
		m.Shared = append(m.Shared, i)
	}, sharedBy, blob(viewer), hexes(found))
}

func (repo matchingRepository) Among(
	ctx context.Context, q matching.Query, of ...id.Profile,
) (own []id.Interest, found []matching.Match, err error) {
	err = repo.together(ctx, func(c *conn) (err error) {
		own, err = list(ctx, c, func(r *row, i *id.Interest) { *i = r.id() }, ownInterests, blob(q.Viewer))
		if err != nil {
			return err
		}
		found, err = list(ctx, c, scanMatch, among, append(fittingArgs(q), hexes(of))...)
		if err != nil || len(found) == 0 {
			return err
		}
		return share(ctx, c, q.Viewer, found)
	})
	return own, found, err
}

func (repo matchingRepository) Candidates(
	ctx context.Context, after id.Profile, limit int,
) (all []matching.Candidate, err error) {
	err = repo.together(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, scanCandidate, candidates, blob(after), limited(limit))
		if err != nil || len(all) == 0 {
			return err
		}
		at := 0
		return c.query(ctx, func(r *row) {
			profile, interest := id.Profile(r.id()), id.Interest(r.id())
			for all[at].Profile != profile {
				at++
			}
			all[at].Interests = append(all[at].Interests, interest)
		}, interestsBetween, blob(all[0].Profile), blob(all[len(all)-1].Profile))
	})
	return all, err
}

func scanCandidate(r *row, c *matching.Candidate) {
	*c = matching.Candidate{
		Profile: r.id(), UserID: r.id(), Country: r.text(), City: r.text(), Age: int(r.int()), Findable: r.bool(),
	}
}

func (repo matchingRepository) Residents(
	ctx context.Context, after *matching.Residence, limit int,
) (residents []matching.Resident, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		from := matching.Residence{}
		if after != nil {
			from = *after
		}
		residents, err = list(ctx, c, scanResident, `SELECT profiles.id, country, city FROM profiles
			JOIN users ON users.id = profiles.user_id AND users.is_active = 1
			WHERE is_searchable = 1 AND (country_searched, city_searched, profiles.id) > (?, ?, ?)
			ORDER BY country_searched, city_searched, profiles.id LIMIT +?`,
			from.Place.Country.String(), from.Place.City.String(), blob(from.Profile), limited(limit))
		return err
	})
	return residents, err
}

func scanResident(r *row, resident *matching.Resident) {
	*resident = matching.Resident{Profile: r.id(), Country: r.text(), City: r.text()}
}
