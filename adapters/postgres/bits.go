package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/cicerone-go/cicerone/ports"
)

// profiles.interest_bits holds a one for the number of each interest that is linked to the profile,
// inactive ones included. The string has a multiple of 256 bits, or a single zero if there are no
// interests, so that nearly all have one length. Interests with a number of mostBits or more have
// no bit. Searches count them by their rows.
const mostBits = 8192

// withBit and withoutBit are the conditions that an interest has a bit, and that it has none.
var (
	withBit    = statement(fmt.Sprint("number < ", mostBits))
	withoutBit = statement(fmt.Sprint("number >= ", mostBits))
)

// bits returns an expression for the bits of the interests that a clause of FROM selects. The
// server packs the value of a subquery, and stores it packed; joined with nothing, it is as its
// storage wants it.
func bits(from statement) statement {
	return "(SELECT " + united + " FROM " + withNumbers(from) + ") || B''"
}

// setOf returns a query for one row with the bits of the interests that a clause of FROM selects,
// the ids of those without a bit, or NULL, and whether there is any.
func setOf(from statement) statement {
	return "SELECT " + united + " AS bits, array_agg(id) FILTER (WHERE " + withoutBit + ") AS others, count(*) > 0 AS filled FROM " +
		withNumbers(from)
}

var united = `coalesce(bit_or(set_bit("bit"(B'0', width, true), number, 1)) FILTER (WHERE ` + withBit + "), B'0')"

func withNumbers(from statement) statement {
	const most = mostBits / 256
	return "(SELECT interests.id, number, least(max(number) OVER () / 256 + 1, " + statement(strconv.Itoa(most)) +
		") * 256 AS width FROM " + from + ") AS numbered"
}

// linked selects the interests of the row of profiles at hand.
const linked statement = "@profile_interests JOIN @interests ON interests.id = interest_id WHERE profile_id = profiles.id"

// setBits makes the bits of the profiles $1 again. Each statement that links interests needs it.
var setBits = "UPDATE @profiles SET interest_bits = " + bits(linked) + " WHERE id = ANY($1)"

// bitsOf returns a query for the bits alone of what setOf selects.
func bitsOf(from statement) statement { return "SELECT " + united + " FROM " + withNumbers(from) }

// sharedBits returns an expression for the number of bits that a candidate shares with an
// expression.
func (c *conn) sharedBits(bits statement) statement {
	same := `candidate.interest_bits & "bit"(` + bits + `, length(candidate.interest_bits), true)`
	if c.major() < 14 {
		return "length(replace((" + same + ")::text, '0', ''))"
	}
	return "bit_count(" + same + ")"
}

// shared returns an expression for the number of interests that a candidate shares with a set,
// which is a common table expression with a row of setOf.
func (c *conn) shared(set statement) statement {
	return "(" + c.sharedBits("(SELECT bits FROM "+set+")") + " + CASE WHEN (SELECT others FROM " + set + ") IS NULL THEN 0 ELSE (SELECT count(*) FROM @profile_interests " +
		"WHERE profile_id = candidate.id AND interest_id = ANY ((SELECT others FROM " + set + ")::uuid[])) END)"
}

// major is the first part of the server's version.
func (c *conn) major() int {
	version := c.on.Conn().PgConn().ParameterStatus("server_version")
	digits := strings.IndexFunc(version+".", func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(version[:digits]) // 0 if there is none
	return n
}

// isSet reports whether the bit of a number is set.
func isSet(bits pgtype.Bits, number int64) bool {
	return number < int64(bits.Len) && bits.Bytes[number/8]>>(7-number%8)&1 == 1
}

// profilesDisagreeing compares profiles with their interests and their accounts: see disagreeing.
var profilesDisagreeing = "SELECT profiles.id, CASE WHEN interest_bits <> " + bits(linked) + ` THEN 'interest_bits'
		WHEN findable <> (is_searchable AND is_active) THEN 'findable' END
	FROM @profiles JOIN @users ON users.id = user_id WHERE profiles.id > $1 ORDER BY profiles.id LIMIT $2`

// bitsOfBatch makes the bits of profiles: see filling.
var bitsOfBatch = `WITH batch AS MATERIALIZED (
		SELECT id FROM @profiles WHERE id > $1 ORDER BY id LIMIT $2
	), filled AS (
		UPDATE @profiles SET interest_bits = ` + bits(linked) + ` FROM batch WHERE profiles.id = batch.id
	) SELECT id::text FROM batch ORDER BY id DESC LIMIT 1`

// profilesOf returns the profiles of rows of ports.ProfileInterests.
func profilesOf(links []ports.Row) (all [][16]byte) {
	for _, row := range links {
		profile := row[0].([16]byte) //nolint:forcetypeassert // ports has checked the row
		if last := len(all) - 1; last < 0 || all[last] != profile {
			all = append(all, profile)
		}
	}
	return all
}
