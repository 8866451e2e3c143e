package postgres

import (
	"cmp"
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
)

const (
	// ofViewer selects the active interests of the viewer, $1.
	ofViewer statement = `@profiles AS own
		JOIN @profile_interests ON profile_id = own.id
		JOIN @interests ON interests.id = interest_id AND interests.is_active
		WHERE own.user_id = $1`

	// withMine has these interests. width is the length of the bits of the viewer's profile.
	withMine = "mine AS MATERIALIZED (SELECT interests.*, length(interest_bits) AS width FROM " + ofViewer + ")"
)

// among returns the viewer's interests, and then those of the profiles $2 that a search finds, each
// with the ids of others. OFFSET 0 makes the planner begin with the candidates, because they are
// few.
func among(fitting, others statement) statement {
	return "SELECT " + profiles.nulls + ", NULL::bigint, NULL::bit varying, NULL::uuid[], " + interests.columns + `,
		name_folded, number, NULL::bigint FROM ` + ofViewer + `
	UNION ALL
	SELECT ` + profiles.columns + ", NULL, interest_bits, " + others + ", " + interests.nulls + `, NULL, NULL, NULL
	FROM (` + findable("(SELECT * FROM @profiles WHERE id = ANY($2) OFFSET 0)", fitting) + `) AS profiles`
}

// noOthers and allShared are the others of among. allShared takes time, and is needed only if an
// interest of the viewer has no bit.
const (
	noOthers  statement = "NULL::uuid[]"
	allShared           = `ARRAY(
		SELECT interest_id FROM @profile_interests WHERE profile_id = profiles.id AND interest_id IN (SELECT interest_id FROM ` + ofViewer + "))"
)

// findable returns those of some rows of profiles, called candidate, that meet a condition and that
// the viewer $1 may find at all. It is matching.Sight.Findable. The server reads the blocks by the
// viewer and of the viewer once, and not for each candidate.
func findable(candidates, fitting statement) statement {
	return "SELECT candidate.* FROM " + candidates + ` AS candidate
		WHERE ` + fitting + ` AND candidate.findable AND candidate.user_id <> $1 AND candidate.user_id NOT IN (
			SELECT blocked_user_id FROM @blocks WHERE blocks.user_id = $1
			UNION ALL SELECT blocks.user_id FROM @blocks WHERE blocked_user_id = $1)`
}

func (repo matchingRepository) Among(
	ctx context.Context, q matching.Query, of ...id.Profile,
) (own []id.Interest, found []matching.Match, err error) {
	err = repo.read(ctx, func(c *conn) error {
		fitting := where{args: []any{uuid(q.Viewer), uuids(of)}}
		fitting.add("true")
		described(&fitting, q)
		if len(q.Interests) > 0 {
			fitting.add(`EXISTS (
				SELECT 1 FROM @profile_interests AS had WHERE had.profile_id = candidate.id
				AND had.interest_id = ANY(ARRAY(SELECT id FROM @interests WHERE id = ANY(?) AND is_active)) OFFSET 0)`, uuids(q.Interests))
		}
		s := c.keptSearch("among "+fitting.text(), func() presentable { return withCheck(among(fitting.text(), noOthers), len(fitting.args)) })
		rows, err := listPresent(ctx, c, scanRanked, s, fitting.args...)
		mine, those := separate(rows)
		if err == nil && lackBits(mine) {
			rows, err = list(ctx, c, scanRanked, among(fitting.text(), allShared), fitting.args...)
			mine, those = separate(rows)
		}
		for i := range mine {
			own = append(own, mine[i].own.ID)
		}
		share(mine, those)
		for i := range those {
			those[i].Score = len(those[i].Shared)
		}
		found = slices.Grow(found, len(those))
		for _, r := range byRank(those) {
			found = append(found, r.Match)
		}
		slices.SortFunc(own, id.Interest.Compare)
		return err
	})
	return own, found, err
}

// byRank returns the rows of profiles in the order of a search.
func byRank(rows []rankedRow) []*rankedRow {
	sorted := make([]*rankedRow, len(rows)) // pointers, because the rows are large
	for i := range rows {
		sorted[i] = &rows[i]
	}
	slices.SortFunc(sorted, func(a, b *rankedRow) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.Profile.ID.Compare(b.Profile.ID))
	})
	return sorted
}

// described adds the conditions of a query on the columns of a profile. A place stands in a
// subquery, so that the server uses one plan for all places: planning takes longer than most
// searches.
func described(of *where, q matching.Query) {
	if country := q.Country.String(); country != "" {
		of.add("country_searched = (SELECT ?::text)", country)
	}
	if city := q.City.String(); city != "" {
		of.add("city_searched = (SELECT ?::text)", city)
	}
	if q.MinAge != 0 {
		of.add("age >= ?", int64(q.MinAge))
	}
	if q.MaxAge != 0 {
		of.add("age <= ?", int64(q.MaxAge))
	}
}

func (repo matchingRepository) Candidates(
	ctx context.Context, after id.Profile, limit int,
) (candidates []matching.Candidate, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		candidates, err = list(ctx, c, scanCandidate, `SELECT id, user_id, country, city, age, findable,
				ARRAY(SELECT interest_id FROM @profile_interests WHERE profile_id = profiles.id ORDER BY interest_id)
			FROM @profiles WHERE profiles.id > $1 ORDER BY id LIMIT $2`, uuid(after), limited(limit))
		return err
	})
	return candidates, err
}

func scanCandidate(r *row, c *matching.Candidate) {
	*c = matching.Candidate{
		Profile: r.id(), UserID: r.id(), Country: r.text(), City: r.text(), Age: int(r.int()), Findable: r.bool(), Interests: idsOf[id.Interest](r),
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
		residents, err = list(ctx, c, scanResident, `SELECT id, country, city FROM @profiles
			WHERE findable AND (country_searched, city_searched, profiles.id) > ($1, $2, $3)
			ORDER BY country_searched, city_searched, id LIMIT $4`,
			from.Place.Country.String(), from.Place.City.String(), uuid(from.Profile), limited(limit))
		return err
	})
	return residents, err
}

func scanResident(r *row, resident *matching.Resident) {
	*resident = matching.Resident{Profile: r.id(), Country: r.text(), City: r.text()}
}
