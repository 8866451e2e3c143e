// Command embed is an example of a host application that uses Cicerone's services without HTTP: the
// program of a hotel, in which the concierge introduces guests to locals. It uses two services,
// matching and messaging, over a store of its choice and with its own policies.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/adapters/totp"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// concierge is the host's own type; Cicerone's services are two of its parts.
type concierge struct {
	matching  *matching.Service
	messaging *messaging.Service
	out       io.Writer
}

func run(ctx context.Context, out io.Writer) (err error) {
	// To use the store of another adapter, change only this line.
	storage := memory.New()
	defer func() { err = errors.Join(err, storage.Close(ctx)) }()
	store := ports.NewStore(storage, uow.Policy{})

	hasher, err := bcrypt.New(bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	keys := [][]byte{[]byte("a secret of the hotel's, kept elsewhere")}
	access, err := jwt.New(jwt.Config{Keys: keys, Issuer: "hotel", Audience: "hotel"})
	if err != nil {
		return err
	}
	codes, err := totp.New(totp.Config{Keys: keys, Issuer: "hotel"})
	if err != nil {
		return err
	}
	secrets, err := secret.NewBox("webhook", keys...)
	if err != nil {
		return err
	}
	policies := services.DefaultPolicies()
	policies.Users.SignupBonus, policies.Messaging.MessageCost = 5, 2 // three messages cost more than the bonus
	all, err := services.New(ports.ForServices(store), services.Parts{
		Hasher: hasher, Access: access, TOTP: codes, Mailer: mail.NewLog(slog.Default(), nil), Images: images.New(images.DefaultLimits()),
		Secrets: secrets,
	}, policies)
	if err != nil {
		return err
	}
	c := concierge{matching: all.Matching, messaging: all.Messaging, out: out}
	guest, local, err := people(ctx, all.Users)
	if err != nil {
		return err
	}
	return c.introduce(ctx, guest, local)
}

// people creates two accounts.
func people(ctx context.Context, accounts *users.Service) (guest, local users.User, err error) {
	if guest, err = accounts.Register(ctx, users.SignUp{Name: "Guest of room 12", Email: "room12@example.org", Password: "a view of the sea"}); err != nil {
		return guest, local, err
	}
	local, err = accounts.Register(ctx, users.SignUp{Name: "Rosa", Email: "rosa@example.org", Password: "nobody cooks better"})
	return guest, local, err
}

func (c concierge) introduce(ctx context.Context, guest, local users.User) error {
	_, err := c.matching.SaveProfile(ctx, local.ID, matching.Profile{
		FirstName: "Rosa", City: "Lisbon", Country: "Portugal", IsSearchable: true,
	}, nil)
	if err != nil {
		return err
	}
	found, err := c.matching.Matches(ctx, guest.ID, matching.Search{City: "LISBON"}, page.Request[matching.Rank]{Limit: 5})
	if err != nil {
		return err
	}
	for _, m := range found.Items {
		fmt.Fprintf(c.out, "%s lives in %s\n", m.Profile.FirstName, m.Profile.City)
	}

	opened, err := c.messaging.Open(ctx, guest.ID, local.ID, "")
	if err != nil {
		return err
	}
	conversation := opened.Overview.Conversation.ID
	for _, line := range []string{"Good evening!", "Where do you buy your fish?", "And your bread?"} {
		_, err := c.messaging.Send(ctx, guest.ID, conversation, messaging.Draft{Content: line}, "")
		switch {
		case errors.Is(err, tokens.ErrTooFewTokens): // or its kind, fault.InsufficientTokens
			fmt.Fprintf(c.out, "not sent, %v: %s\n", fault.KindOf(err), line)
		case err != nil:
			return err
		default:
			fmt.Fprintf(c.out, "sent: %s\n", line)
		}
	}
	return nil
}
