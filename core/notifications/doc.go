// Package notifications mails users what happened: who gets which mail, and when, and what a user
// does not want to get. See core/README.md#notifications.
package notifications
