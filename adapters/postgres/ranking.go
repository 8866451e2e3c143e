package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
)

// A search looks at some of the best candidates. At first it takes atFirst candidates, because not
// many are blocked. If these do not fill the page, it takes few.
const few = 128 // a page has at most 101

// atFirst returns how many candidates a search for a page looks at first.
func atFirst(limit int) int64 { return limited(limit) + limited(limit)/4 + 4 }

// Search looks at all candidates, with another statement, if the best few do not fill the page. The
// usual search is a statement of its own, because to begin with a large plan costs more than to
// search a city.
func (repo matchingRepository) Search(
	ctx context.Context, q matching.Query, after *matching.Rank, limit int,
) (matches []matching.Match, err error) {
	err = repo.read(ctx, func(c *conn) error {
		if after == nil || after.Score > 0 {
			s, args := c.usual(q, after, limit)
			rows, err := listPresent(ctx, c, scanUsual, s, args...)
			if err != nil {
				return err
			}
			matches = together(rows)
			own, _ := separate(rows)
			if len(own) > 0 && !own[0].more && !lackBits(own) && (len(matches) >= limit || own[0].seen < atFirst(limit)) {
				return nil
			}
		}
		for _, most := range []statement{statement(fmt.Sprint("LIMIT ", few)), ""} {
			s, args := c.search(q, after, limit, most)
			rows, err := list(ctx, c, scanRanked, s, args...)
			if err != nil {
				return err
			}
			matches = together(rows)
			if own, _ := separate(rows); len(matches) >= limit || len(own) == 0 || own[0].seen < few {
				break
			}
		}
		return nil
	})
	return matches, err
}

// usual is search for a viewer who has interests, if all of them and all wanted ones have a bit.
// Otherwise its profiles do not count: then there are no rows of interests, a row has a number
// without a bit, or more is true.
func (c *conn) usual(q matching.Query, after *matching.Rank, limit int) (presentable, []any) {
	fitting := where{args: []any{uuid(q.Viewer), limited(limit), atFirst(limit)}}
	fitting.add("EXISTS (SELECT FROM mine) AND candidate.findable")
	described(&fitting, q)
	more := statement("false")
	if len(q.Interests) > 0 {
		fitting.args = append(fitting.args, uuids(q.Interests))
		wanted := "@interests WHERE is_active AND id = ANY(" + statement(placeholders(len(fitting.args), 1)) + ")"
		fitting.add(string(c.sharedBits("("+bitsOf(wanted)+")")) + " > 0")
		more = "EXISTS (SELECT FROM " + wanted + " AND " + withoutBit + ")"
	}
	further, args := "", fitting.args
	if after != nil {
		further = "WHERE (-score, id) > (-" + placeholders(len(args)+1, 1) + "::bigint, " + placeholders(len(args)+2, 1) + ")"
		args = append(args, int64(after.Score), uuid(after.Profile))
	}
	first := "SELECT id, " + c.sharedBits(ownBits) + "::bigint AS score FROM @profiles AS candidate WHERE " + fitting.text() +
		") AS candidate " + statement(further)
	return c.keptSearch(first, func() presentable {
		return withCheck("WITH "+withMine+", first AS MATERIALIZED (SELECT id, score FROM ("+first+`
			ORDER BY score DESC, id LIMIT $3)
		SELECT `+profiles.nulls+", NULL::bigint, NULL::bit varying, "+interests.columns+`,
			name_folded, number, (SELECT count(*) FROM first), `+more+` FROM mine AS interests
		UNION ALL
		SELECT `+profiles.columns+", score, interest_bits, "+interests.nulls+", NULL, NULL, NULL, NULL FROM "+sharing+" AS profiles", len(args))
	}), args
}

// keptSearch returns a statement that depends on the conditions of a search. The store keeps it, by
// a key that depends on nothing else.
func (c *conn) keptSearch(key statement, of func() presentable) presentable {
	if kept, found := c.store.searches.Load(key); found {
		return kept.(presentable) //nolint:forcetypeassert // nothing else is stored
	}
	s := of()
	c.store.searches.Store(key, s)
	return s
}

// ownBits is an expression for the bits of the viewer's active interests.
const ownBits statement = `(
		SELECT coalesce(bit_or(set_bit("bit"(B'0', width, true), number, 1)) FILTER (WHERE number < width), B'0') FROM mine)`

// search returns a statement, with its arguments, that finds up to $2 profiles by their ranks and
// the interests of the viewer, $1. It looks at most of the best candidates, where most is a LIMIT
// or "".
func (c *conn) search(q matching.Query, after *matching.Rank, limit int, most statement) (statement, []any) {
	fitting := where{args: []any{uuid(q.Viewer), limited(limit)}}
	fitting.add("candidate.findable")
	described(&fitting, q)
	tables := withMine + ", own AS MATERIALIZED (" + setOf("mine AS interests") + ")"
	if len(q.Interests) > 0 {
		fitting.args = append(fitting.args, uuids(q.Interests))
		tables += ", wanted AS MATERIALIZED (" +
			setOf("@interests WHERE is_active AND id = ANY("+statement(placeholders(len(fitting.args), 1))+")") + ")"
		fitting.add("(SELECT filled FROM wanted) AND " + string(c.shared("wanted")) + " > 0")
	}
	fits, args := fitting.text(), fitting.args
	argument := func(value any) statement {
		args = append(args, value)
		return statement(placeholders(len(args), 1))
	}
	if after != nil && after.Score <= 0 {
		best := apart(fits+" AND "+c.shared("own")+" = 0", argument(uuid(after.Profile)))
		return ranked(tables, best, "0::bigint"), args
	}
	further := statement("")
	if after != nil {
		further = "WHERE (-score, id) > (-" + argument(int64(after.Score)) + "::bigint, " + argument(uuid(after.Profile)) + ")"
	}
	tables += `, first AS MATERIALIZED (
		SELECT id, score
		FROM (
			SELECT id, ` + c.shared("own") + ` AS score FROM @profiles AS candidate
			WHERE (SELECT filled FROM own) AND ` + fits + `
		) AS candidate ` + further + `
		ORDER BY score DESC, id ` + most + `)`
	best := sharing + " UNION ALL " + apart(fits+" AND NOT (SELECT filled FROM own)", argument(uuid(id.Profile{})))
	return ranked(tables, best, "(SELECT count(*) FROM first)"), args
}

