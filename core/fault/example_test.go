package fault_test

import (
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
)

// A package declares its failures as variables. Callers compare an error with one of them, or with
// a kind.
func Example() {
	errSeatTaken := fault.New(fault.Conflict, "seat_taken", "the seat is taken")

	err := fmt.Errorf("take seat 12: %w", errSeatTaken.WithDetail("Ada sits there"))

	fmt.Println(err)
	fmt.Println(errors.Is(err, errSeatTaken), errors.Is(err, fault.Conflict), fault.KindOf(err))
	// Output:
	// take seat 12: Ada sits there
	// true true conflict
}

// Fields reports all invalid fields of an input in one error.
func ExampleFields() {
	age, city := 17, ""

	var f fault.Fields
	f.Check(age >= 18, "age", "must be 18 to 120")
	f.Check(city != "", "city", "must not be empty")

	fmt.Println(f.Err())
	// Output: age must be 18 to 120; city must not be empty
}
