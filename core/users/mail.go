package users

import "context"

// MailKind names what a mail is about. Templates are chosen by it, and it determines the type of
// Mail.Data: see the constant of each kind.
type MailKind string

// The kinds of mail of this domain. None of them can be switched off.
const (
	// MailPasswordReset has a secret with which its reader sets a new password. Its Data is a
	// PasswordResetMail.
	MailPasswordReset MailKind = "password_reset"

	// MailWrongPasswords tells the owner of an account of wrong passwords that reached
	// Policy.MaxWrong. Its Data is a WrongPasswordsMail.
	MailWrongPasswords MailKind = "wrong_passwords"
)

// PasswordResetMail is the Data of MailPasswordReset.
type PasswordResetMail struct {
	Link    string // Policy.ResetURL with the secret appended; "" if there is no such page
	Secret  string // the secret alone
	Minutes int    // how long the secret works
}

// WrongPasswordsMail is the Data of MailWrongPasswords.
type WrongPasswordsMail struct {
	Wrong int // how many wrong passwords and codes there were
}

// Mail is a message to one recipient. It is a kind with data: a Mailer makes the text.
type Mail struct {
	To     string
	Kind   MailKind
	Locale string // the language of the recipient, as a BCP 47 tag like "fr"; "" if it is not known
	Data   any    // a struct, whose type the Kind determines; its fields are read by templates

	// Unsubscribe is an https address that switches off mail of this kind, without a sign-in, when
	// it is posted to (RFC 8058). It is "" for mail that cannot be switched off.
	Unsubscribe string
}

// Mailer sends mail. It is called outside any unit of work, by a subscriber of events: see
// MailSubscriber.
type Mailer interface {
	// Send sends the message. A nil error means that the message was accepted for delivery, not
	// that it has arrived. Errors: ErrNotMailed if it may succeed later, ErrMailRefused if it never
	// will; and others, for instance if there is no text for the Kind.
	Send(ctx context.Context, m Mail) error
}

// MailSubscriber is the name of the subscriber that calls Service.SendMail in a server. No mail is
// sent while no process runs it.
const MailSubscriber = "mail"