// sharing finds those of the first candidates that may be found.
var sharing = foundOf("SELECT * FROM first", "score DESC, id")

// apart finds the candidates after an id that fit, in the order of their ids.
func apart(fits, after statement) statement {
	return foundOf("SELECT id, 0::bigint AS score FROM @profiles AS candidate WHERE id > (SELECT "+after+"::uuid) AND "+fits, "id")
}

// foundOf checks in the order of candidates which of them may be found, until the page is full.
// OFFSET 0 makes the planner do so.
func foundOf(candidates, order statement) statement {
	return `(
		SELECT candidate.*, score
		FROM (` + candidates + " ORDER BY " + order + `) AS ranked
		CROSS JOIN LATERAL (
			` + findable("@profiles", "candidate.id = ranked.id") + ` OFFSET 0
		) AS candidate
		ORDER BY ` + statement(strings.ReplaceAll(string(order), "id", "ranked.id")) + `
		LIMIT ` + hidden("$2") + `)`
}

// ranked returns the viewer's interests, and then the profiles of best, each with its score, the
// bits of its interests and those shared interests that have no bit. seen is the number of first
// candidates.
func ranked(tables, best, seen statement) statement {
	return "WITH " + tables + ", best AS (" + best + `)
	SELECT ` + profiles.columns + `, score, interest_bits,
		CASE WHEN (SELECT others FROM own) IS NOT NULL THEN ARRAY(
			SELECT interest_id FROM @profile_interests
			WHERE profile_id = profiles.id AND interest_id = ANY ((SELECT others FROM own)::uuid[])) END,
		` + interests.nulls + `, NULL::text, NULL::bigint AS number, NULL::bigint, profiles.id AS candidate_id
	FROM best AS profiles
	UNION ALL
	SELECT ` + profiles.nulls + ", NULL, NULL, NULL, " + interests.columns + ", name_folded, number, " + seen + `, NULL
	FROM mine AS interests
	ORDER BY number, score DESC, candidate_id`
}

// rankedRow is an interest of the viewer, or a match without the interests that have a bit.
type rankedRow struct {
	matching.Match
	bits   pgtype.Bits
	others []id.Interest

	own    matching.Interest
	folded string // the folded name of own
	number int64
	seen   int64
	more   bool // see usual
}

func scanRanked(r *row, v *rankedRow) {
	profiles.scan(r, &v.Profile)
	v.Score, v.bits, v.others = int(r.int()), r.bitString(), idsOf[id.Interest](r)
	interests.scan(r, &v.own)
	v.folded, v.number, v.seen = r.text(), r.int(), r.int()
}

func scanUsual(r *row, v *rankedRow) {
	profiles.scan(r, &v.Profile)
	v.Score, v.bits = int(r.int()), r.bitString()
	interests.scan(r, &v.own)
	v.folded, v.number, v.seen, v.more = r.text(), r.int(), r.int(), r.bool()
}

// separate returns the rows of interests and those of profiles. It moves interests to the front, if
// PostgreSQL has read the parts of a query at the same time.
func separate(rows []rankedRow) (own, those []rankedRow) {
	n := 0
	for i := range rows {
		if rows[i].own.ID.IsZero() {
			continue
		}
		if i != n {
			rows[n], rows[i] = rows[i], rows[n]
		}
		n++
	}
	return rows[:n], rows[n:]
}

// lackBits reports whether one of the interests has no bit.
func lackBits(own []rankedRow) bool {
	for i := range own {
		if own[i].number >= mostBits {
			return true
		}
	}
	return false
}

// together returns the matches with the interests of the viewer that they share.
func together(rows []rankedRow) (matches []matching.Match) {
	own, those := separate(rows)
	share(own, those)
	matches = slices.Grow(matches, len(those))
	for i := range those {
		matches = append(matches, those[i].Match)
	}
	return matches
}

// share sorts the interests of the viewer, and sets those that each profile shares. All are parts
// of one slice.
func share(own, those []rankedRow) {
	slices.SortFunc(own, func(a, b rankedRow) int {
		return cmp.Or(strings.Compare(a.folded, b.folded), a.own.ID.Compare(b.own.ID))
	})
	var all []matching.Interest
	ends := make([]int, len(those))
	for i := range those {
		for m := range own {
			if isSet(those[i].bits, own[m].number) || slices.Contains(those[i].others, own[m].own.ID) {
				all = append(all, own[m].own)
			}
		}
		ends[i] = len(all)
	}
	begin := 0
	for i, end := range ends {
		if begin < end {
			those[i].Shared = all[begin:end:end]
		}
		begin = end
	}
}
