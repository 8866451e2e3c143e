package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	profiles  = tableOf(ports.ProfileLayout)
	interests = tableOf(ports.InterestLayout)

	// saveProfile keeps the id of an existing profile. Its last argument is the interests. It locks
	// the account: a concurrent change of is_active waits, and its trigger then updates this
	// profile.
	saveProfile = statement(fmt.Sprintf("INSERT INTO @profiles (%s, findable, interest_bits) VALUES (%s, %s, %s)",
		strings.Join(profiles.names, ", "), placeholders(1, len(profiles.names)), findableBy("FOR NO KEY UPDATE"),
		bits(statement(fmt.Sprintf("@interests WHERE id = ANY($%d)", len(profiles.names)+1))))) +
		" ON CONFLICT (user_id) DO UPDATE SET " + profiles.replace("id", "user_id") +
		", findable = excluded.findable, interest_bits = excluded.interest_bits RETURNING id"

	// insertProfile adds a profile without interests. It locks no account, because a copy has the
	// store for itself.
	insertProfile = statement(fmt.Sprintf("INSERT INTO @profiles (%s, findable) VALUES (%s, %s)",
		strings.Join(profiles.names, ", "), placeholders(1, len(profiles.names)), findableBy("")))
)

// findableBy returns the value of findable in an INSERT of a profile: it is searchable, and its
// account is active. A trigger changes it when the account changes. lock is the locking clause for
// the account.
func findableBy(lock string) string {
	argument := func(column string) string { return placeholders(1+slices.Index(profiles.names, column), 1) }
	return fmt.Sprintf("%s AND coalesce((SELECT is_active FROM @users WHERE id = %s %s), false)",
		argument("is_searchable"), argument("user_id"), lock)
}

// findableOfBatch sets findable of profiles: see filling. It locks the accounts, as saveProfile does.
const findableOfBatch statement = `WITH batch AS MATERIALIZED (
		SELECT profiles.id, is_active FROM @profiles JOIN @users ON users.id = user_id
		WHERE profiles.id > $1 ORDER BY profiles.id LIMIT $2 FOR NO KEY UPDATE OF users
	), filled AS (
		UPDATE @profiles SET findable = NOT findable FROM batch
		WHERE profiles.id = batch.id AND findable <> (is_searchable AND is_active)
	) SELECT id::text FROM batch ORDER BY id DESC LIMIT 1`

// nameTaken reports whether another interest has the name $1, which the interest $2 has not.
const nameTaken statement = `
	SELECT EXISTS (SELECT 1 FROM @interests WHERE name_folded = $1 AND id <> $2)
		AND NOT EXISTS (SELECT 1 FROM @interests WHERE name_folded = $1 AND id = $2)`

type matchingRepository struct{ *unit }

// Profile reads everything in one statement: a row for each interest, or one without an interest.
func (repo matchingRepository) Profile(
	ctx context.Context, user id.User,
) (p matching.Profile, picked []matching.Interest, err error) {
	err = repo.read(ctx, func(c *conn) error {
		linked, err := list(ctx, c, func(r *row, i *matching.Interest) {
			profiles.scan(r, &p)
			interests.scan(r, i)
		}, "SELECT "+profiles.columns+", "+interests.columns+` FROM @profiles
			LEFT JOIN @profile_interests ON profile_id = profiles.id LEFT JOIN @interests ON interests.id = interest_id
			WHERE user_id = $1 ORDER BY name_folded, interests.id`, uuid(user))
		switch {
		case err != nil:
			return err
		case len(linked) == 0:
			return notFound("a profile")
		case !linked[0].ID.IsZero():
			picked = linked
		}
		return nil
	})
	return p, picked, err
}

func (repo matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return repo.write(ctx, func(c *conn) error {
		kept, err := find(ctx, c, value((*row).id), saveProfile, append(profiles.args(p), uuids(interests))...)
		if err != nil {
			return err
		}
		c.later("DELETE FROM @profile_interests WHERE profile_id = $1", kept)
		c.later("INSERT INTO @profile_interests (profile_id, interest_id) SELECT DISTINCT $1::uuid, unnest($2::uuid[])",
			kept, uuids(interests))
		return nil
	})
}

func (repo matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @profiles WHERE user_id = $1", uuid(user)) // its links are deleted with it
		return nil
	})
}

func (repo matchingRepository) Interests(ctx context.Context, ids ...id.Interest) (all []matching.Interest, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, interests.scan,
			"SELECT "+interests.columns+" FROM @interests WHERE id "+oneOf("$1", "uuid")+" ORDER BY name_folded, id", uuids(ids))
		return err
	})
	return all, err
}

func (repo matchingRepository) AllInterests(
	ctx context.Context, activeOnly bool, after *matching.NamePlace, limit int,
) (all []matching.Interest, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		from := matching.NamePlace{}
		if after != nil {
			from = *after
		}
		all, err = list(ctx, c, interests.scan, "SELECT "+interests.columns+` FROM @interests
			WHERE (name_folded, id) > ($1, $2) AND is_active >= $3 ORDER BY name_folded, id LIMIT $4`,
			from.Folded.String(), uuid(from.ID), activeOnly, limited(limit))
		return err
	})
	return all, err
}

func (repo matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err := find(ctx, c, value((*row).bool), nameTaken, text.Fold(i.Name).String(), uuid(i.ID))
		if err != nil || taken {
			return err
		}
		n, err := c.exec(ctx, interests.insert+" ON CONFLICT (name_folded) WHERE NOT twin DO NOTHING", interests.args(i)...)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (repo matchingRepository) HoldInterest(
	ctx context.Context, interest id.Interest,
) (i matching.Interest, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		i, err = find(ctx, c, interests.scan,
			"SELECT "+interests.columns+" FROM @interests WHERE id = $1 FOR NO KEY UPDATE", uuid(interest))
		return orNotFound(err, "an interest")
	})
	return i, err
}

// SaveInterest relies on a constraint against a concurrent unit that takes the same name: see
// isLostRace.
func (repo matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err := find(ctx, c, value((*row).bool), nameTaken, text.Fold(i.Name).String(), uuid(i.ID))
		if err != nil || taken {
			return err
		}
		set, args := interests.set([]any{uuid(i.ID)}, i, "id")
		n, err := c.exec(ctx, "UPDATE @interests SET "+set+" WHERE id = $1", args...)
		if err == nil && n == 0 {
			err = notFound("an interest")
		}
		saved = n == 1
		return err
	})
	return saved && err == nil, err
}
