package moderation

import (
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// MaxReportedMessages is the number of messages that a report has at most: the one that was
// reported, and those before it in its conversation.
const MaxReportedMessages = 3

// ReportedMessage is a copy of a message in a report, as the message was when the report was filed.
// It does not have the image of the message, which only participants of the conversation see.
type ReportedMessage struct {
	MessageID  id.Message
	UserID     id.User // the sender
	Content    string
	Attachment string // media type of its image, or "" if it has none
	CreatedAt  time.Time
}

// FiledReport is a report with the messages that were copied into it, oldest first. The last one is
// the message that was reported.
type FiledReport struct {
	Report
	Messages []ReportedMessage
}
