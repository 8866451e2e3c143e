// Package moderation keeps reports, sanctions, blocks and the audit trail. Users report and block
// each other, admins process the reports, sanction users, change accounts and look after the
// delivery of events, and every administrative act leaves an audit record.
package moderation
