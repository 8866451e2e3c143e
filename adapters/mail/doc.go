// Package mail sends the mail of core/users. Templates make the texts. SMTP sends messages to an
// SMTP server, and Log writes them to the log, for development. Each is a users.Mailer.
package mail
