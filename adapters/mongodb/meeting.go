package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// meeting is a reservation that is to be moved, with what decides whether that is allowed.
type meeting struct {
	*asked
	reservations.Reservation
	other   seen // the other participant, as the one who moves it sees them
	clashes bool // the local has another accepted reservation at that time; not read behind mongos
}

// meet reads what the outcome of a move depends on, the session with which the unit begins
// included. It returns errNone if the move is not allowed.
func (t *txn) meet(ctx context.Context, m *move) (*meeting, error) {
	read := t.meetTogether
	if t.store.sharded {
		read = t.meetApart
	}
	there, err := read(ctx, m)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = errNone
	}
	if err != nil {
		return nil, err
	}
	r := there.Reservation
	s := there.standing(messaging.Conversation{ID: r.ConversationID, VoyagerID: r.VoyagerID, LocalID: r.LocalID})
	if !m.Allows(r, s) || there.clashes || t.present != nil && !there.isOpen(t.present) {
		return nil, errNone
	}
	there.other.sight.Active, there.other.sight.Blocked = there.active[there.other.account.ID], s.Blocked
	return there, nil
}

// meetTogether reads everything in one command, with which the transaction begins. So if another
// unit writes the reservation or the calendar of the local from then on, the transaction conflicts.
func (t *txn) meetTogether(ctx context.Context, m *move) (*meeting, error) {
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	by := uuid(m.By)
	standing := d("$project", d("name", 1, "is_active", 1, "blocks", blocksAmong("$$people")))
	stages := []bson.D{
		d("$match", d("_id", uuid(m.Reservation))),
		d("$addFields", d("other_id", d("$cond", bson.A{d("$eq", bson.A{"$voyager_id", by}), "$local_id", "$voyager_id"}))),
		lookingUpWith(d("people", "$participants"), usersIn, "people", d("$match", d("_id", by)), standing),
		lookingUpWith(d("other", "$other_id", "people", "$participants"), usersIn, "other",
			matchingVariable("_id", "other"), standing),
		lookingUpWith(d("other", "$other_id"), profilesIn, "profile", matchingVariable("user_id", "other"),
			d("$project", seenProfile)),
		lookingUpWith(d("pair", d("user_id", "$other_id", "reader_id", by)), correspondentsIn, "wrote",
			matchingVariable("_id", "pair")),
	}
	if m.to == reservations.Accepted {
		stages = append(stages, lookingUpWith(
			d("reservation", "$_id", "local", "$local_id", "begin", "$date", "end", "$end_date"), reservationsIn, "clashes",
			d("$match", d("status", string(reservations.Accepted), "$expr", d("$and", bson.A{
				d("$eq", bson.A{"$local_id", "$$local"}), d("$lt", bson.A{"$date", "$$end"}),
				d("$gt", bson.A{"$end_date", "$$begin"}), d("$ne", bson.A{"$_id", "$$reservation"}),
			}))), d("$limit", int64(1)), d("$project", d("_id", 1))))
	}
	if t.present != nil {
		stages = append(stages, lookingUp(sessionsIn, "session", d("_id", uuid(t.present.Session)), nil))
	}
	found, err := aggregate(ctx, t, scanMeeting, reservationsIn, stages...)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, mongo.ErrNoDocuments
	}
	return found[0], nil
}

func scanMeeting(r *record) *meeting {
	there := &meeting{asked: newAsked(), Reservation: bookings.scan(r)}
	there.scanPeople(r)
	there.scanSessions(r)
	for _, user := range r.list("other") {
		there.scanPerson(user)
		there.other.account = users.User{ID: user.id("_id"), Name: user.text("name")}
		r.fail("other", user.err)
	}
	for _, profile := range r.list("profile") {
		there.other.scanProfile(profile)
		r.fail("profile", profile.err)
	}
	there.other.sight.Wrote = len(r.list("wrote")) > 0
	there.clashes = len(r.list("clashes")) > 0
	return there
}

// meetApart reads the reservation, and then the rest in commands that are sent at the same time:
// sharded collections cannot be looked up. It reads outside of the transaction, as the steps do.
// The accepted reservations of the local are read when the calendar is held: see reserve.
func (t *txn) meetApart(ctx context.Context, m *move) (*meeting, error) {
	r, err := find(ctx, t, bookings.scan, query{in: reservationsIn, filter: d("_id", uuid(m.Reservation))})
	if err != nil {
		return nil, err
	}
	if !r.Has(m.By) {
		return nil, errNone
	}
	a, asking := newAsking(ctx)
	defer a.stop()
	there := &meeting{asked: a, Reservation: r}
	other := messaging.Conversation{VoyagerID: r.VoyagerID, LocalID: r.LocalID}.Other(m.By)
	people := []id.User{m.By, other}
	a.find(asking, t, usersIn, func(user *record) bool {
		if user.id("_id") == other {
			there.other.account = users.User{ID: other, Name: user.text("name")}
		}
		return a.scanPerson(user)
	}, d("_id", d("$in", uuids(people))), append(standingFields(people), d("name", 1)...))
	a.find(asking, t, profilesIn, there.other.scanProfile, d("user_id", uuid(other)), seenProfile)
	a.find(asking, t, correspondentsIn, func(*record) bool {
		there.other.sight.Wrote = true
		return true
	}, d("_id", correspondentKey(matching.Correspondent{UserID: other, ReaderID: m.By})), nil)
	if t.present != nil {
		a.find(asking, t, sessionsIn, a.scanSession, d("_id", uuid(t.present.Session)), nil)
	}
	return there, a.wait()
}
