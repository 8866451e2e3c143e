package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// asked has the results of the queries of a send or a move about its participants: whether they are
// active, block each other, and are signed in. Most of the queries run outside of the transaction, at
// the same time as its commands. If a block or a deactivation is committed meanwhile, it may have no
// effect, because nothing locks these documents. The steps do not lock them either. The fields are
// set when wait has returned nil.
type asked struct {
	active   map[id.User]bool
	blocking map[id.User]bool // who blocks one of the others
	sessions map[id.Session]users.Session
	used     map[recordName]bool // the keys that have a record

	stop    func() // ends the queries, and waits for them
	pending int
	answers chan error
}

// recordName is the owner of a key, and the key.
type recordName struct {
	owner string
	key   idempotency.Key
}

func newAsked() *asked {
	return &asked{
		active: map[id.User]bool{}, blocking: map[id.User]bool{}, sessions: map[id.Session]users.Session{}, used: map[recordName]bool{},
	}
}

// newAsking returns an asked, and the context for its queries, which stop ends.
func newAsking(ctx context.Context) (*asked, context.Context) {
	const most = 4 // queries
	a := newAsked()
	a.answers = make(chan error, most)
	ctx, cancel := context.WithCancel(ctx)
	a.stop = func() {
		cancel()
		_ = a.wait() // the results are not used
	}
	return a, ctx
}

// ask sends the queries for parcels, each of which stands for itself.
func (t *txn) ask(ctx context.Context, all ...*parcel) *asked {
	var people []id.User
	var open []id.Session
	var keys bson.A
	for _, p := range all {
		people = append(people, p.sender(), p.other())
		if p.present != nil {
			open = append(open, p.present.Session)
		}
		if p.Record != nil && len(all) > 1 { // one that is sent alone inserts its record first
			keys = append(keys, recordID(p.Record.Owner, p.Record.Key))
		}
	}
	a, ctx := newAsking(ctx)
	if len(all) == 1 && len(open) == 1 && !t.store.sharded { // without the session the people do not matter
		a.query(ctx, t, sessionsIn, func(r *record) bool {
			a.scanPeople(r)
			return a.scanSession(r)
		}, func(ctx context.Context, in *mongo.Collection) (*mongo.Cursor, error) {
			return in.Aggregate(ctx, mongo.Pipeline{d("$match", d("_id", uuid(open[0]))), lookingUpStanding(people)})
		})
		return a
	}
	a.find(ctx, t, usersIn, a.scanPerson, d("_id", d("$in", uuids(people))), standingFields(people))
	if len(open) > 0 {
		a.find(ctx, t, sessionsIn, a.scanSession, d("_id", d("$in", uuids(open))), nil)
	}
	if len(keys) > 0 {
		a.find(ctx, t, idempotencyIn, func(r *record) bool {
			a.used[recordName{r.text("_id.owner"), idempotency.Key(r.text("_id.key"))}] = true
			return true
		}, d("_id", d("$in", keys)), d("_id", 1))
	}
	return a
}

func (a *asked) find(ctx context.Context, t *txn, in collection, scan func(r *record) bool, filter, fields bson.D) {
	a.query(ctx, t, in, scan, func(ctx context.Context, in *mongo.Collection) (*mongo.Cursor, error) {
		o := options.Find().SetBatchSize(biggestBatch)
		if fields != nil {
			o.SetProjection(fields)
		}
		return in.Find(ctx, filter, o)
	})
}

func (a *asked) query(
	ctx context.Context, t *txn, in collection, scan func(r *record) bool,
	open func(ctx context.Context, in *mongo.Collection) (*mongo.Cursor, error),
) {
	a.pending++
	go func() {
		_, err := gather(ctx, t, nil, scan, func(ctx context.Context) (*mongo.Cursor, error) { return open(ctx, t.store.in(in)) })
		a.answers <- err
	}()
}

// wait returns when all queries have ended, with their errors.
func (a *asked) wait() (err error) {
	for ; a.pending > 0; a.pending-- {
		err = errors.Join(err, <-a.answers)
	}
	return err
}

// standingFields are the fields of users that determine their standing with each other.
func standingFields(people []id.User) bson.D {
	return d("is_active", 1, "blocks", d("$elemMatch", d("user_id", d("$in", uuids(people)))))
}

