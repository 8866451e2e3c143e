package failure_test

import (
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// A transport sends the public part of an error with the code of its protocol.
func Example() {
	errTaken := fault.New(fault.Conflict, "seat_taken", "the seat is taken")
	for _, err := range []error{
		fmt.Errorf("take seat 12: %w", errTaken.Wrap(errors.New("23505 on seats_pkey"))),
		errors.New("dial 10.0.0.7: connection refused"),
	} {
		public := failure.Public(err)
		fmt.Println(failure.CodesOf(public.Kind).HTTP, public.Code, public.Detail)
	}
	// Output:
	// 409 seat_taken the seat is taken
	// 500 internal something went wrong on this side
}
