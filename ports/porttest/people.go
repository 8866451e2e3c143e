package porttest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The functions below make valid values. Those whose names begin with "new" only make them; the
// others store them, too.

func (f *fixture) newUser(name string) users.User {
	return users.User{
		ID: id.User(f.ids.Next()), Name: name, Email: name + "@example.org", Role: users.RoleUser, IsActive: true,
		Version: 1, CreatedAt: noon, UpdatedAt: noon,
	}
}

// account stores an account without a wallet, after the changes that the test needs.
func (f *fixture) account(name string, changes ...func(*users.User)) users.User {
	f.Helper()
	u := f.newUser(name)
	for _, change := range changes {
		change(&u)
	}
	created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Users().Add(ctx, u, hashOf(name))
	})
	if !created {
		f.Fatalf("the address %s is taken", u.Email)
	}
	return u
}

// user stores an account with an empty wallet.
func (f *fixture) user(name string, changes ...func(*users.User)) users.User {
	f.Helper()
	u := f.account(name, changes...)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Tokens().Open(ctx, tokens.Wallet{ID: id.Wallet(f.ids.Next()), UserID: u.ID})
	})
	return u
}

func admin(u *users.User)    { u.Role = users.RoleAdmin }
func inactive(u *users.User) { u.IsActive = false }

// many stores n accounts with empty wallets.
func (f *fixture) many(n int, name string) []users.User {
	f.Helper()
	all := make([]users.User, n)
	for i := range all {
		all[i] = f.user(fmt.Sprintf("%s%02d", name, i))
	}
	return all
}

func hashOf(password string) users.PasswordHash {
	return users.NewPasswordHash(fmt.Sprintf("$2a$12$%x", sha256.Sum256([]byte(password))))
}

func (f *fixture) newEntry(user id.User, amount int64, kind tokens.Type) tokens.Entry {
	return tokens.Entry{ID: id.Transaction(f.ids.Next()), UserID: user, Amount: amount, Type: kind, CreatedAt: noon}
}

// post writes one entry to the ledger.
func (f *fixture) post(user id.User, amount int64, kind tokens.Type) tokens.Receipt {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (tokens.Receipt, error) {
		return postOne(ctx, tx, f.newEntry(user, amount, kind))
	})
}

func postOne(ctx context.Context, tx ports.Tx, e tokens.Entry) (tokens.Receipt, error) {
	receipts, err := tx.Tokens().Post(ctx, e)
	if err == nil && len(receipts) != 1 {
		err = fmt.Errorf("post returned %d receipts for one entry", len(receipts))
	}
	if err != nil {
		return tokens.Receipt{}, err
	}
	return receipts[0], nil
}

// rich stores an account with balance tokens in its wallet.
func (f *fixture) rich(name string, balance int64, changes ...func(*users.User)) users.User {
	f.Helper()
	u := f.user(name, changes...)
	f.post(u.ID, balance, tokens.SignupBonus)
	return u
}

func (f *fixture) wallet(user id.User) tokens.Wallet {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (tokens.Wallet, error) {
		return tx.Tokens().Wallet(ctx, user)
	})
}

func (f *fixture) newSession(user id.User) (users.Session, users.RefreshToken) {
	s := users.Session{ID: id.Session(f.ids.Next()), UserID: user, CreatedAt: noon, LastUsedAt: noon}
	return s, f.newRefreshToken(s.ID, noon.Add(720*time.Hour))
}

func (f *fixture) newRefreshToken(session id.Session, expires time.Time) users.RefreshToken {
	return users.RefreshToken{Hash: f.secret(), SessionID: session, CreatedAt: noon, ExpiresAt: expires}
}

// secret returns a unique hash.
func (f *fixture) secret() users.SecretHash {
	unique := f.ids.Next()
	return sha256.Sum256(unique[:])
}

func (f *fixture) session(user id.User) (users.Session, users.RefreshToken) {
	f.Helper()
	s, first := f.newSession(user)
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddSession(ctx, s, first) })
	return s, first
}

func (f *fixture) newReport(reporter, reported id.User) moderation.Report {
	return moderation.Report{
		ID: id.Report(f.ids.Next()), ReporterID: reporter, ReportedUserID: reported, Reason: "rude",
		Message: "they swore", Status: moderation.Pending, CreatedAt: noon,
	}
}

func (f *fixture) report(r moderation.Report) moderation.Report {
	f.Helper()
	created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Moderation().AddReport(ctx, r)
	})
	if !created {
		f.Fatalf("a new report was reported as a duplicate")
	}
	return r
}

func (f *fixture) block(user, blocked id.User) {
	f.Helper()
	f.blocks(moderation.Block{UserID: user, BlockedUserID: blocked, CreatedAt: noon}, true)
}

// blocks makes a block, and fails the test unless the store reports whether it is new.
func (f *fixture) blocks(b moderation.Block, want bool) {
	f.Helper()
	f.same("the block is new", write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Moderation().Block(ctx, b)
	}), want)
}

