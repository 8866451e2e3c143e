package matching

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	ErrProfileNotFound  = fault.New(fault.NotFound, "profile_not_found", "there is no such profile")
	ErrInterestNotFound = fault.New(fault.NotFound, "interest_not_found", "there is no such interest")
	ErrInterestTaken    = fault.New(fault.Conflict, "interest_taken", "there is already an interest with this name")
)
