// Package moderation keeps a community civil: people report and block each other, admins work
// through the reports and act on accounts, and every administrative act leaves an audit record.
package moderation
