package tokens

// Verification is what an audit of a store found.
type Verification struct {
	Wallets      int64 // how many there are
	Transactions int64 // how many there are
	Held         int64 // the sum of tokens that accepted reservations hold
	Violations   []Violation
}

// Violation is one rule that the store's rows break.
type Violation struct {
	Rule    string // stays the same between releases, like wallet_balance
	Subject string // the id of the row that breaks it, or "" for the store as a whole
	Detail  string // what was found, for an operator
}
