package porttest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// continues returns ErrTooFewTokens without ending the unit.
type continues struct{ tokens.Repository }

func (r continues) Post(ctx context.Context, entries ...tokens.Entry) ([]tokens.Receipt, error) {
	for _, e := range entries {
		w, err := r.Wallet(ctx, e.UserID)
		if err == nil && w.Balance+e.Amount < 0 && !e.UpToBalance {
			return nil, tokens.ErrTooFewTokens
		}
	}
	return r.Repository.Post(ctx, entries...)
}

// claimsNothing reads the record of a key without holding the key.
type claimsNothing struct{ *late }

func (r claimsNothing) Claim(ctx context.Context, owner string, key idempotency.Key) (idempotency.Record, error) {
	if r.begun != nil {
		return r.begun.Idempotency().Claim(ctx, owner, key)
	}
	return apart(ctx, r.store, func(ctx context.Context, tx ports.Tx) (idempotency.Record, error) {
		return tx.Idempotency().Claim(ctx, owner, key)
	})
}

func (r claimsNothing) Save(ctx context.Context, record idempotency.Record) error {
	sound := r.begin().Idempotency()
	if _, err := sound.Claim(ctx, record.Owner, record.Key); !errors.Is(err, fault.NotFound) {
		return err // if another unit was first, its record stays
	}
	return sound.Save(ctx, record)
}

func (r claimsNothing) Forget(ctx context.Context, owner string) error {
	return r.begin().Idempotency().Forget(ctx, owner)
}

func (r claimsNothing) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	return r.begin().Idempotency().Purge(ctx, before, limit)
}

// unheldTx does not hold the account that a unit with a key holds first.
type unheldTx struct {
	lateTx
	claiming bool
}

func (t *unheldTx) Idempotency() idempotency.Repository {
	t.claiming = true
	return claimsNothing{t.late}
}

func (t *unheldTx) Users() users.Repository {
	if t.claiming && t.begun == nil {
		return unheld{late: t.late}
	}
	return t.begin().Users()
}

type unheld struct {
	users.Repository // none of its methods is used
	*late
}

func (r unheld) User(ctx context.Context, user id.User) (users.User, error) {
	return apart(ctx, r.store, func(ctx context.Context, tx ports.Tx) (users.User, error) {
		return tx.Users().User(ctx, user)
	})
}

// Hold returns the account as it was before others erased it, once they have.
func (r unheld) Hold(ctx context.Context, user id.User) (users.User, error) {
	u, err := r.User(ctx, user)
	for end := time.Now().Add(2 * time.Second); err == nil && !u.Erased && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
		u, err = r.User(ctx, user)
	}
	u.Erased, u.IsActive = false, true
	return u, err
}

// undeposited refuses entries of the type Deposit.
type undeposited struct{ tokens.Repository }

func (r undeposited) Post(ctx context.Context, entries ...tokens.Entry) ([]tokens.Receipt, error) {
	for _, e := range entries {
		if e.Type == tokens.Deposit {
			return nil, errors.New("unknown type")
		}
	}
	return r.Repository.Post(ctx, entries...)
}

// generous accepts a debit that exceeds the balance, and takes the balance.
type generous struct{ tokens.Repository }

func (r generous) Post(ctx context.Context, entries ...tokens.Entry) ([]tokens.Receipt, error) {
	var receipts []tokens.Receipt
	for _, e := range entries {
		w, err := r.Wallet(ctx, e.UserID)
		if err != nil {
			return nil, err
		}
		e.UpToBalance = e.Amount < 0
		if e.UpToBalance && w.Balance == 0 {
			receipts = append(receipts, tokens.Receipt{Transaction: tokens.Transaction{ID: e.ID, UserID: e.UserID}})
			continue
		}
		written, err := r.Repository.Post(ctx, e)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, written...)
	}
	return receipts, nil
}

// oneByOne keeps the entries before the one that fails.
type oneByOne struct{ tokens.Repository }

func (r oneByOne) Post(ctx context.Context, entries ...tokens.Entry) ([]tokens.Receipt, error) {
	var receipts []tokens.Receipt
	for _, e := range entries {
		written, err := r.Repository.Post(ctx, e)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, written...)
	}
	return receipts, nil
}

// repeats begins a page with the last line of the one before.
type repeats struct{ tokens.Repository }

func (r repeats) Transactions(
	ctx context.Context, user id.User, below *int64, limit int,
) ([]tokens.Transaction, error) {
	if below != nil {
		again := *below + 1
		below = &again
	}
	return r.Repository.Transactions(ctx, user, below, limit)
}

// searchesMarks finds places by text.Fold, which regards accents.
type searchesMarks struct{ matching.Repository }

func (r searchesMarks) Search(ctx context.Context, q matching.Query, after *matching.Rank, limit int) ([]matching.Match, error) {
	all, err := r.Repository.Search(ctx, q, after, limit)
	return slices.DeleteFunc(all, func(m matching.Match) bool {
		return q.City.String() != "" && text.Fold(m.Profile.City).String() != q.City.String()
	}), err
}

// findsHidden finds every one of the given profiles.
type findsHidden struct{ matching.Repository }

