package bcrypt_test

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
)

func Example() {
	ctx := context.Background()
	hasher, err := bcrypt.New(4) // only for tests; servers use bcrypt.DefaultCost
	if err != nil {
		fmt.Println(err)
		return
	}
	hash, err := hasher.Hash(ctx, "correct horse battery staple")
	if err != nil {
		fmt.Println(err)
		return
	}
	right, err := hasher.Verify(ctx, hash, "correct horse battery staple")
	fmt.Println(right, err)
	wrong, err := hasher.Verify(ctx, hash, "incorrect horse")
	fmt.Println(wrong, err)
	// Output:
	// true <nil>
	// false <nil>
}
