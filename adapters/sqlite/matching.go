package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	profiles  = tableOf(ports.ProfileLayout)
	interests = tableOf(ports.InterestLayout)

	// saveProfile keeps the id of an existing profile.
	saveProfile = profiles.insert +
		" ON CONFLICT (user_id) DO UPDATE SET " + profiles.replace("id", "user_id") + " RETURNING id"
)

// nameTaken reports whether another interest has the name ?1, which the interest ?2 has not.
const nameTaken = `
	SELECT EXISTS (SELECT 1 FROM interests WHERE name_folded = ?1 AND id <> ?2)
		AND NOT EXISTS (SELECT 1 FROM interests WHERE name_folded = ?1 AND id = ?2)`

type matchingRepository struct{ *unit }

func (repo matchingRepository) Profile(
	ctx context.Context, user id.User,
) (p matching.Profile, picked []matching.Interest, err error) {
	err = repo.together(ctx, func(c *conn) (err error) {
		p, err = find(ctx, c, profiles.scan, "SELECT "+profiles.columns+" FROM profiles WHERE user_id = ?", blob(user))
		if err != nil {
			return orNotFound(err, "a profile")
		}
		picked, err = list(ctx, c, interests.scan, "SELECT "+interests.columns+` FROM profile_interests
			JOIN interests ON interests.id = interest_id WHERE profile_id = ? ORDER BY name_folded, interests.id`, blob(p.ID))
		return err
	})
	return p, picked, err
}

func (repo matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return repo.write(ctx, func(c *conn) error {
		kept, err := find(ctx, c, value((*row).id), saveProfile, profiles.args(p)...)
		if err != nil {
			return err
		}
		if _, err := c.exec(ctx, "DELETE FROM profile_interests WHERE profile_id = ?", kept[:]); err != nil {
			return err
		}
		_, err = c.exec(ctx, `INSERT INTO profile_interests (profile_id, interest_id)
			SELECT DISTINCT ?, unhex(value) FROM json_each(?)`, kept[:], hexes(interests))
		if err != nil {
			return err
		}
		return c.setNumbers(ctx, kept)
	})
}

func (repo matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM profiles WHERE user_id = ?", blob(user)) // its links are deleted with it
		return err
	})
}

func (repo matchingRepository) Interests(ctx context.Context, ids ...id.Interest) (all []matching.Interest, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, interests.scan, "SELECT "+interests.columns+` FROM interests
			WHERE id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY name_folded, id`, hexes(ids))
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
		all, err = list(ctx, c, interests.scan, "SELECT "+interests.columns+` FROM interests
			WHERE (name_folded, id) > (?, ?) AND is_active >= ? ORDER BY name_folded, id LIMIT +?`,
			from.Folded.String(), blob(from.ID), activeOnly, limited(limit))
		return err
	})
	return all, err
}

func (repo matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err := find(ctx, c, value((*row).bool), nameTaken, text.Fold(i.Name).String(), blob(i.ID))
		if err != nil || taken {
			return err
		}
		created = true
		_, err = c.exec(ctx, interests.insert, interests.args(i)...)
		return err
	})
	return created && err == nil, err
}

func (repo matchingRepository) HoldInterest(
	ctx context.Context, interest id.Interest,
) (i matching.Interest, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		i, err = find(ctx, c, interests.scan, "SELECT "+interests.columns+" FROM interests WHERE id = ?", blob(interest))
		return orNotFound(err, "an interest")
	})
	return i, err
}

func (repo matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err := find(ctx, c, value((*row).bool), nameTaken, text.Fold(i.Name).String(), blob(i.ID))
		if err != nil || taken {
			return err
		}
		set, args := interests.set(i, "id")
		n, err := c.exec(ctx, "UPDATE interests SET "+set+" WHERE id = ?", append(args, blob(i.ID))...)
		if err == nil && n == 0 {
			err = notFound("an interest")
		}
		saved = n == 1
		return err
	})
	return saved && err == nil, err
}
