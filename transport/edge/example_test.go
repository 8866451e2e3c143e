package edge_test

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// apiKeys is an Authenticator that a host may have: it looks up API keys.
type apiKeys map[string]users.Caller

func (k apiKeys) Authenticate(_ context.Context, token string) (users.Caller, error) {
	caller, ok := k[token]
	if !ok {
		return users.Caller{}, fault.New(fault.Unauthenticated, "unknown_key", "this key is not known")
	}
	return caller, nil
}

// A transport describes the request, and calls the gate before it decodes the request.
func Example() {
	gate := edge.NewGate(apiKeys{"key-of-ada": {UserID: id.User{1}, Role: users.RoleUser}}, edge.DefaultLimits())
	for _, token := range []string{"", "key-of-ada"} {
		ctx := edge.WithCall(context.Background(), edge.Call{Operation: "wallet", Token: token, Address: "192.0.2.1"})
		ctx, err := gate.SignedIn(ctx)
		if err != nil {
			fmt.Println(err)
			continue
		}
		caller, _ := edge.CallerFrom(ctx)
		fmt.Println("signed in as", caller.Role)
		_, err = edge.AdminsOnly(ctx)
		fmt.Println(err)
	}
	// Output:
	// sign in first: the access token is missing, expired or revoked
	// signed in as user
	// only an admin may do this
}

// A list is read page by page. A cursor works for its list and caller only.
func ExampleReadPage() {
	cities := []string{"Athens", "Bergen", "Cork", "Delft", "Evora"}
	list := func(r page.Request[string]) (page.Page[string, string], error) {
		return page.Read(r, func(city string) string { return city }, func(after *string, limit int) (found []string, err error) {
			for _, city := range cities {
				if (after == nil || city > *after) && len(found) < limit {
					found = append(found, city)
				}
			}
			return found, nil
		})
	}
	cursors := edge.RandomCursors()
	ctx := edge.WithCall(context.Background(), edge.Call{Operation: "cities"})

	items, next, err := edge.ReadPage(ctx, cursors, "", 3, nil, list)
	fmt.Println(items, err)
	items, last, err := edge.ReadPage(ctx, cursors, next, 3, nil, list)
	fmt.Printf("%v %q %v\n", items, last, err)
	_, _, err = edge.ReadPage(ctx, cursors, next, 3, []any{"country", "GR"}, list)
	fmt.Println(err)
	// Output:
	// [Athens Bergen Cork] <nil>
	// [Delft Evora] "" <nil>
	// cursor: is not a cursor of this list
}

// The keys of cursors may be derived from an existing secret. An old key remains valid for a while.
func ExampleNewCursors() {
	var keys [][]byte
	for _, secret := range []string{"the new key of access tokens, 32+", "the old key of access tokens, 32+"} {
		key, err := edge.DeriveCursorKey([]byte(secret))
		if err != nil {
			fmt.Println(err)
			return
		}
		keys = append(keys, key)
	}
	_, err := edge.NewCursors(keys...)
	fmt.Println(err)
	// Output: <nil>
}