// unblock removes a block, and fails the test unless the store reports whether there was one.
func (f *fixture) unblock(user, blocked id.User, want bool) {
	f.Helper()
	f.same("there was a block", write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Moderation().Unblock(ctx, user, blocked)
	}), want)
}

func (f *fixture) newInterest(name string) matching.Interest {
	return matching.Interest{ID: id.Interest(f.ids.Next()), Name: name, Icon: "🥾", IsActive: true}
}

func (f *fixture) interest(name string) matching.Interest {
	f.Helper()
	i := f.newInterest(name)
	created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Matching().AddInterest(ctx, i)
	})
	if !created {
		f.Fatalf("the new interest %s was reported as a duplicate", name)
	}
	return i
}

// saveInterest stores a changed interest.
func (f *fixture) saveInterest(i matching.Interest) (saved bool) {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		if _, err := tx.Matching().HoldInterest(ctx, i.ID); err != nil {
			return false, err
		}
		return tx.Matching().SaveInterest(ctx, i)
	})
}

func (f *fixture) newProfile(user users.User) matching.Profile {
	return matching.Profile{
		ID: id.Profile(f.ids.Next()), UserID: user.ID, FirstName: user.Name, LastName: "Example", Age: 30,
		Biography: "I like walks.", Country: "France", City: "Lyon",
		ImageURL:     "https://example.org/" + user.Name + ".png",
		IsSearchable: true,
	}
}

func (f *fixture) saveProfile(p matching.Profile, interests ...matching.Interest) matching.Profile {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Matching().SaveProfile(ctx, p, idsOf(interests))
	})
	return p
}

// profile stores a searchable profile.
func (f *fixture) profile(user users.User, interests ...matching.Interest) matching.Profile {
	f.Helper()
	return f.saveProfile(f.newProfile(user), interests...)
}

func idsOf(interests []matching.Interest) []id.Interest {
	var ids []id.Interest
	for _, i := range interests {
		ids = append(ids, i.ID)
	}
	return ids
}

func (f *fixture) newConversation(voyager, local id.User) messaging.Conversation {
	return messaging.Conversation{
		ID: id.Conversation(f.ids.Next()), VoyagerID: voyager, LocalID: local, CreatedAt: noon,
	}
}

func (f *fixture) openConversation(c messaging.Conversation) (there messaging.Conversation, created bool) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		there, created, err = tx.Messaging().OpenConversation(ctx, c)
		return err
	})
	return there, created
}

func (f *fixture) conversation(voyager, local users.User) messaging.Conversation {
	f.Helper()
	c := f.newConversation(voyager.ID, local.ID)
	if _, created := f.openConversation(c); !created {
		f.Fatal("a new conversation was reported as a duplicate")
	}
	return c
}

func (f *fixture) newMessage(c messaging.Conversation, sender id.User, at time.Time) messaging.Message {
	return messaging.Message{
		ID: id.Message(f.ids.Next()), ConversationID: c.ID, UserID: sender, Content: "hello", CreatedAt: at,
	}
}

func (f *fixture) addMessage(m messaging.Message, a *messaging.Attachment) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Messaging().AddMessage(ctx, m, a) })
}

func (f *fixture) message(c messaging.Conversation, sender users.User, at time.Time) messaging.Message {
	f.Helper()
	m := f.newMessage(c, sender.ID, at)
	f.addMessage(m, nil)
	return m
}

// newReservation makes a pending reservation of one hour, which begins the given number of hours
// after noon of the next day.
func (f *fixture) newReservation(c messaging.Conversation, hour int) reservations.Reservation {
	begin := noon.Add(time.Duration(24+hour) * time.Hour)
	return reservations.Reservation{
		ID: id.Reservation(f.ids.Next()), ConversationID: c.ID, VoyagerID: c.VoyagerID, LocalID: c.LocalID,
		CreatorID: c.VoyagerID, Title: "a walk", Price: price("12.00"), Tokens: 12, Date: begin,
		EndDate: begin.Add(time.Hour),
		Status:  reservations.Pending, CreatedAt: noon, UpdatedAt: noon,
	}
}

func (f *fixture) addReservation(r reservations.Reservation) reservations.Reservation {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Reservations().Add(ctx, r) })
	return r
}

func (f *fixture) reservation(c messaging.Conversation, hour int) reservations.Reservation {
	f.Helper()
	return f.addReservation(f.newReservation(c, hour))
}

func price(s string) reservations.Price {
	p, err := reservations.ParsePrice(s)
	if err != nil {
		panic(err) // a defect of the kit
	}
	return p
}

// move moves a reservation in a unit of its own.
func (f *fixture) move(r reservations.Reservation, from, to reservations.Status) reservations.MoveResult {
	f.Helper()
	r.Status = from
	return write(f, func(ctx context.Context, tx ports.Tx) (reservations.MoveResult, error) {
		return tx.Reservations().Move(ctx, r, to, noon.Add(time.Minute))
	})
}

func ptr[T any](v T) *T { return &v }
