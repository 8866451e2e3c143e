package id_test

import (
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// Identifiers sort in the order in which they were generated.
func Example() {
	noon := time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	source := id.NewGenerator(func() time.Time { return noon })

	ada, luca := id.User(source.Next()), id.User(source.Next())

	fmt.Println(ada.Time().Format(time.Kitchen), ada.Compare(luca))
	// Output: 12:00PM -1
}

func ExampleParse() {
	user, err := id.Parse[id.User]("0192F0C1-2B3C-7D4E-8F5A-6B7C8D9E0F1A")
	fmt.Println(user, err)

	_, err = id.Parse[id.User]("42")
	fmt.Println(err)
	// Output:
	// 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a <nil>
	// must be an identifier like 0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a
}
