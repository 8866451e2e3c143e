// Package mail sends the mail of core/users. Templates make the texts. SMTP sends messages to an
// SMTP server, Queue sends them in the background through another mailer, and Log writes them to the
// log, for development. Each is a users.Mailer. A production server uses a Queue in front of an SMTP.
package mail
