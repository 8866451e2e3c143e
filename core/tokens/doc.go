// Package tokens keeps the money of a community: a wallet for each person, and a ledger that only
// grows. Every change of a balance is one Transaction, and no balance is ever below zero.
//
// Other domains charge and credit through the functions Charge and Credit, inside the unit of work of
// their own use case, so that what was paid for and the payment are kept together or not at all.
package tokens
