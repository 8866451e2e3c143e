package community

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// Pair is a voyager with many tokens and a local, with a conversation between them.
type Pair struct {
	Voyager, Local id.User
	Talk           id.Conversation
}

// Populate creates an admin and n pairs in an empty store.
func (c *Community) Populate(ctx context.Context, n int) (admin id.User, pairs []Pair, err error) {
	if admin, err = c.person(ctx, "admin"); err != nil {
		return admin, nil, err
	}
	if _, err := c.Moderation.MakeAdmin(ctx, "admin@example.org"); err != nil {
		return admin, nil, err
	}
	for i := range n {
		p, err := c.pair(ctx, admin, i)
		if err != nil {
			return admin, nil, err
		}
		pairs = append(pairs, p)
	}
	return admin, pairs, nil
}

func (c *Community) pair(ctx context.Context, admin id.User, i int) (p Pair, err error) {
	if p.Voyager, err = c.person(ctx, fmt.Sprintf("voyager%d", i)); err != nil {
		return p, err
	}
	if p.Local, err = c.person(ctx, fmt.Sprintf("local%d", i)); err != nil {
		return p, err
	}
	if _, err := c.Matching.SaveProfile(ctx, p.Local, matching.Profile{IsSearchable: true}, nil); err != nil {
		return p, err
	}
	talk, err := c.Messaging.Open(ctx, p.Voyager, p.Local, "")
	if err != nil {
		return p, err
	}
	p.Talk = talk.Overview.Conversation.ID
	_, err = c.Moderation.PostTokens(ctx, admin, p.Voyager,
		moderation.Adjustment{Type: tokens.Purchase, Amount: 1_000_000_000, Reason: "to spend"}, "")
	return p, err
}

func (c *Community) person(ctx context.Context, name string) (id.User, error) {
	u, err := c.Users.Register(ctx, users.SignUp{Name: name, Email: name + "@example.org", Password: Password})
	return u.ID, err
}