// lookingUpStanding returns a stage that adds users as the array people, with the fields of
// standingFields: here the blocks are just the ids.
func lookingUpStanding(people []id.User) bson.D {
	return lookingUp(usersIn, "people", d("_id", d("$in", uuids(people))), d("is_active", 1, "blocks", blocksAmong(uuids(people))))
}

// blocksAmong returns an expression for those of some users whom the user of a document blocks.
func blocksAmong(people any) bson.D {
	return d("$setIntersection", bson.A{d("$ifNull", bson.A{"$blocks.user_id", bson.A{}}), people})
}

func (a *asked) scanPerson(r *record) bool {
	user := id.User(r.id("_id"))
	a.active[user] = r.bool("is_active")
	a.blocking[user] = len(r.list("blocks")) > 0
	return true
}

// scanPeople reads the array people.
func (a *asked) scanPeople(r *record) {
	for _, user := range r.list("people") {
		a.scanPerson(user)
		r.fail("people", user.err)
	}
}

// scanSessions reads the array session.
func (a *asked) scanSessions(r *record) {
	for _, s := range r.list("session") {
		a.scanSession(s)
		r.fail("session", s.err)
	}
}

func (a *asked) scanSession(r *record) bool {
	s := sessions.scan(r)
	a.sessions[s.ID] = s
	return true
}

// admits reports whether it is known that the people of a parcel may talk, that the sender is
// signed in, and that no record has the key.
func (a *asked) admits(p *parcel) bool {
	for _, user := range []id.User{p.sender(), p.other()} {
		if !a.active[user] || a.blocking[user] {
			return false
		}
	}
	if p.Record != nil && a.used[recordName{p.Record.Owner, p.Record.Key}] {
		return false
	}
	return p.present == nil || a.isOpen(p.present)
}

// standing returns the standing of a conversation whose participants were asked for.
func (a *asked) standing(c messaging.Conversation) messaging.Standing {
	return messaging.Standing{
		Conversation: c, VoyagerActive: a.active[c.VoyagerID], LocalActive: a.active[c.LocalID],
		Blocked: a.blocking[c.VoyagerID] || a.blocking[c.LocalID],
	}
}

// isOpen reports whether a session is that of its user, and has not ended.
func (a *asked) isOpen(p *users.Presence) bool {
	s, found := a.sessions[p.Session]
	return found && s.UserID == p.User && p.Open.Matches(s)
}

// readTogether reads a page of messages in one command with the account of their reader and the
// session with which the unit begins. It reports false if it cannot, if there are no messages, or if
// the session does not pass: the queries then go out one by one.
func readTogether(
	ctx context.Context, t *txn, conversation id.Conversation, reader id.User, q query,
) (found bool, access messaging.Access, page []messaging.Message, err error) {
	p := t.present
	if t.store.sharded || t.mode != uow.Read || t.session != nil || q.limit <= 0 || p != nil && p.User != reader {
		return false, access, nil, nil
	}
	talk, err := findHead(ctx, t, conversation)
	if errors.Is(err, fault.NotFound) || err == nil && !talk.Has(reader) {
		return false, access, nil, nil
	}
	if err != nil {
		return false, access, nil, err
	}
	stages := []bson.D{
		d("$match", q.filter), d("$sort", q.sort), d("$limit", int64(q.limit)),
		d("$group", d("_id", nil, "page", d("$push", "$$ROOT"))),
		lookingUp(usersIn, "people", d("_id", uuid(reader)), d("is_active", 1)),
	}
	if p != nil {
		stages = append(stages, lookingUp(sessionsIn, "session", d("_id", uuid(p.Session)), nil))
	}
	a := newAsked()
	_, err = aggregate(ctx, t, func(r *record) bool {
		for _, m := range r.list("page") {
			page = append(page, messages.scan(m))
			r.fail("page", m.err)
		}
		a.scanPeople(r)
		a.scanSessions(r)
		return true
	}, q.in, stages...)
	if err != nil || len(page) == 0 || p != nil && (!a.active[p.User] || !a.isOpen(p)) {
		return false, access, nil, err
	}
	t.present = nil
	return true, messaging.Access{Other: talk.Other(reader), Active: a.active[reader]}, page, nil
}
