package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var correspondents = tableOf(ports.CorrespondentLayout)

// blocking is the condition that one user blocks another.
func blocking(user, blocked statement) statement {
	return "EXISTS (SELECT 1 FROM @blocks WHERE blocks.user_id = " + user + " AND blocked_user_id = " + blocked + ")"
}

// eitherBlocks is the condition that one of two users blocks the other.
func eitherBlocks(a, b statement) statement {
	return "(" + blocking(a, b) + " OR " + blocking(b, a) + ")"
}

// The row other of users, with the row of its profile, as the viewer $1 sees it: the columns that
// scanSight and scanPerson read.
var (
	sightOf  = sightBy("$1")
	personOf = personBy("$1")

	fromOther statement = "FROM @users AS other LEFT JOIN @profiles ON profiles.user_id = other.id"
)

func sightBy(viewer statement) statement {
	return "other.is_active, " + eitherBlocks(viewer, "other.id") + `, coalesce(profiles.is_searchable, false),
		EXISTS (SELECT 1 FROM @correspondents WHERE correspondents.user_id = other.id AND reader_id = ` + viewer + ")"
}

func personBy(viewer statement) statement {
	return "other.id, other.name, profiles.first_name, profiles.image_url, " + sightBy(viewer)
}

func scanSight(r *row, s *matching.Sight) {
	s.Active, s.Blocked, s.Searchable, s.Wrote = r.bool(), r.bool(), r.bool(), r.bool()
}

func scanPerson(r *row, p *matching.Person) { *p, _ = personWithSight(r) }

func personWithSight(r *row) (matching.Person, matching.Sight) {
	account := users.User{ID: r.id(), Name: r.text()}
	profile := matching.Profile{FirstName: r.text(), ImageURL: r.text()}
	var sight matching.Sight
	scanSight(r, &sight)
	return sight.Person(account, profile), sight
}

func (repo matchingRepository) Sight(
	ctx context.Context, viewer, user id.User,
) (sight matching.Sight, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := list(ctx, c, scanSight, "SELECT "+sightOf+" "+fromOther+" WHERE other.id = $2", uuid(viewer), uuid(user))
		if len(found) > 0 {
			sight = found[0]
		}
		return err
	})
	return sight, err
}

func (repo matchingRepository) People(
	ctx context.Context, viewer id.User, ids ...id.User,
) (people []matching.Person, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		people, err = list(ctx, c, scanPerson,
			"SELECT "+personOf+" "+fromOther+" WHERE other.id = ANY($2)", uuid(viewer), uuids(ids))
		return err
	})
	return people, err
}

func (repo matchingRepository) AddCorrespondent(ctx context.Context, pair matching.Correspondent) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(correspondents.insert+" ON CONFLICT (user_id, reader_id) DO NOTHING", correspondents.args(pair)...)
		return nil
	})
}
