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

// eitherBlocks is the condition that one of two users blocks the other. A single look into an index
// answers it.
func eitherBlocks(a, b statement) statement {
	return "EXISTS (SELECT 1 FROM @blocks WHERE blocks.user_id IN (" + a + ", " + b + ") AND blocked_user_id IN (" + a + ", " + b + "))"
}

const fromOther statement = "FROM @users AS other LEFT JOIN @profiles ON profiles.user_id = other.id"

// seenBy has columns of the row other of users, with the row of its profile, as a viewer sees it.
// There are two conditions on blocks, and not eitherBlocks, so that for many others the server can
// read the blocks of the viewer once for each condition.
func seenBy(viewer statement) statement {
	return seen("other.is_active", blocking(viewer, "other.id"), blocking("other.id", viewer))
}

func seen(active, blocks, blocked statement) statement {
	return active + ", " + blocks + ", " + blocked + ", coalesce(profiles.is_searchable, false)"
}

func wroteTo(viewer, other statement) statement {
	return "EXISTS (SELECT 1 FROM @correspondents WHERE correspondents.user_id = " + other + " AND reader_id = " + viewer + ")"
}

// sightBy has the columns that scanSight reads.
func sightBy(viewer statement) statement { return seenBy(viewer) + ", " + wroteTo(viewer, "other.id") }

// personBy has the columns that scanPerson reads.
func personBy(viewer statement) statement {
	return person("other.id", "other.name", seenBy(viewer), wroteTo(viewer, "other.id"))
}

// personAmong is personBy for many people, whose ids are the column other. It reads an account only
// if the profile cannot be found, or has no first name. The blocks of the viewer are read once,
// into arrays, which are faster than hash tables here.
func personAmong(viewer, other statement) statement {
	account := func(column statement) statement {
		return "(SELECT " + column + " FROM @users WHERE users.id = " + other + ")"
	}
	return person(other, "CASE WHEN profiles.first_name <> '' THEN NULL ELSE "+account("name")+" END",
		seen("CASE WHEN profiles.findable THEN true ELSE "+account("is_active")+" END",
			other+" = ANY(ARRAY(SELECT blocked_user_id FROM @blocks WHERE blocks.user_id = "+viewer+"))",
			other+" = ANY(ARRAY(SELECT blocks.user_id FROM @blocks WHERE blocked_user_id = "+viewer+"))"),
		wroteTo(viewer, other))
}

// person has the columns of a person. Whether the other has written makes no difference to a person
// with a searchable profile, and the name of the account none to one whose profile has a name.
func person(other, name, seen, wrote statement) statement {
	return other + ", " + name + ", profiles.first_name, profiles.image_url, " + seen +
		", CASE WHEN profiles.is_searchable THEN false ELSE " + wrote + " END"
}

func scanSight(r *row, s *matching.Sight) { *s, _ = sightWithBlock(r) }

// sightWithBlock also returns whether it is the viewer who blocks the other.
func sightWithBlock(r *row) (s matching.Sight, blocks bool) {
	s.Active = r.bool()
	blocks, blocked := r.bool(), r.bool()
	s.Blocked, s.Searchable, s.Wrote = blocks || blocked, r.bool(), r.bool()
	return s, blocks
}

func scanPerson(r *row, p *matching.Person) { *p, _, _ = personWithSight(r) }

// personWithSight returns a person, and what sightWithBlock does.
func personWithSight(r *row) (matching.Person, matching.Sight, bool) {
	account := users.User{ID: r.id(), Name: r.text()}
	profile := matching.Profile{FirstName: r.text(), ImageURL: r.text()}
	sight, blocks := sightWithBlock(r)
	return sight.Person(account, profile), sight, blocks
}

func (repo matchingRepository) Sight(
	ctx context.Context, viewer, user id.User,
) (sight matching.Sight, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := list(ctx, c, scanSight, "SELECT "+sightBy("$1")+" "+fromOther+" WHERE other.id = $2", uuid(viewer), uuid(user))
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
			"SELECT "+personBy("$1")+" "+fromOther+" WHERE other.id "+oneOf("$2", "uuid"), uuid(viewer), uuids(ids))
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
