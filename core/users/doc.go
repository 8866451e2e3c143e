// Package users keeps accounts, their passwords and their sessions, and reports whether an account
// may act. It hashes passwords through Hasher, signs access tokens through AccessTokens, and sends
// mail through Mailer, when a relay of events calls Service.SendMail. Implementations of the three are in adapters/bcrypt, adapters/jwt and
// adapters/mail.
package users
