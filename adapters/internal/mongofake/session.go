package mongofake

import (
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

type txnState int

const (
	noTransaction txnState = iota // no transaction was begun, or the number belongs to a retryable write
	inProgress
	committed
	aborted
)

// session is a logical session: its newest transaction number, and the state of that transaction.
type session struct {
	checkout chan struct{} // holds one token while a command with a number runs
	number   int64
	state    txnState
	txn      *txn
	expiry   *time.Timer
	done     map[int]bson.D // the results of the retryable write's statements that took effect
}

func (s *store) session(id string) *session {
	sess, ok := s.sessions[id]
	if !ok {
		sess = &session{checkout: make(chan struct{}, 1), number: -1}
		s.sessions[id] = sess
	}
	return sess
}

// abort aborts the open transaction, if there is one.
func (sess *session) abort() {
	if sess.state == inProgress {
		sess.end(aborted)
		sess.txn.abort()
	}
}

func (sess *session) end(state txnState) {
	sess.state = state
	sess.expiry.Stop()
	sess.txn.store.closeCursors(sess.txn)
}

// renumber moves to a newer transaction number. It aborts a transaction that is open under the old one.
func (sess *session) renumber(number int64) {
	sess.abort()
	sess.number, sess.state, sess.txn, sess.done = number, noTransaction, nil, map[int]bson.D{}
}

// resume prepares a session for a command with a transaction number. It begins the transaction if the
// command asks for that, and returns an error if the number does not fit the session's state.
func (s *Server) resume(sess *session, c *command) error {
	number := *c.txnNumber
	switch {
	case number < sess.number:
		return fail(codeTransactionTooOld, "Cannot start transaction %d because a newer transaction %d has already started",
			number, sess.number)
	case !c.transactional():
		if number > sess.number {
			sess.renumber(number)
		} else if sess.state != noTransaction {
			return fail(codeInvalidOptions,
				"Must specify autocommit=false on all operations of a multi-statement transaction.")
		}
		return nil
	case c.startTransaction:
		if number == sess.number {
			return fail(codeOperationInProgress,
				"Only servers in a sharded cluster can start a new transaction at the active transaction number")
		}
		sess.renumber(number)
		s.open(sess)
		return nil
	case number != sess.number || sess.state == noTransaction:
		return fail(codeNoSuchTransaction,
			"Given transaction number %d does not match any in-progress transactions", number)
	case sess.state == aborted:
		return fail(codeNoSuchTransaction, "Transaction %d has been aborted.", number)
	case sess.state == committed && c.name != "commitTransaction":
		return fail(codeTransactionCommitted, "Transaction %d has been committed.", number)
	}
	return nil
}

// open begins a transaction, which is aborted if it is still open at the end of its lifetime.
func (s *Server) open(sess *session) {
	t := s.store.begin()
	if s.mongos != nil {
		t.at = max(s.mongos.knows, s.store.cluster.catalog)
	}
	sess.txn, sess.state = t, inProgress
	sess.expiry = time.AfterFunc(s.config.TransactionLifetime, func() {
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		if sess.txn == t {
			sess.abort()
		}
	})
}

func commitTransaction(c *call) (bson.D, error) {
	if c.session.state == inProgress {
		c.session.end(committed)
		c.txn.commit()
	}
	return bson.D{}, nil
}

func abortTransaction(c *call) (bson.D, error) {
	c.session.abort()
	return bson.D{}, nil
}

// endSessions removes sessions and aborts their open transactions.
func endSessions(c *call) (bson.D, error) {
	list, ok := c.body[0].Value.(bson.A)
	if !ok {
		return nil, c.wrong(c.name, c.body[0].Value, "array")
	}
	for _, item := range list {
		d, ok := item.(bson.D)
		if !ok {
			return nil, c.wrong(c.name, item, "object")
		}
		id := newCommand(&message{body: bson.D{{Key: "lsid", Value: d}}}).session
		if sess, ok := c.store.sessions[id]; ok {
			sess.abort()
			delete(c.store.sessions, id)
		}
	}
	return bson.D{}, nil
}
