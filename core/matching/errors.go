package matching

import "github.com/cicerone-go/cicerone/core/fault"

// What this domain refuses.
var (
	ErrProfileNotFound  = fault.New(fault.NotFound, "profile_not_found", "there is no such profile")
	ErrInterestNotFound = fault.New(fault.NotFound, "interest_not_found", "there is no such interest")
	ErrInterestTaken    = fault.New(fault.Conflict, "interest_taken", "there is an interest with this name")
)
