package mongofake

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

// call is a running command. It holds the store's lock, except while it waits.
type call struct {
	*command
	ctx     context.Context
	server  *Server
	store   *store
	session *session // nil if the command has no transaction number
	txn     *txn     // nil outside a transaction

	variables map[string]any // of the pipeline of a $lookup that is parsed
}

// handler describes how a command is run.
type handler struct {
	run       func(*call) (bson.D, error)
	check     func(*call) error // runs before the session is looked up; may be nil
	fields    []string          // the fields that the command may have, besides the generic ones; nil allows any
	strange   int32             // the code for an unknown field
	mismatch  int32             // the code for a field of the wrong type
	inside    bool              // the command may run in a transaction
	retryable bool              // the command is a write that may be repeated under its transaction number
	reads     bool              // the command may have a read concern, and no write concern
	named     bool              // the command names a collection
}

// run runs a command and returns its reply. It turns a panic into a failure.
func (s *Server) run(ctx context.Context, c *command) (reply bson.D) {
	defer func() {
		if r := recover(); r != nil {
			s.config.Printf("%s: the fake does not know a value in this command: %v", c.name, r)
			reply = fail(codeUnknownError, "%v", r).reply()
		}
	}()
	h, ok := handlers[c.name]
	if !ok {
		s.config.Printf("no such command: %q", c.name)
		return fail(codeCommandNotFound, "no such command: '%s'", c.name).reply()
	}
	c.mismatch = h.mismatch
	if c.mismatch == 0 {
		c.mismatch = codeTypeMismatch
	}
	result, err := s.execute(ctx, h, c)
	if s.mongos != nil {
		defer func() { reply = append(reply, s.times()...) }()
	}
	if err != nil {
		return s.refused(c, err).reply()
	}
	result = append(result, bson.E{Key: "ok", Value: 1.0})
	if e := c.unsatisfiable(); e != nil {
		result = append(result, bson.E{Key: "writeConcernError", Value: e})
	}
	return result
}

// refused returns err as a failure, with its error labels.
func (s *Server) refused(c *command, err error) *failure {
	var f *failure
	if !errors.As(err, &f) {
		f = fail(codeBadValue, "%v", err)
	}
	if c.transactional() && transient(f.code) {
		labelled := *f
		labelled.labels = []string{labelTransient}
		return &labelled
	}
	return f
}

func (s *Server) execute(ctx context.Context, h handler, c *command) (bson.D, error) {
	if err := s.admit(h, c); err != nil {
		return nil, err
	}
	k := &call{command: c, ctx: ctx, server: s, store: s.store}
	if h.check != nil {
		if err := h.check(k); err != nil {
			return nil, err
		}
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.mongos != nil {
		s.mongos.hears(c)
		defer k.hearFrom()
	}
	if c.txnNumber == nil {
		return h.run(k)
	}
	k.session = s.store.session(c.session)
	if err := k.await(k.session.checkout); err != nil {
		return nil, err
	}
	defer func() { <-k.session.checkout }()
	if err := s.resume(k.session, c); err != nil {
		return nil, err
	}
	if c.transactional() {
		k.txn = k.session.txn
	}
	done := false
	defer func() { // an error aborts the transaction, and so does a panic
		if !done {
			k.abort()
		}
	}()
	result, err := h.run(k)
	if err == nil && k.left() {
		err = fail(codeInterrupted, "operation was interrupted")
	}
	done = err == nil
	return result, err
}

// left reports whether the command began a transaction and its client has closed the connection. A
// server interrupts such a command, which ends the transaction.
func (c *call) left() bool {
	return c.txn != nil && c.startTransaction && c.ctx.Err() != nil
}

// abort aborts the command's transaction, if there is one.
func (c *call) abort() {
	if c.txn != nil {
		c.session.abort()
	}
}

// await waits for a turn. It releases the store's lock while it waits.
func (c *call) await(turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	default:
	}
	c.store.mu.Unlock()
	defer c.store.mu.Lock()
	select {
	case turn <- struct{}{}:
		return nil
	case <-c.ctx.Done():
		return fail(codeInterrupted, "operation was interrupted")
	}
}

