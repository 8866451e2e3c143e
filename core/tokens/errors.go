package tokens

import "github.com/cicerone-go/cicerone/core/fault"

// MaxBalance is the most that a wallet can hold: what JavaScript holds exactly.
const MaxBalance = 1<<53 - 1

// What a wallet refuses.
var (
	ErrTooFewTokens  = fault.New(fault.InsufficientTokens, "insufficient_tokens", "the wallet holds too few tokens")
	ErrTooManyTokens = fault.New(fault.Conflict, "wallet_full", "the wallet cannot hold that many tokens")
)
