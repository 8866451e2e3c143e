package tokens

import "github.com/cicerone-go/cicerone/core/fault"

// MaxBalance is the most tokens that a wallet can hold. It is the largest integer that JavaScript
// represents exactly.
const MaxBalance = 1<<53 - 1

// The errors of a wallet.
var (
	ErrTooFewTokens  = fault.New(fault.InsufficientTokens, "insufficient_tokens", "the wallet holds too few tokens")
	ErrTooManyTokens = fault.New(fault.Conflict, "wallet_full", "the wallet cannot hold that many tokens")
)
