// Package tokens keeps the money of a community: a wallet for each user, and a ledger to which
// lines are only added. Every change of a balance is one Transaction, and no balance is ever below
// zero.
//
// Other domains charge and credit with Ledger.Post, inside the unit of work of their own use case.
// The payment and the thing that it pays for are then stored together or not at all.
package tokens
