package moderation

import "github.com/cicerone-go/cicerone/core/fault"

// What this domain refuses.
var (
	ErrReportPending  = fault.New(fault.Conflict, "report_pending", "you have reported this person already, and the report is pending")
	ErrReportMove     = fault.New(fault.Conflict, "report_status", "the report's status does not allow this")
	ErrReportNotFound = fault.New(fault.NotFound, "report_not_found", "there is no such report")
	ErrOwnTokens      = fault.New(fault.Forbidden, "own_tokens", "nobody moves their own tokens as an admin")
)
