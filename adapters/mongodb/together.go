package mongodb

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// triesTogether is how often the transaction of a group is tried. If another process has written
// one of its documents, the server refuses the whole transaction. After the last try each member
// goes alone, so that one document in demand does not hold up the others.
const triesTogether = 2

// sendTogether sends parcels in one transaction, with one command for each collection. Each is
// sent or not for itself, and sees those before it. The whole takes no longer than a command may.
func (s *Store) sendTogether(_ struct{}, all []*parcel) []fate {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.CommandTimeout)
	defer cancel()
	for range triesTogether {
		fates, err := newTxn(s, uow.Write, time.Now()).sendGroup(ctx, all)
		if err == nil {
			return fates
		}
		if !errors.Is(err, uow.ErrConflict) {
			break
		}
	}
	return slices.Repeat([]fate{{Alone: true}}, len(all))
}

// sendGroup is one try of sendTogether. It waits for no turn: a parcel of which a document is
// already about to be written by another unit of this process goes alone. If it returns an error,
// nothing was changed.
func (t *txn) sendGroup(ctx context.Context, all []*parcel) ([]fate, error) {
	defer t.leave(ctx)
	fates, held := t.holdGroup(all)
	if len(held) == 0 {
		return fates, nil
	}
	asked := t.ask(ctx, held...)
	defer asked.stop()
	talks, payers, err := t.readGroup(ctx, held)
	if err == nil {
		err = asked.wait()
	}
	if err != nil {
		return nil, err
	}
	l := &load{}
	for i, p := range all {
		if fates[i].Alone {
			continue
		}
		talk, payer := talks[p.talk.ID], payers[p.sender()]
		if !asked.admits(p) || !talk.admits(t.store, p) || !payer.pays(p) {
			fates[i].Err = errNone
			continue
		}
		fates[i].Result = talk.advance(p)
		l.add(t, p, fates[i].Result, payer.line)
	}
	if len(l.messages) == 0 {
		return fates, nil
	}
	if err := l.sendGroup(ctx, t, talks, payers); err != nil {
		return nil, err
	}
	switch err := t.commit(ctx); {
	case errors.Is(err, uow.ErrOutcomeUnknown):
		for i, f := range fates {
			if f == (fate{Result: f.Result}) {
				fates[i].Err = err
			}
		}
		return fates, nil
	case err != nil:
		return nil, err
	}
	for _, c := range t.correspondents {
		t.store.correspondents.put(c, struct{}{})
	}
	return fates, nil
}

// holdGroup takes the turns of parcels, and returns those that got theirs. The fates of the others
// are Alone.
func (t *txn) holdGroup(all []*parcel) (fates []fate, held []*parcel) {
	fates, keys := make([]fate, len(all)), map[recordName]bool{}
	for i, p := range all {
		if p.Record != nil {
			name := recordName{p.Record.Owner, p.Record.Key}
			if keys[name] { // the command of another member of the group
				fates[i].Alone = true
				continue
			}
			keys[name] = true
		}
		for _, name := range p.turns() {
			if slices.Contains(t.turns, name) {
				continue
			}
			if !t.store.turns.try(name) {
				fates[i].Alone = true
				break
			}
			t.turns = append(t.turns, name)
		}
		if !fates[i].Alone {
			held = append(held, p)
		}
	}
	return fates, held
}

// groupTalk is a conversation in the transaction of a group, after the messages before.
type groupTalk struct {
	overview
	changed bool
}

// groupWallet is a wallet in the transaction of a group, after the payments before.
type groupWallet struct {
	ports.Wallet
	changed bool
	line    tokens.Transaction // the last payment
}

// readGroup reads the conversations and the wallets of parcels in the transaction. If another unit
// writes one of them before the group does, the transaction conflicts.
func (t *txn) readGroup(ctx context.Context, all []*parcel) (map[id.Conversation]*groupTalk, map[id.User]*groupWallet, error) {
	talks, payers := map[id.Conversation]*groupTalk{}, map[id.User]*groupWallet{}
	var in, of bson.A
	for _, p := range all {
		if _, named := talks[p.talk.ID]; !named {
			talks[p.talk.ID] = nil
			in = append(in, uuid(p.talk.ID))
		}
		if _, named := payers[p.sender()]; !named {
			payers[p.sender()] = nil
			of = append(of, uuid(p.sender()))
		}
	}
	if err := t.begin(ctx); err != nil {
		return nil, nil, err
	}
	found, err := list(ctx, t, scanOverview, query{
		in: conversationsIn, filter: d("_id", d("$in", in)), locked: true,
		fields: d("voyager_id", 1, "local_id", 1, "created_at", 1, "last_message.created_at", 1,
			"unread_voyager", 1, "unread_local", 1, "sent_voyager", 1, "sent_local", 1),
	})
	if err != nil {
		return nil, nil, err
	}
	for _, o := range found {
		talks[o.Conversation.ID] = &groupTalk{overview: o}
	}
	paying, err := list(ctx, t, wallets.scan, query{in: walletsIn, filter: d("user_id", d("$in", of)), locked: true})
	for _, w := range paying {
		payers[w.UserID] = &groupWallet{Wallet: w}
	}
	return talks, payers, err
}

