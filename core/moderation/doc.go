// Package moderation keeps reports, blocks and the audit trail. Users report and block each other,
// admins process the reports and change accounts, and every administrative act leaves an audit
// record.
package moderation
