package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
)

const profileColumns = `profiles.id, profiles.user_id, profiles.first_name, profiles.last_name, profiles.age::bigint, profiles.biography,
	profiles.country, profiles.city, profiles.image_url, profiles.is_searchable`

func scanProfile(r *row) matching.Profile {
	return matching.Profile{
		ID: r.id(), UserID: r.id(), FirstName: r.text(), LastName: r.text(), Age: int(r.int()), Biography: r.text(),
		Country: r.text(), City: r.text(), ImageURL: r.text(), IsSearchable: r.bool(),
	}
}

const interestColumns = "interests.id, interests.name, interests.icon, interests.is_active"

func scanInterest(r *row) matching.Interest {
	return matching.Interest{ID: r.id(), Name: r.text(), Icon: r.text(), IsActive: r.bool()}
}

type matchingRepository struct{ *unit }

// Profile reads everything in one statement: a row for each interest, or one without.
func (r matchingRepository) Profile(ctx context.Context, user id.User) (p matching.Profile, interests []matching.Interest, err error) {
	err = r.read(ctx, func(c *conn) error {
		linked, err := list(ctx, c, func(r *row) matching.Interest {
			p = scanProfile(r)
			return scanInterest(r)
		}, "SELECT "+profileColumns+", "+interestColumns+` FROM @profiles
			LEFT JOIN @profile_interests ON profile_id = profiles.id LEFT JOIN @interests ON interests.id = interest_id
			WHERE user_id = $1 ORDER BY name_folded, interests.id`, uuid(user))
		switch {
		case err != nil:
			return err
		case len(linked) == 0:
			return notFound("a profile")
		case !linked[0].ID.IsZero():
			interests = linked
		}
		return nil
	})
	return p, interests, err
}

func (r matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return r.write(ctx, func(c *conn) error {
		kept, err := find(ctx, c, func(r *row) id.Profile { return r.id() }, `INSERT INTO @profiles
			(id, user_id, first_name, last_name, age, biography, country, country_folded, city, city_folded, image_url, is_searchable)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (user_id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name, age = excluded.age,
				biography = excluded.biography, country = excluded.country, country_folded = excluded.country_folded,
				city = excluded.city, city_folded = excluded.city_folded, image_url = excluded.image_url,
				is_searchable = excluded.is_searchable
			RETURNING id`,
			uuid(p.ID), uuid(p.UserID), textOrNull(p.FirstName), textOrNull(p.LastName), intOrNull(p.Age), textOrNull(p.Biography),
			textOrNull(p.Country), text.Fold(p.Country), textOrNull(p.City), text.Fold(p.City), textOrNull(p.ImageURL), p.IsSearchable)
		if err != nil {
			return err
		}
		c.later("DELETE FROM @profile_interests WHERE profile_id = $1", uuid(kept))
		c.later("INSERT INTO @profile_interests (profile_id, interest_id) SELECT DISTINCT $1::uuid, unnest($2::uuid[])",
			uuid(kept), uuids(interests))
		return nil
	})
}

func (r matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return r.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @profiles WHERE user_id = $1", uuid(user)) // and with it its links
		return nil
	})
}

func (r matchingRepository) Interests(ctx context.Context, ids ...id.Interest) (all []matching.Interest, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, scanInterest,
			"SELECT "+interestColumns+" FROM @interests WHERE id = ANY($1) ORDER BY name_folded, id", uuids(ids))
		return err
	})
	return all, err
}

func (r matchingRepository) AllInterests(ctx context.Context, activeOnly bool, last *matching.NamePlace, limit int) (all []matching.Interest, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		from := matching.NamePlace{}
		if last != nil {
			from = *last
		}
		all, err = list(ctx, c, scanInterest, "SELECT "+interestColumns+` FROM @interests
			WHERE (name_folded, id) > ($1, $2) AND is_active >= $3 ORDER BY name_folded, id LIMIT $4`,
			from.Folded, uuid(from.ID), activeOnly, limited(limit))
		return err
	})
	return all, err
}

func (r matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `INSERT INTO @interests (id, name, name_folded, icon, is_active) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name_folded) DO NOTHING`, uuid(i.ID), i.Name, text.Fold(i.Name), textOrNull(i.Icon), i.IsActive)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r matchingRepository) HoldInterest(ctx context.Context, interest id.Interest) (i matching.Interest, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		i, err = find(ctx, c, scanInterest, "SELECT "+interestColumns+" FROM @interests WHERE id = $1 FOR NO KEY UPDATE", uuid(interest))
		return orNotFound(err, "an interest")
	})
	return i, err
}

// SaveInterest meets another unit that takes the name at the same moment in the constraint: errors.go.
func (r matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		folded := text.Fold(i.Name)
		taken, err := find(ctx, c, (*row).bool,
			"SELECT EXISTS (SELECT 1 FROM @interests WHERE name_folded = $1 AND id <> $2)", folded, uuid(i.ID))
		if err != nil || taken {
			return err
		}
		n, err := c.exec(ctx, "UPDATE @interests SET name = $1, name_folded = $2, icon = $3, is_active = $4 WHERE id = $5",
			i.Name, folded, textOrNull(i.Icon), i.IsActive, uuid(i.ID))
		if err == nil && n == 0 {
			err = notFound("an interest")
		}
		saved = n == 1
		return err
	})
	return saved && err == nil, err
}