func (r findsHidden) Among(
	ctx context.Context, q matching.Query, profiles ...id.Profile,
) ([]id.Interest, []matching.Match, error) {
	own, found, err := r.Repository.Among(ctx, q, profiles...)
	if err != nil {
		return nil, nil, err
	}
	all, err := r.Repository.Candidates(ctx, id.Profile{}, 1000)
	for _, c := range all {
		is := func(m matching.Match) bool { return m.Profile.ID == c.Profile }
		if slices.Contains(profiles, c.Profile) && !slices.ContainsFunc(found, is) {
			found = append(found, matching.Match{Profile: matching.Profile{ID: c.Profile, UserID: c.UserID}})
		}
	}
	return own, found, err
}

// listsFindable leaves out the candidates whom nobody may find.
type listsFindable struct{ matching.Repository }

func (r listsFindable) Candidates(ctx context.Context, after id.Profile, limit int) ([]matching.Candidate, error) {
	all, err := r.Repository.Candidates(ctx, after, limit)
	return slices.DeleteFunc(all, func(c matching.Candidate) bool { return !c.Findable }), err
}

// repeatsPlaces begins a page of residents with the first one of the place that the page before

// ended in.
type repeatsPlaces struct{ matching.Repository }

func (r repeatsPlaces) Residents(ctx context.Context, after *matching.Residence, limit int) ([]matching.Resident, error) {
	if after != nil {
		after = &matching.Residence{Place: after.Place}
	}
	return r.Repository.Residents(ctx, after, limit)
}

// if they were committed after its unit began.
func newUncounted(s *memory.Store) ports.Storage {
	opened := &sync.Map{}
	return handing(func(_ *memory.Store, b *broken) { b.messaging = uncounted{b.Tx.Messaging(), opened} })(s)
}

type uncounted struct {
	messaging.Repository
	opened *sync.Map // conversations, and when they were opened
}

func (r uncounted) OpenConversation(
	ctx context.Context, c messaging.Conversation,
) (messaging.Conversation, bool, error) {
	r.opened.Store(c, time.Now())
	return r.Repository.OpenConversation(ctx, c)
}

func (r uncounted) NthOpened(ctx context.Context, voyager id.User, n int) (time.Time, error) {
	r.opened.Range(func(c, at any) bool {
		if c.(messaging.Conversation).VoyagerID == voyager && time.Since(at.(time.Time)) < time.Second {
			n++
		}
		return true
	})
	return r.Repository.NthOpened(ctx, voyager, n)
}

// saw.
func newBehind(s *memory.Store) ports.Storage {
	var seen sync.Map
	return handing(func(_ *memory.Store, b *broken) { b.messaging = behind{b.Tx.Messaging(), &seen} })(s)
}

type behind struct {
	messaging.Repository
	seen *sync.Map
}

func (r behind) HoldConversation(
	ctx context.Context, conversation id.Conversation, sender id.User, limit int,
) (messaging.Held, error) {
	held, err := r.Repository.HoldConversation(ctx, conversation, sender, limit)
	if err == nil {
		first, _ := r.seen.LoadOrStore(conversation, held.Standing)
		held.Standing = first.(messaging.Standing)
	}
	return held, err
}

// discreet leaves out the last name. Only core may decide that.
type discreet struct{ matching.Repository }

func (r discreet) Search(
	ctx context.Context, q matching.Query, after *matching.Rank, limit int,
) ([]matching.Match, error) {
	found, err := r.Repository.Search(ctx, q, after, limit)
	for i := range found {
		found[i].Profile.LastName = ""
	}
	return found, err
}

// forgetful drops a field of profiles when it writes.
type forgetful struct{ matching.Repository }

func (r forgetful) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	p.Biography = ""
	return r.Repository.SaveProfile(ctx, p, interests)
}

// forgiving writes only the rows whose keys do not exist.
type forgiving struct{ ports.Rows }

func (r forgiving) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	for _, row := range rows {
		there, err := r.has(ctx, table, row)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		if err := r.Rows.Write(ctx, table, []ports.Row{row}); err != nil {
			return err
		}
	}
	return nil
}

func (r forgiving) has(ctx context.Context, table *ports.Table, row ports.Row) (bool, error) {
	all, err := r.Read(ctx, table, nil, 1000)
	return slices.ContainsFunc(all, func(other ports.Row) bool {
		return slices.EqualFunc(row[:table.Key], other[:table.Key], equal)
	}), err
}

// fitting cuts surplus values from rows and keys, and truncates times.
type fitting struct{ ports.Rows }

func (r fitting) Read(ctx context.Context, table *ports.Table, after []any, limit int) ([]ports.Row, error) {
	return r.Rows.Read(ctx, table, after[:min(len(after), table.Key)], limit)
}

func (r fitting) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	cut := slices.Clone(rows)
	for i, row := range cut {
		cut[i] = slices.Clone(row[:min(len(row), len(table.Columns))])
		for j, value := range cut[i] {
			if at, is := value.(time.Time); is {
				cut[i][j] = at.UTC().Truncate(time.Millisecond)
			}
		}
	}
	return r.Rows.Write(ctx, table, cut)
}

func equal(a, b any) bool {
	x, isBytes := a.([]byte)
	if y, ok := b.([]byte); isBytes && ok {
		return slices.Equal(x, y)
	}
	return a == b
}
