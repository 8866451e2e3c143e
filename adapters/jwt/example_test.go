package jwt_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

func Example() {
	ctx := context.Background()
	key, err := jwt.NewKey() // must be kept: without it, all users have to sign in again
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens, err := jwt.New(jwt.Config{Keys: [][]byte{key}, Issuer: "https://cicerone.example.org", Audience: "cicerone-api"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ids := id.NewGenerator(time.Now)
	user, session := id.User(ids.Next()), id.Session(ids.Next())
	token, err := tokens.Issue(ctx, user, session, time.Now().Add(15*time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}

	gotUser, gotSession, err := tokens.Verify(ctx, token)
	fmt.Println(gotUser == user, gotSession == session, err)
	_, _, err = tokens.Verify(ctx, token+"x")
	fmt.Println(errors.Is(err, jwt.ErrToken), fault.KindOf(err))
	// Output:
	// true true <nil>
	// true unauthenticated
}
