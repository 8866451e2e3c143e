// Package users holds accounts: who somebody is, how they prove it, and whether they may act. It
// knows passwords only through Hasher, access tokens only through AccessTokens, mail only through
// Mailer; adapters for the three are beside the stores.
package users
