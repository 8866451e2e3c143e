package moderation

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	ErrReportPending    = fault.New(fault.Conflict, "report_pending", "your report of this user is still pending")
	ErrReportMove       = fault.New(fault.Conflict, "report_status", "the report's status does not allow this")
	ErrReportNotFound   = fault.New(fault.NotFound, "report_not_found", "there is no such report")
	ErrSanctionNotFound = fault.New(fault.NotFound, "sanction_not_found", "there is no such sanction")
	ErrOwnSanction      = fault.New(fault.Forbidden, "own_sanction", "an admin cannot sanction themselves, and cannot decide about a sanction against them")
	ErrSanctioned       = fault.New(fault.Conflict, "user_sanctioned", "a sanction of this kind is in force: lift it first")
	ErrInactive         = fault.New(fault.Conflict, "user_inactive", "this account is not active")
	ErrAppealed         = fault.New(fault.Conflict, "already_appealed", "you have appealed against this sanction")
	ErrSanctionOver     = fault.New(fault.Conflict, "sanction_over", "this sanction has ended or was lifted")
	ErrDecided          = fault.New(fault.Conflict, "sanction_decided", "the sanction was lifted already, or there is no appeal to decide")
	ErrEventNotFound    = fault.New(fault.NotFound, "event_not_found", "no such event is set aside")

	ErrSubscriptionNotFound = fault.New(fault.NotFound, "subscription_not_found", "there is no such subscription")
	ErrSubscriptionChanged  = fault.New(fault.Conflict, "subscription_changed", "the subscription was just changed")

	ErrOwnTokens = fault.New(fault.Forbidden, "own_tokens", "an admin cannot post tokens to their own wallet")
)