// admits reports whether it is known that the sender of a parcel may write without an answer. It is
// false if there is no such conversation.
func (g *groupTalk) admits(s *Store, p *parcel) bool {
	if g == nil {
		return false
	}
	sent, answers := g.sentVoyager, g.sentLocal
	if p.sender() == p.talk.LocalID {
		sent, answers = answers, sent
	}
	if sent < p.MaxUnanswered || answers > 0 {
		return true
	}
	_, known := s.correspondents.get(matching.Correspondent{UserID: p.other(), ReaderID: p.sender()})
	return known
}

// advance makes a parcel the last message, and returns its time.
func (g *groupTalk) advance(p *parcel) time.Time {
	at := p.SentAt(g.latest())
	m := p.messageAt(at)
	g.LastMessage, g.changed = &m, true
	if p.sender() == p.talk.VoyagerID {
		g.sentVoyager++
		g.unreadLocal++
	} else {
		g.sentLocal++
		g.unreadVoyager++
	}
	return at
}

// pays takes the payment of a parcel from the wallet. It reports whether that is possible.
func (g *groupWallet) pays(p *parcel) bool {
	if g == nil || g.Closed {
		return false
	}
	line, err := p.Payment.Apply(g.Balance, g.Seq)
	if err != nil {
		return false
	}
	g.line, g.Balance, g.Seq, g.changed = line, line.BalanceAfter, line.Seq, true
	return true
}

// load is what parcels add to the collections.
type load struct {
	records, ledger, messages, outbox, pairs []mongo.WriteModel
}

// add adds a parcel with the time of its message and its payment.
func (l *load) add(t *txn, p *parcel, at time.Time, payment tokens.Transaction) {
	if p.Record != nil {
		l.records = append(l.records, insertingRecord(*p.Record))
	}
	l.ledger = append(l.ledger, inserting(transactions.doc(payment)))
	l.messages = append(l.messages, inserting(messages.doc(p.messageAt(at))))
	for _, e := range p.Events(payment, at, p.other()) {
		l.outbox = append(l.outbox, inserting(outbox.doc(e)))
	}
	pair := matching.Correspondent{UserID: p.sender(), ReaderID: p.other()}
	if _, known := t.store.correspondents.get(pair); !known && !slices.Contains(t.correspondents, pair) {
		l.pairs = append(l.pairs, addingCorrespondent(pair))
		t.correspondents = append(t.correspondents, pair)
	}
}

// send sends all but the records.
func (l *load) send(ctx context.Context, t *txn) error {
	for _, part := range []struct {
		in     collection
		models []mongo.WriteModel
	}{{ledgerIn, l.ledger}, {messagesIn, l.messages}, {outboxIn, l.outbox}, {correspondentsIn, l.pairs}} {
		if len(part.models) == 0 {
			continue
		}
		if _, err := t.sendWrites(ctx, part.in, part.models); err != nil {
			return err
		}
	}
	return nil
}

// sendGroup sends everything of a group: first the documents that others may write, too.
func (l *load) sendGroup(
	ctx context.Context, t *txn, talks map[id.Conversation]*groupTalk, payers map[id.User]*groupWallet,
) error {
	if len(l.records) > 0 {
		if _, err := t.sendWrites(ctx, idempotencyIn, l.records); err != nil {
			return err
		}
	}
	var advanced, paid []mongo.WriteModel
	for _, g := range talks {
		if g != nil && g.changed {
			advanced = append(advanced, changing(d("_id", uuid(g.Conversation.ID)), d("$set", d(
				"last_message", messages.doc(*g.LastMessage), "activity_at", date(g.latest()),
				"sent_voyager", int64(g.sentVoyager), "sent_local", int64(g.sentLocal),
				"unread_voyager", int64(g.unreadVoyager), "unread_local", int64(g.unreadLocal)))))
		}
	}
	for _, g := range payers {
		if g != nil && g.changed {
			paid = append(paid, changing(d("user_id", uuid(g.UserID)), d("$set", d("balance", g.Balance, "seq", g.Seq))))
		}
	}
	if _, err := t.sendWrites(ctx, conversationsIn, advanced); err != nil {
		return err
	}
	if _, err := t.sendWrites(ctx, walletsIn, paid); err != nil {
		return err
	}
	return l.send(ctx, t)
}
