// Command owntx is an example of a host application that writes its own rows and Cicerone's in one
// PostgreSQL transaction: the program of a hotel, which books a room and sends a message about it.
//
//	CICERONE_POSTGRES_DSN=postgres://… go run ./examples/owntx
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
)

func main() {
	if err := run(context.Background(), os.Getenv("CICERONE_POSTGRES_DSN"), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// hotel is the host's own type. It has one pool of connections, which Cicerone uses, too.
type hotel struct {
	pool     *pgxpool.Pool
	store    *postgres.Store
	services *services.Services
	out      io.Writer
}

func run(ctx context.Context, dsn string, out io.Writer) (err error) {
	options := postgres.Options{}
	if err := postgres.Migrate(ctx, dsn, options); err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return err
	}
	if err := options.Configure(config); err != nil {
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	store, err := postgres.New(ctx, pool, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(ctx)) }()

	policy := wiring.DefaultConfig()
	policy.Users.SignupBonus, policy.Messaging.MessageCost = 5, 3
	services, err := wiring.NewServices(policy, store)
	if err != nil {
		return err
	}
	return hotel{pool, store, services, out}.open(ctx)
}

func (h hotel) open(ctx context.Context) error {
	_, err := h.pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS hotel_bookings (guest uuid NOT NULL, room integer NOT NULL)")
	if err != nil {
		return err
	}
	guest, talk, err := h.introduce(ctx)
	if err != nil {
		return err
	}
	for _, b := range []booking{
		{room: 12, card: "expired", note: "I have room 12. Shall we meet?"},
		{room: 12, card: "gold", note: "I have room 12. Shall we meet?"},
		{room: 13, card: "gold", note: "I have room 13, too!"}, // too few tokens are left for the note
	} {
		switch err := h.book(ctx, guest, talk, b); {
		case errors.Is(err, errCardRefused):
			fmt.Fprintf(h.out, "room %d is not booked: the card is refused\n", b.room)
		case errors.Is(err, tokens.ErrTooFewTokens):
			fmt.Fprintf(h.out, "room %d is not booked: too few tokens for the note\n", b.room)
		case err != nil:
			return err
		default:
			fmt.Fprintf(h.out, "room %d is booked\n", b.room)
		}
		if err := h.count(ctx, guest, talk); err != nil {
			return err
		}
	}
	return nil
}

// booking is a booking of a room, with the note that the guest sends to the local.
type booking struct {
	room int
	card string
	note string
}

var errCardRefused = errors.New("the card is refused")

// book commits the hotel's row, the message and its payment together, or none of them.
func (h hotel) book(ctx context.Context, guest id.User, talk id.Conversation, b booking) error {
	return pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO hotel_bookings (guest, room) VALUES ($1, $2)", guest, b.room); err != nil {
			return err
		}
		joined := h.store.Join(ctx, tx) // calls with this context are part of tx
		if _, err := h.services.Messaging.Send(joined, guest, talk, messaging.Draft{Content: b.note}, ""); err != nil {
			return err
		}
		if b.card == "expired" {
			return errCardRefused // and BeginFunc rolls back, as after any error
		}
		return nil
	})
}

// count prints the number of the guest's rooms, from the hotel's table, and of the messages and
// tokens, from Cicerone's.
func (h hotel) count(ctx context.Context, guest id.User, talk id.Conversation) error {
	var rooms int
	if err := h.pool.QueryRow(ctx, "SELECT count(*) FROM hotel_bookings WHERE guest = $1", guest).Scan(&rooms); err != nil {
		return err
	}
	said, err := h.services.Messaging.Messages(ctx, guest, talk, page.Request[page.Moment]{Limit: 10})
	if err != nil {
		return err
	}
	funds, err := h.services.Reservations.Funds(ctx, guest)
	if err != nil {
		return err
	}
	fmt.Fprintf(h.out, "  rooms %d, messages %d, tokens %d\n", rooms, len(said.Items), funds.Balance)
	return nil
}

// introduce creates the accounts of a guest and a local, with new addresses in each run, and opens
// a conversation between them.
func (h hotel) introduce(ctx context.Context) (guest id.User, talk id.Conversation, err error) {
	run := id.User(id.NewGenerator(nil).Next())
	var people [2]users.User
	for i, name := range []string{"guest", "rosa"} {
		email := fmt.Sprintf("%s-%s@example.org", name, run)
		people[i], err = h.services.Users.Register(ctx, users.SignUp{Name: name, Email: email, Password: "a view of the sea"})
		if err != nil {
			return guest, talk, err
		}
	}
	guest, local := people[0].ID, people[1].ID
	if _, err := h.services.Matching.SaveProfile(ctx, local, matching.Profile{City: "Lisbon", IsSearchable: true}, nil); err != nil {
		return guest, talk, err
	}
	opened, err := h.services.Messaging.Open(ctx, guest, local, "")
	return guest, opened.Overview.Conversation.ID, err
}
