package audit

import (
	"context"
	"iter"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// chains reads the seals beside the ledger, which is in the same order, and checks them.
type chains struct {
	*audit
	heads map[id.User]tokens.Seal // those that were not found yet

	read   func() (Record, error, bool)
	failed error
	next   tokens.Seal // the seal that was read last
	ended  bool        // there was no further seal

	last     tokens.Seal // of the present wallet; as stored if it is, so that one change is one violation
	unsealed int64       // lines of the present wallet after its last seal
}

// follow returns the chains before the first seal, and a function that ends the reading.
func (a *audit) follow(ctx context.Context) (c *chains, stop func()) {
	c = &chains{audit: a, heads: make(map[id.User]tokens.Seal, len(a.heads))}
	for _, head := range a.heads {
		c.heads[head.UserID] = head
	}
	c.read, stop = iter.Pull2(a.records.Each(ctx, "ledger_seals"))
	c.advance()
	return c, stop
}

// advance reads the next seal, and compares it with its head if it has one.
func (c *chains) advance() {
	row, err, more := c.read()
	if !more || err != nil || c.failed != nil {
		c.ended = true
		if c.failed == nil {
			c.failed = err
		}
		return
	}
	r := record{row, "ledger_seals", &c.failed}
	c.next = tokens.Seal{UserID: r.id("user_id"), Seq: r.int("seq")}
	copy(c.next.Hash[:], value[[]byte](r, "hash"))
	if head, given := c.heads[c.next.UserID]; given && head.Seq == c.next.Seq {
		delete(c.heads, head.UserID)
		if head.Hash != c.next.Hash {
			c.broken("ledger_head", head.UserID, "the seal of transaction %d is not the given one", head.Seq)
		}
	}
}

// check checks the seal of a line, if it has one, and the seals before it, whose lines are missing.
func (c *chains) check(line tokens.Transaction) {
	c.skipTo(line.UserID, line.Seq)
	if c.last.UserID != line.UserID {
		c.turn(line.UserID)
	}
	want := c.last.Next(line)
	if c.ended || c.next.UserID != line.UserID || c.next.Seq != line.Seq {
		c.last = want
		c.unsealed++
		return
	}
	if c.unsealed > 0 {
		c.broken("ledger_gap", line.UserID, "transaction %d is sealed, and %d before it are not", line.Seq, c.unsealed)
		c.unsealed = 0
	}
	if c.next.Hash != want.Hash {
		c.broken("ledger_seal", line.UserID, "transaction %d is not as it was sealed, or does not follow the one before it", line.Seq)
	}
	c.last = c.next
	c.advance()
}

// skipTo reads the seals before that of a line.
func (c *chains) skipTo(user id.User, seq int64) {
	for !c.ended {
		if order := c.next.UserID.Compare(user); order > 0 || order == 0 && c.next.Seq >= seq {
			return
		}
		c.orphan()
	}
}

// orphan reports a seal without its line.
func (c *chains) orphan() {
	if c.last.UserID != c.next.UserID {
		c.turn(c.next.UserID)
	}
	c.broken("ledger_seal", c.next.UserID, "transaction %d was sealed and does not exist", c.next.Seq)
	c.last, c.unsealed = c.next, 0
	c.advance()
}

// turn ends the chain of one wallet, and begins that of another.
func (c *chains) turn(user id.User) {
	c.found.Unsealed += c.unsealed
	c.last, c.unsealed = tokens.Seal{UserID: user}, 0
}

// end checks the seals after the last line, and reports the heads that were not found.
func (c *chains) end() error {
	for !c.ended {
		c.orphan()
	}
	c.turn(id.User{})
	for _, user := range inOrder(c.heads) {
		c.broken("ledger_head", user, "the chain has no seal of transaction %d", c.heads[user].Seq)
	}
	return c.failed
}
