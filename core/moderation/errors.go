package moderation

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	ErrReportPending  = fault.New(fault.Conflict, "report_pending", "your report of this user is still pending")
	ErrReportMove     = fault.New(fault.Conflict, "report_status", "the report's status does not allow this")
	ErrReportNotFound = fault.New(fault.NotFound, "report_not_found", "there is no such report")
	ErrOwnTokens      = fault.New(fault.Forbidden, "own_tokens", "an admin cannot post tokens to their own wallet")
)
