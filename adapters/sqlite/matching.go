package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
)

const profileColumns = `profiles.id, profiles.user_id, profiles.first_name, profiles.last_name, profiles.age, profiles.biography,
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

func (r matchingRepository) Profile(ctx context.Context, user id.User) (p matching.Profile, interests []matching.Interest, err error) {
	err = r.together(ctx, func(c *conn) (err error) {
		p, err = find(ctx, c, scanProfile, "SELECT "+profileColumns+" FROM profiles WHERE user_id = ?", blob(user))
		if err != nil {
			return orNotFound(err, "a profile")
		}
		interests, err = list(ctx, c, scanInterest, "SELECT "+interestColumns+` FROM profile_interests
			JOIN interests ON interests.id = interest_id WHERE profile_id = ? ORDER BY name_folded, interests.id`, blob(p.ID))
		return err
	})
	return p, interests, err
}

func (r matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return r.write(ctx, func(c *conn) error {
		kept, err := find(ctx, c, func(r *row) id.Profile { return r.id() }, `INSERT INTO profiles
			(id, user_id, first_name, last_name, age, biography, country, country_folded, city, city_folded, image_url, is_searchable)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (user_id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name, age = excluded.age,
				biography = excluded.biography, country = excluded.country, country_folded = excluded.country_folded,
				city = excluded.city, city_folded = excluded.city_folded, image_url = excluded.image_url,
				is_searchable = excluded.is_searchable
			RETURNING id`,
			blob(p.ID), blob(p.UserID), textOrNull(p.FirstName), textOrNull(p.LastName), intOrNull(p.Age), textOrNull(p.Biography),
			textOrNull(p.Country), text.Fold(p.Country), textOrNull(p.City), text.Fold(p.City), textOrNull(p.ImageURL), p.IsSearchable)
		if err != nil {
			return err
		}
		if _, err := c.exec(ctx, "DELETE FROM profile_interests WHERE profile_id = ?", blob(kept)); err != nil {
			return err
		}
		_, err = c.exec(ctx, `INSERT INTO profile_interests (profile_id, interest_id)
			SELECT DISTINCT ?, unhex(value) FROM json_each(?)`, blob(kept), hexes(interests))
		return err
	})
}

func (r matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM profiles WHERE user_id = ?", blob(user)) // and with it its links
		return err
	})
}

func (r matchingRepository) Interests(ctx context.Context, ids ...id.Interest) (all []matching.Interest, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, scanInterest, "SELECT "+interestColumns+` FROM interests
			WHERE id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY name_folded, id`, hexes(ids))
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
		all, err = list(ctx, c, scanInterest, "SELECT "+interestColumns+` FROM interests
			WHERE (name_folded, id) > (?, ?) AND is_active >= ? ORDER BY name_folded, id LIMIT ?`,
			from.Folded, blob(from.ID), activeOnly, limited(limit))
		return err
	})
	return all, err
}

func (r matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `INSERT INTO interests (id, name, name_folded, icon, is_active) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (name_folded) DO NOTHING`, blob(i.ID), i.Name, text.Fold(i.Name), textOrNull(i.Icon), i.IsActive)
		created = n == 1
		return err
	})
	return created && err == nil, err
}

func (r matchingRepository) HoldInterest(ctx context.Context, interest id.Interest) (i matching.Interest, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		i, err = find(ctx, c, scanInterest, "SELECT "+interestColumns+" FROM interests WHERE id = ?", blob(interest))
		return orNotFound(err, "an interest")
	})
	return i, err
}

func (r matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = r.write(ctx, func(c *conn) error {
		folded := text.Fold(i.Name)
		taken, err := find(ctx, c, (*row).bool,
			"SELECT EXISTS (SELECT 1 FROM interests WHERE name_folded = ? AND id <> ?)", folded, blob(i.ID))
		if err != nil || taken {
			return err
		}
		n, err := c.exec(ctx, "UPDATE interests SET name = ?, name_folded = ?, icon = ?, is_active = ? WHERE id = ?",
			i.Name, folded, textOrNull(i.Icon), i.IsActive, blob(i.ID))
		if err == nil && n == 0 {
			err = notFound("an interest")
		}
		saved = n == 1
		return err
	})
	return saved && err == nil, err
}