// admit checks a command before its session is looked up. A command that fails here leaves its
// transaction open.
func (s *Server) admit(h handler, c *command) error {
	if h.fields != nil {
		if name, ok := (args{body: c.body[1:]}).unknown(h.fields); ok {
			s.config.Printf("%s: unknown field %q", c.name, name)
			return fail(h.strange, "BSON field '%s.%s' is an unknown field.", c.name, name)
		}
	}
	if name, ok := c.body[0].Value.(string); h.named && (!ok || name == "") {
		return fail(codeInvalidNamespace, "Invalid namespace specified '%s.%v'", c.database, c.body[0].Value)
	}
	if h.reads && c.writeConcern != nil {
		return fail(codeInvalidOptions, "Command %s does not support writeConcern", c.name)
	}
	if c.maxTimeMS < 0 {
		return fail(codeBadValue, "maxTimeMS must be non-negative")
	}
	if c.txnNumber != nil && c.session == "" {
		return fail(codeInvalidOptions, "Transaction number requires a session ID to also be specified")
	}
	if !c.transactional() {
		return s.admitPlain(h, c)
	}
	if c.txnNumber == nil {
		return fail(codeInvalidOptions, "'autocommit' field requires a transaction number to also be specified")
	}
	if c.autocommit != false {
		return fail(codeInvalidOptions, "Specifying autocommit=true is not allowed.")
	}
	ending := c.name == "commitTransaction" || c.name == "abortTransaction"
	if !h.inside {
		return fail(codeNotInTransaction, "Cannot run '%s' in a multi-document transaction.", c.name)
	}
	if !ending && slices.Contains([]string{"admin", "config", "local"}, c.database) {
		return fail(codeNotInTransaction, "Cannot run command against the '%s' database in a transaction", c.database)
	}
	if ending && c.database != "admin" {
		return fail(13, "%s may only be run against the admin database.", c.name)
	}
	if ending && c.startTransaction {
		return fail(codeNotInTransaction, "Cannot run '%s' as the first command of a transaction", c.name)
	}
	if !ending && c.writeConcern != nil {
		return fail(codeInvalidOptions, "writeConcern is not allowed within a multi-statement transaction")
	}
	if !c.startTransaction && len(c.readConcern) > 0 {
		return fail(codeInvalidOptions, "Only the first command in a transaction may specify a readConcern")
	}
	switch level := lookup(c.readConcern, "level"); level {
	case nil, "local", "majority", "snapshot":
		return nil
	default:
		return fail(codeInvalidOptions, "readConcern level %v is not allowed in a transaction", level)
	}
}

func (s *Server) admitPlain(h handler, c *command) error {
	if c.startTransaction {
		return fail(codeInvalidOptions, "Specifying startTransaction=true requires autocommit=false")
	}
	if h.inside && (c.name == "commitTransaction" || c.name == "abortTransaction") {
		return fail(codeInvalidOptions, "%s must be run within a transaction", c.name)
	}
	if c.txnNumber != nil && !h.retryable {
		return fail(50768, "txnNumber may only be provided for multi-document transactions and retryable write commands")
	}
	switch level := lookup(c.readConcern, "level"); level {
	case nil, "local":
		return nil
	case "available", "majority", "linearizable":
		if !h.reads && c.name != "aggregate" {
			return fail(codeInvalidOptions, "Command %s does not support read concern %v", c.name, level)
		}
		return nil
	case "snapshot":
		if s.config.SnapshotReads && (c.name == "find" || c.name == "aggregate") {
			return nil
		}
		return fail(codeInvalidOptions, "readConcern level snapshot is only valid in a transaction")
	default:
		return fail(codeFailedToParse, "unknown readConcern level: %v", level)
	}
}

// unsatisfiable returns the error for a write concern that one node cannot fulfil, and otherwise nil.
func (c *command) unsatisfiable() bson.D {
	w := lookup(c.writeConcern, "w")
	if n, ok := integer(w); ok && n > 1 {
		return bson.D{{Key: "code", Value: int32(100)}, {Key: "codeName", Value: codeName(100)},
			{Key: "errmsg", Value: "Not enough data-bearing nodes"}}
	}
	if name, ok := w.(string); ok && name != "majority" {
		return bson.D{{Key: "code", Value: int32(79)}, {Key: "codeName", Value: codeName(79)},
			{Key: "errmsg", Value: "No write concern mode named '" + name + "' found in replica set configuration"}}
	}
	return nil
}

// wait releases the store's lock until any transaction ends. A patient command ignores its time limit.
func (c *call) wait(patient bool) error {
	ended := c.store.ended
	c.store.mu.Unlock()
	defer c.store.mu.Lock()
	var expired <-chan time.Time
	if c.maxTimeMS > 0 && !patient {
		timer := time.NewTimer(time.Until(c.received.Add(time.Duration(c.maxTimeMS) * time.Millisecond)))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-ended:
		return nil
	case <-expired:
		return fail(codeMaxTimeMSExpired, "operation exceeded time limit")
	case <-c.ctx.Done():
		return fail(codeInterrupted, "operation was interrupted")
	}
}

// write calls do in the command's transaction. A command without one gets a transaction of its own,
// which is repeated as long as it conflicts with another.
func (c *call) write(patient func() bool, do func(*txn) error) error {
	if c.txn != nil {
		return do(c.txn)
	}
	for {
		t := c.store.begin()
		err := do(t)
		if err == nil {
			t.commit()
			return nil
		}
		t.abort()
		if !errors.Is(err, errConflict) {
			return err
		}
		if err := c.wait(patient()); err != nil {
			return err
		}
	}
}

// view returns the view in which the command reads.
func (c *call) view() view {
	if c.txn != nil {
		return c.txn.view
	}
	if at, ok := c.snapshot(); ok {
		return view{at: at}
	}
	return c.store.latest()
}

// open returns the command's collection, or nil if it does not exist.
func (c *call) open() (*collection, error) {
	coll := c.store.collections[c.namespace()]
	if coll != nil && c.txn != nil {
		return coll, c.txn.use(coll)
	}
	return coll, nil
}

// quiet waits until no transaction uses the collection. Commands that change or drop one call it first.
func (c *call) quiet(coll *collection) error {
	for c.store.busy(coll) {
		if err := c.wait(false); err != nil {
			return err
		}
		if coll.dropped {
			return fail(codeNamespaceNotFound, "ns not found: %s", coll.namespace)
		}
	}
	return nil
}
