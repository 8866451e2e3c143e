// Package mail sends the mail of core/users: by SMTP, by way of a queue, or, for development, into
// the log. All three are a users.Mailer; a server in earnest puts a Queue in front of an SMTP.
package mail
