package tokens

// Verification is the result of an audit of a store.
type Verification struct {
	Wallets      int64 // number of wallets
	Transactions int64 // number of transactions
	Unsealed     int64 // number of transactions after the last seals of their wallets
	Held         int64 // sum of the tokens that accepted reservations hold
	Violations   []Violation
}

// Violation is one breach of a rule by the rows of a store.
type Violation struct {
	Rule    string // name of the rule, like wallet_balance; stable between releases
	Subject string // id of the row that breaks the rule, or its name if it has no id; "" for the whole store
	Detail  string // description of the breach, for an operator
}
